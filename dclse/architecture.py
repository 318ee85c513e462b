"""The backbone as a table: stages, widths, strides, and the options of the structure. No tensors."""

from __future__ import annotations

from dataclasses import dataclass

from bench.core import BenchError

STEM = 32  # channels after the first convolution, which halves the image
ATTENTION_RATIO = 16  # channels to those inside a channel attention


@dataclass(frozen=True)
class Stage:
    """A sequence of blocks. The first may be the three-branch block LB2 (if the stride is 2); the others are LB1."""

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
NAMES = tuple(stage.name for stage in STAGES)
HALVING = tuple(stage.name for stage in STAGES if stage.stride == 2)  # where the released network has its LB2
LAST = 1280  # channels of C1, the last convolution, which the head pools
WIDTHS = {**{stage.name: stage.channels_out for stage in STAGES}, "C1": LAST}  # stage -> channels that leave it
POSITIONS = ("S1", "S4", "S6", "C1")  # the four stages that a dynamic group mechanism may follow
KINDS = ("fixed", "dynamic")  # of the grouped convolutions of a dynamic group mechanism
RESTS = ("ones", "eye")  # channels beyond a power of two: fully connected, or each by itself


@dataclass(frozen=True)
class Structure:
    """Options of the network. The defaults are the released network."""

    dgm: tuple[str, ...] = POSITIONS  # stages followed by a dynamic group mechanism
    ratio: int = 4  # channels divided by the channels between the two gating convolutions
    groups: int = 4  # of each convolution of the mechanism; initial number (or the largest possible) if learnt
    gpconv: str = "fixed"  # groups are fixed, or learnt
    rest: str = "ones"  # learnt groups: how channels beyond a power of two are connected
    attention: bool = True  # channel attention at the end of the one-branch blocks
    pointwise: bool = True  # a full 1x1 convolution between filtering and projection
    second_branch: bool = True  # the branch with 5x5 filters in LB2
    lb2: tuple[str, ...] = HALVING  # stages that begin with LB2; the others begin with LB1

    def check(self) -> None:
        """Raise BenchError if the network cannot be built."""
        self._check_names()
        if min(self.ratio, self.groups) < 1:
            raise BenchError(f"dgm_ratio and dgm_groups must be at least 1, not {self.ratio} and {self.groups}")
        if self.gpconv == "dynamic" and self.groups & (self.groups - 1):
            raise BenchError(f"learnt groups need a power of two as initial number, not dgm_groups={self.groups}")
        for name in self.dgm:
            width = WIDTHS[name]
            if width % self.ratio:
                raise BenchError(f"dgm_ratio={self.ratio} does not divide the {width} channels after {name}")
            for channels in (width, width // self.ratio):
                if self.gpconv == "fixed" and channels % self.groups:
                    raise BenchError(f"dgm_groups={self.groups} does not divide {channels} channels after {name}")

    def _check_names(self) -> None:
        if odd := [name for name in self.dgm if name not in POSITIONS]:
            raise BenchError(f"no dynamic group mechanism after {odd[0]!r}; choose from {', '.join(POSITIONS)}")
        if odd := [name for name in self.lb2 if name not in NAMES]:
            raise BenchError(f"no stage {odd[0]!r} that can begin with LB2; choose from {', '.join(NAMES)}")
        for name, value, known in (("gpconv", self.gpconv, KINDS), ("rest", self.rest, RESTS)):
            if value not in known:
                raise BenchError(f"{name} must be one of {', '.join(known)}, not {value!r}")
