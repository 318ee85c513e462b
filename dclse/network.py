"""The backbone of DCL-SE to the layer, with a dynamic group mechanism after the stages that are named."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor, nn

from dclse.blocks import LB1, LB2, convolution
from dclse.dgm import DynamicGroup
from dclse.layout import LAST, STAGES, STEM, WIDTHS, Stage


class Backbone(nn.Module):
    """Images to logits, (B, C, H, W) to (B, outputs). dgm: names of stages; ratio, groups: those of `DynamicGroup`."""

    def __init__(
        self,
        channels: int,
        outputs: int,
        dgm: Collection[str] = (),
        ratio: int = 4,
        groups: int = 4,
        attention: bool = True,
    ) -> None:
        super().__init__()
        self.stem = convolution(channels, STEM, 3, 2)
        self.stages = nn.ModuleDict({stage.name: _stage(stage, attention) for stage in STAGES})
        self.stages["C1"] = convolution(STAGES[-1].channels_out, LAST)
        self.dgm = nn.ModuleDict({name: DynamicGroup(WIDTHS[name], ratio, groups) for name in WIDTHS if name in dgm})
        self.head = nn.Linear(LAST, outputs)  # the 1x1 convolution of the pooled features

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (B, 32, H / 2, W / 2)
        for name, stage in self.stages.items():
            x = stage(x)
            if name in self.dgm:
                x = self.dgm[name](x)
        return self.head(x.mean((2, 3)))  # (B, 1280, H / 32, W / 32) to (B, outputs)


def _stage(stage: Stage, attention: bool) -> nn.Sequential:
    first = (stage.channels_in, stage.channels_out, stage.expansion)
    blocks = [LB2(*first) if stage.stride == 2 else LB1(*first, attention)]
    later = (stage.channels_out, stage.channels_out, stage.expansion, attention)
    return nn.Sequential(*blocks, *(LB1(*later) for _ in range(stage.blocks - 1)))
