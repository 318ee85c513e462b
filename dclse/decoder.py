"""Masks of images: three nested decoders on one encoder, after Fig. 4 of the paper (only the figure is public).

The decoders start at S1, S4 and S6, with increasing depth; each passes its bottleneck to the next, and the last one
also reads C1. The widths, the skip connections and the concatenation of the image at full size are our choices: the
first convolution halves the image and would lose an artery of one or two pixels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dclse.architecture import LAST, WIDTHS
from dclse.blocks import convolution
from dclse.heads import Gate

SKIPS = ("S1", "S2", "S3", "S4", "S6")  # the deepest map of each size: 1/2, 1/4, 1/8, 1/16, 1/32 of the image
WIDTH = 16  # channels of a decoder at full size
NESTED = ("S1", "S4", "S6")  # stages at which the three decoders start


def _width(stage: str) -> int:
    return {"S1": 16, "S2": 24, "S3": 32, "S4": 64, "S6": 96}[stage]


class Decoder(nn.Module):
    """Decode from the bottleneck after a stage to the size of the image, with skip connections."""

    def __init__(self, stage: str, channels: int, joined: int) -> None:
        """channels: of the image. joined: channels concatenated to the stage's map: previous bottleneck, and C1."""
        super().__init__()
        depth = SKIPS.index(stage)
        self.way = SKIPS[:depth][::-1]
        self.bottleneck = convolution(WIDTHS[stage] + joined, _width(stage))
        widths = [_width(stage), *(_width(skip) for skip in self.way)]
        self.steps = nn.ModuleList(
            convolution(widths[step] + WIDTHS[skip], widths[step + 1], 3) for step, skip in enumerate(self.way)
        )
        self.last = convolution(widths[-1] + channels, WIDTH, 3)

    def forward(self, image: Tensor, maps: Mapping[str, Tensor], bottleneck: Tensor) -> Tensor:
        x = bottleneck
        for skip, step in zip(self.way, self.steps, strict=True):
            x = step(torch.cat([_grown(x, maps[skip]), maps[skip]], 1))
        return self.last(torch.cat([_grown(x, image), image], 1))  # (B, WIDTH, H, W)


class Decoders(nn.Module):
    """The three chained decoders: an image and the maps of its stages to outputs (B, outputs, H, W).

    fusion: `last`, the prediction is the output of the third decoder; `attention`, the channels of all three at full
    size are scaled by global attention and read by a 1x1 convolution.
    """

    def __init__(self, channels: int, outputs: int, fusion: str) -> None:
        super().__init__()
        before = (0, _width("S1"), _width("S4") + _width("S6"))
        self.context = convolution(LAST, _width("S6"))  # of C1, at the size of S6
        self.decoders = nn.ModuleDict(
            {stage: Decoder(stage, channels, more) for stage, more in zip(NESTED, before, strict=True)}
        )
        self.outputs = nn.ModuleDict({stage: nn.Conv2d(WIDTH, outputs, 1) for stage in NESTED})
        self.gate = Gate((*NESTED, "C1"), WIDTH * len(NESTED)) if fusion == "attention" else None
        self.fused = nn.Conv2d(WIDTH * len(NESTED), outputs, 1) if self.gate is not None else None

    def forward(self, image: Tensor, maps: Mapping[str, Tensor]) -> list[Tensor]:
        """The output of each stage, the prediction last."""
        decoded, bottleneck = [], None
        for stage, decoder in self.decoders.items():
            size = maps[stage].shape[2:]
            parts = [maps[stage]] if bottleneck is None else [maps[stage], F.adaptive_avg_pool2d(bottleneck, size)]
            if stage == "S6":
                parts.append(_grown(self.context(maps["C1"]), maps[stage]))
            bottleneck = decoder.bottleneck(torch.cat(parts, 1))
            decoded.append(decoder(image, maps, bottleneck))
        outputs = [self.outputs[stage](each) for stage, each in zip(NESTED, decoded, strict=True)]
        if self.gate is None:
            return outputs
        gated = torch.cat(decoded, 1) * self.gate(maps)[:, :, None, None]
        return [*outputs, self.fused(gated)]


def _grown(x: Tensor, like: Tensor) -> Tensor:
    """Resize `x` to the size of `like`."""
    if x.shape[2:] == like.shape[2:]:
        return x
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)
