"""Ten IXI heads to align with each other, with the regions of another program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from bench.core import Task, param
from bench.data.registration_kind import REGISTRATION
from bench.datasets.roi_ixi import OTHERS, STRUCTURES, RoiIxi

REGIONS = tuple(sorted({*OTHERS, *(number for numbers in STRUCTURES.values() for number in numbers)}))
LABELS = {number: at for at, number in enumerate(REGIONS, start=1)}


@dataclass(frozen=True)
class PairsIxi(RoiIxi):
    """Whole heads of ten people, every one aligned with another; the regions of DLMUSE judge the alignment.

    Nine of ten people would give 90 ordered pairs; ten are tested, in five couples (`bench guide protocol`), and
    networks learn from all pairs of the training part. The regions are not manual. The heads are not skull-stripped
    and in no common space. Five couples are an example and support no claim of significance.
    """

    title: ClassVar[str] = "Ten IXI heads to align with each other, with 148 regions outlined by DLMUSE"
    twin: ClassVar[str] = "phantom_pairs"
    task: ClassVar[Task] = Task(REGISTRATION, "region_dice", ("background", *(f"region {each}" for each in REGIONS)))

    labels: ClassVar[Mapping[int, int]] = LABELS

    mm: float = param(4.0, "voxel size in mm; the files have 2")


DATASET = PairsIxi
