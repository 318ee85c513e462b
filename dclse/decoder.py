"""Masks of images: three nested decoders on one encoder, after Fig. 4 of the paper (only the figure is public).

The decoders begin after S1, S4 and S6 and grow in depth; the bottleneck of each is handed on to the next, and the last
one is joined by C1. Widths, the skips, and that the image itself is joined at full size are our choices: an artery of
one or two pixels is lost by the first convolution, which halves the image.
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
NESTED = ("S1", "S4", "S6")  # where the three decoders begin


def _width(stage: str) -> int:
    return {"S1": 16, "S2": 24, "S3": 32, "S4": 64, "S6": 96}[stage]


class Decoder(nn.Module):
    """From the bottleneck after a stage up to the size of the image, joined by the maps on the way."""

    def __init__(self, stage: str, channels: int, joined: int) -> None:
        """channels: of the image. joined: channels beside the stage's own map: the bottleneck before, and C1."""
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
    """The three decoders, chained: an image and the maps of its stages to outputs (B, outputs, H, W).

    fusion: `last`, the third decoder answers; `attention`, the maps of all three at full size, each channel times its
    global attention, then one 1x1 convolution.
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
        """The output of each stage, the answer last."""
        drawn, handed = [], None
        for stage, decoder in self.decoders.items():
            parts = (
                [maps[stage]] if handed is None else [maps[stage], F.adaptive_avg_pool2d(handed, maps[stage].shape[2:])]
            )
            if stage == "S6":
                parts.append(_grown(self.context(maps["C1"]), maps[stage]))
            handed = decoder.bottleneck(torch.cat(parts, 1))
            drawn.append(decoder(image, maps, handed))
        said = [self.outputs[stage](each) for stage, each in zip(NESTED, drawn, strict=True)]
        if self.gate is None:
            return said
        gated = torch.cat(drawn, 1) * self.gate(maps)[:, :, None, None]
        return [*said, self.fused(gated)]


def _grown(x: Tensor, like: Tensor) -> Tensor:
    """`x` at the size of `like`."""
    if x.shape[2:] == like.shape[2:]:
        return x
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)
