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
    """Arteries against the rest on time-of-flight MR angiographies, all resampled to one grid.

    Volumes differ in size and spacing. They are resampled to `mm`, cropped and padded about the centre of the volume,
    never about its mask. Arteries thinner than `mm` are lost; the Dice measures the rest.

    CAS2023: 100 public scans of people with stenosed arteries, with manual masks; 50 more are hidden. Volumes have from
    208 x 320 x 96 to 784 x 784 x 255 voxels. We do not know the names of its folders, its spacings and the values in
    its masks: 0 and 1 are read, and 255 as 1. One scan per person is assumed. TopCoW: its masks contain only the circle
    of Willis, and other arteries are background; do not mix the two.

    We do not know whether the artery task of the DCL-SE paper is CAS2023; it is the best match by name, and its
    authors' code has no segmentation. COSTA, TopCoW and labelled IXI scans are alternatives.
    """

    title: ClassVar[str] = "Arteries of the brain on TOF-MRA (CAS2023, or TopCoW's MR scans)"
    source: ClassVar[str] = (
        "CAS2023, the Cerebral Artery Segmentation Challenge at MICCAI 2023 (SMRA 2023); or TopCoW,"
        " https://topcow24.grand-challenge.org and https://zenodo.org/records/15692630"
    )
    licence: ClassVar[str] = "CAS2023: unknown, read its terms; TopCoW: open use, the source must be named"
    citation: ClassVar[str] = (
        "CAS2023: cite as the organisers ask, we know of no paper. TopCoW: Yang K, Musio F, Ma Y, et al. Benchmarking"
        " the CoW with the TopCoW Challenge: topology-aware anatomical segmentation of the circle of Willis for CTA and"
        " MRA. arXiv:2312.17670, 2023"
    )
    layout: ClassVar[str] = (
        "a folder of images (its name begins with data or image) and one of masks (mask, label or cow_seg_label), with"
        " the same file names: data/001.nii.gz and mask/001.nii.gz, or imagesTr/topcow_mr_001_0000.nii.gz and"
        " labelsTr/topcow_mr_001.nii.gz; also .nii, .mgz, .mgh and .mha"
    )
    twin: ClassVar[str] = "phantom_artery"
    resampling: ClassVar[str] = "to `mm`: images linearly, masks to the likeliest label; then cropped or padded"
    expected: ClassVar[dict[str, int]] = {"samples": 100, "groups": 100}
    task: ClassVar[Task] = Task("segmentation", "dice", BINARY)

    classes: str = param(
        "binary", "binary: all arteries are one class; willis: TopCoW's 13 arteries", ("binary", "willis")
    )
    mm: float = param(0.8, "voxel size of the prepared grid, in mm; thinner arteries are lost")
    voxels: tuple[int, ...] = param(
        (192, 224, 96), "voxels of the grid: left-right, posterior-anterior, inferior-superior"
    )
    target: str = param("mask", TARGET, TARGETS)
    empty: bool = param(False, "include scans without a labelled voxel on the grid; otherwise they count as broken")

    def __post_init__(self) -> None:
        if not 0.2 <= self.mm <= 8:
            raise BenchError(f"artery_cas: mm must be between 0.2 and 8, not {self.mm}")
        if len(self.voxels) != 3 or not all(8 <= size <= 1024 for size in self.voxels):
            raise BenchError(f"artery_cas: voxels must be three numbers between 8 and 1024, not {self.voxels}")
        if self.classes == "willis" and self.target == "projection":
            raise BenchError("artery_cas: the 13 arteries overlap in a projection; set classes=binary")
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
