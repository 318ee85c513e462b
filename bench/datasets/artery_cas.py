"""Arteries of the brain on TOF-MRA, voxel by voxel: CAS2023, or TopCoW's circle of Willis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from bench.core import BenchError, Dataset, Sample, Scan, Task, param
from bench.data.readers.image_mask_pairs import TARGET, TARGETS, Grid, Pair, list_pairs, project_mask, read_pair

BINARY = ("background", "artery")
WILLIS = {  # TopCoW's labels: the arteries of the circle of Willis
    1: "basilar",
    2: "right posterior cerebral",
    3: "left posterior cerebral",
    4: "right internal carotid",
    5: "right middle cerebral",
    6: "left internal carotid",
    7: "left middle cerebral",
    8: "right posterior communicating",
    9: "left posterior communicating",
    10: "anterior communicating",
    11: "right anterior cerebral",
    12: "left anterior cerebral",
    15: "third A2",
}
PERSON = re.compile(r"topcow_mr_(\d+)")
CT = "topcow_ct_"  # TopCoW's CT angiographies of the same people, not read


@dataclass(frozen=True)
class ArteryCas(Dataset):
    """Arteries against the rest on time-of-flight MR angiographies, all brought to one grid.

    Volumes differ in size and spacing. They are resampled to `mm`, cropped and padded about the centre of the volume,
    never about its mask; this loses arteries thinner than `mm`, and the Dice measures the rest.

    CAS2023: 100 public scans of people with stenosed arteries, with manual masks; 50 more are hidden. Volumes have from
    208 x 320 x 96 to 784 x 784 x 255 voxels. The names of its folders, its spacings and how its masks are coded are not
    known here: 0 and 1 are read, and 255 as 1. One scan a person is assumed. TopCoW: its masks hold the circle of
    Willis alone, and other arteries are background; do not mix the two.

    That the artery task of the DCL-SE paper is CAS2023 is the best match by name, and not known: its authors' code has
    no segmentation. COSTA, TopCoW and labelled IXI scans are alternatives.
    """

    title: ClassVar[str] = "Arteries of the brain on TOF-MRA (CAS2023, or TopCoW's MR scans)"
    source: ClassVar[str] = (
        "CAS2023, the Cerebral Artery Segmentation Challenge at MICCAI 2023 (SMRA 2023); or TopCoW,"
        " https://topcow24.grand-challenge.org and https://zenodo.org/records/15692630"
    )
    licence: ClassVar[str] = "CAS2023: not known, read what you sign; TopCoW: open use, the source must be named"
    citation: ClassVar[str] = (
        "CAS2023: cite as the organisers ask, a paper is not known. TopCoW: Yang K, Musio F, Ma Y, et al. Benchmarking"
        " the CoW with the TopCoW Challenge: topology-aware anatomical segmentation of the circle of Willis for CTA and"
        " MRA. arXiv:2312.17670, 2023"
    )
    layout: ClassVar[str] = (
        "a folder of images (its name begins with data or image) and one of masks (mask, label or cow_seg_label), in"
        " each the same names: data/001.nii.gz and mask/001.nii.gz, or imagesTr/topcow_mr_001_0000.nii.gz and"
        " labelsTr/topcow_mr_001.nii.gz; .nii and .mha count too"
    )
    twin: ClassVar[str] = "phantom_artery"
    resampling: ClassVar[str] = "to `mm`: images linearly, masks to the likeliest label; then cropped or padded"
    expected: ClassVar[dict[str, int]] = {"samples": 100, "groups": 100}
    task: ClassVar[Task] = Task("segmentation", "dice", BINARY)

    classes: str = param("binary", "arteries as one, or TopCoW's 13 by name", ("binary", "willis"))
    mm: float = param(0.8, "edge of a voxel of the prepared grid; arteries thinner than it are lost")
    voxels: tuple[int, ...] = param((192, 224, 96), "of the grid: left-right, posterior-anterior, inferior-superior")
    target: str = param("mask", TARGET, TARGETS)
    empty: bool = param(False, "scans without a labelled voxel on the grid take part; off, such a scan is broken")

    def __post_init__(self) -> None:
        if not 0.2 <= self.mm <= 8:
            raise BenchError(f"artery_cas: mm lies between 0.2 and 8, not {self.mm}")
        if len(self.voxels) != 3 or not all(8 <= size <= 1024 for size in self.voxels):
            raise BenchError(f"artery_cas: voxels are three numbers between 8 and 1024, not {self.voxels}")
        if self.classes == "willis" and self.target == "projection":
            raise BenchError("artery_cas: arteries by name lie over each other in a projection; set classes=binary")
        if self.classes == "willis":  # the instance's task overrides the class's
            names = ("background", *WILLIS.values())
            object.__setattr__(self, "task", Task("segmentation", "dice", names))

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, *self.voxels)

    @property
    def spacing(self) -> tuple[float, ...]:
        return (self.mm,) * 3

    def samples(self, root: Path | None) -> Sequence[Sample]:
        return [self._sample(pair) for pair in list_pairs(root, self.layout, CT)]

    def _sample(self, pair: Pair) -> Sample:
        person = PERSON.fullmatch(pair.id)
        numbers = {value: index for index, value in enumerate(WILLIS, start=1)}
        if self.classes == "binary":
            numbers = dict.fromkeys(WILLIS if person else (1, 255), 1)
        read = partial(_read, self, pair, numbers)
        group, files = person[1] if person else pair.id, (pair.image, pair.mask)
        return Sample(pair.id, group, float("nan"), "artery", read, files=files)


def _read(made: ArteryCas, pair: Pair, numbers: dict[int, int]) -> Scan:
    return project_mask(read_pair(pair, Grid(made.mm, made.voxels), numbers, made.empty), made.target)


DATASET = ArteryCas
