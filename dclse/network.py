"""The backbone of DCL-SE, with a dynamic group mechanism after the selected stages."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dclse.architecture import LAST, POSITIONS, STAGES, STEM, WIDTHS, Stage, Structure
from dclse.blocks import LB1, LB2, convolution
from dclse.dgm import DynamicGroup

SMALLEST = 32  # pixels; an image of this size has one position after the last stage


class Backbone(nn.Module):
    """Images of any size to logits, (B, C, H, W) to (B, outputs). Without `outputs` it has no head; use `maps`."""

    def __init__(self, channels: int, outputs: int | None, structure: Structure) -> None:
        super().__init__()
        structure.check()
        self.stem = convolution(channels, STEM, 3, 2)
        self.stages = nn.ModuleDict({stage.name: _stage(stage, structure) for stage in STAGES})
        self.stages["C1"] = convolution(STAGES[-1].channels_out, LAST)
        after = [name for name in WIDTHS if name in structure.dgm]
        self.dgm = nn.ModuleDict({name: DynamicGroup(WIDTHS[name], structure) for name in after})
        if outputs is not None:
            self.head = nn.Linear(LAST, outputs)  # the 1x1 convolution of the pooled features

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        """The output of each stage after its dynamic group mechanism: (B, WIDTHS[stage], height, width).

        S1 has 1/2 of the height and width of the image, S2 1/4, S3 1/8, S4 1/16, S6 and C1 1/32, rounded up.
        ValueError if `x` is not a batch of such images.
        """
        self._check(x)
        x, maps = self.stem(x), {}
        for name, stage in self.stages.items():
            x = stage(x.contiguous(memory_format=torch.channels_last))  # the faster layout of 1x1 convolutions
            if name in self.dgm:
                x = self.dgm[name](x)
            maps[name] = x
        return maps

    def _check(self, x: Tensor) -> None:
        channels = self.stem[0].in_channels
        if x.ndim != 4 or x.shape[1] != channels:
            raise ValueError(
                f"the network reads images (B, {channels}, H, W), not {tuple(x.shape)}; volumes need a view that gives "
                "images"
            )
        if self.training and len(x) == 1 and max(x.shape[2:]) <= SMALLEST:
            raise ValueError(
                f"one image of {x.shape[2]} x {x.shape[3]} has a single pixel after C1, too few for batch "
                f"normalisation: use batches of two or more, or images above {SMALLEST} pixels"
            )

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """The `maps` of the stages that a dynamic group mechanism may follow: S1, S4, S6, C1."""
        maps = self.maps(x)
        return {name: maps[name] for name in POSITIONS}

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.maps(x)["C1"].mean((2, 3)))


def _stage(stage: Stage, structure: Structure) -> nn.Sequential:
    kind = LB2 if stage.name in structure.lb2 else LB1
    blocks = [kind(stage.channels_in, stage.channels_out, stage.expansion, structure, stage.stride)]
    later = (stage.channels_out, stage.channels_out, stage.expansion, structure)
    return nn.Sequential(*blocks, *(LB1(*later) for _ in range(stage.blocks - 1)))
