"""The backbone as a table: stages, widths, strides. Standard library only; it knows no tensors."""

from __future__ import annotations

from dataclasses import dataclass

STEM = 32  # channels after the first convolution, which halves the image
ATTENTION_RATIO = 16  # channels to those inside a channel attention


@dataclass(frozen=True)
class Stage:
    """A run of blocks. A stride of 2 begins with the three-branch block, LB2; all others are LB1."""

    name: str
    blocks: int
    channels_in: int
    channels_out: int
    stride: int
    expansion: int


STAGES = (
    Stage("S1", 1, STEM, 16, 1, 1),
    Stage("S2", 2, 16, 24, 2, 6),
    Stage("S3", 3, 24, 32, 2, 6),
    Stage("S4", 4, 32, 64, 2, 6),
    Stage("S5", 3, 64, 96, 1, 6),
    Stage("S6", 3, 96, 160, 2, 6),
    Stage("S7", 1, 160, 320, 1, 6),
)
LAST = 1280  # channels of C1, the last convolution, which the head pools
WIDTHS = {**{stage.name: stage.channels_out for stage in STAGES}, "C1": LAST}  # stage -> channels that leave it
POSITIONS = ("S1", "S4", "S6", "C1")  # the four after which a dynamic group mechanism may stand
