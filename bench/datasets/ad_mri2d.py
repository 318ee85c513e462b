"""Stages of dementia from single slices: the four-class image set of Kaggle."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.core import BenchError, Dataset, Sample, Task, param
from bench.data.readers.images import SPACING, Folders, ImageFile, list_images
from bench.data.readers.omissions import omit
from bench.data.readers.tabular import read_table

STAGES = ("NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented")
EITHER = ("NonDemented", "Demented")
SPLIT = "official_split.csv"  # at the root: path, label, split; which images were Kaggle's train and test
OTHER = {"original": "augmentedalzheimerdataset", "augmented": "originaldataset"}  # the folder that a form ignores
COPIES = (
    re.compile(r"(?P<name>.+?)[_-]aug(?:mented)?[_-]?\d*", re.I),
    re.compile(r"aug[_-]?\d*[_-](?P<name>.+)", re.I),
)


@dataclass(frozen=True)
class AdMri2d(Dataset):
    """Four stages of dementia from axial T1 slices, or three of them, as in the authors' code.

    The publishers state neither which person a slice shows nor where the images come from. Their pixels show that the
    6,400 slices are 32 slices of each of 200 heads, and that the heads are those of OASIS-1: there are as many heads of
    each stage as people of each dementia rating in that set, and 163 heads were traced to a scan of it, all with the
    right rating. So ModerateDemented is two people, every head is on both sides of the publisher's split, and the set
    cannot be an external test for `ad_oasis` or `age_oasis`. Preparation recovers the heads and groups slices by head.

    The augmented form is worse: a slice has many copies, and the names of the published copies (random identifiers) do
    not identify the original. A copy is grouped with its original only if its name states the original: `NAME_aug3` or
    `aug_3_NAME`. Every other copy is its own group, and `notes` counts these copies.

    We infer from the paths in the authors' code that the DCL-SE paper used this set; we do not know which form and
    which stages.
    """

    title: ClassVar[str] = "Stages of dementia from single T1 slices (Kaggle, four classes)"
    source: ClassVar[str] = (
        "Kaggle tourist55/alzheimers-dataset-4-class-of-images (176 x 208), sachinkumar413/alzheimer-mri-dataset (the"
        " same, 128 x 128), uraninjo/augmented-alzheimer-mri-dataset (the same, and 33,984 augmented copies); free to"
        " download after registration"
    )
    licence: ClassVar[str] = (
        "ODbL 1.0 according to quotations of the first Kaggle page; the audit finds that the slices are from OASIS-1,"
        " so its data use agreement applies: acknowledge OASIS, attempt no re-identification"
    )
    citation: ClassVar[str] = "no paper describes the images; cite the Kaggle page that you downloaded them from"
    layout: ClassVar[str] = (
        f"a folder for each of {', '.join(STAGES)} (upper or lower case, with or without underscores) with JPEG files,"
        f" optionally inside train and test, OriginalDataset or AugmentedAlzheimerDataset; optionally {SPLIT} (path,"
        " label, split) in the top folder"
    )
    twin: ClassVar[str] = "phantom_ad2d"
    resampling: ClassVar[str] = "to `size` x `size` pixels by bicubic interpolation, padded to a square first"
    belong: ClassVar[str] = "heads"
    expected: ClassVar[dict[str, int]] = {
        "samples": 6400,
        "groups": 200,
        "NonDemented": 3200,
        "VeryMildDemented": 2240,
        "MildDemented": 896,
        "ModerateDemented": 64,
    }
    task: ClassVar[Task] = Task("classification", "balanced_accuracy", STAGES)

    form: str = param(
        "original",
        "original: the slices; augmented: the set with augmented copies (which leak)",
        ("original", "augmented"),
    )
    stages: int = param(
        4,
        "number of classes; 3: without VeryMildDemented, as in the authors' code; 2: dementia of any stage against"
        " none, for enough people of each class in every fold (ModerateDemented is two people)",
        (2, 3, 4),
    )
    size: int = param(128, "pixels along each side of a prepared image")

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 1024:
            raise BenchError(f"ad_mri2d: size must be between 16 and 1024 pixels, not {self.size}")
        task = (
            Task("classification", "auc", EITHER)
            if self.stages == 2
            else Task("classification", "balanced_accuracy", self._stages_read)
        )
        object.__setattr__(self, "task", task)

    @property
    def _stages_read(self) -> tuple[str, ...]:
        """The stages whose folders are read."""
        return tuple(stage for stage in STAGES if self.stages != 3 or stage != "VeryMildDemented")

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, self.size, self.size)

    @property
    def spacing(self) -> tuple[float, ...]:
        return SPACING

    def samples(self, root: Path | None) -> Sequence[Sample]:
        pictures = self._pictures(root)
        parts = _parts(root, pictures) if os.path.lexists(root / SPLIT) else {}
        return [
            each.sample(
                min(self._stages_read.index(each.label), len(self.task.classes) - 1),
                self.size,
                self._group(each),
                parts.get(each.path, ""),
            )
            for each in pictures
        ]

    def notes(self, root: Path | None) -> list[str]:
        """Notes on augmented copies without a known original."""
        alone = [each for each in self._pictures(root) if self._group(each) == each.id]
        what = "augmented copies do not state their original in their names"
        return [f"{len(alone)} {what}: they are grouped by their pixels alone"] if self.form == "augmented" else []

    def _pictures(self, root: Path | None) -> list[ImageFile]:
        if root is not None and root.resolve().name.lower() == OTHER[self.form]:
            raise BenchError(f"{root} is not the {self.form} form; give the folder above it, or set form")
        words = {stage: (stage.lower(),) for stage in self._stages_read}
        left = [stage.lower() for stage in STAGES if stage not in words]
        return list_images(root, Folders(words, (OTHER[self.form], *left)), self.layout)

    def _group(self, picture: ImageFile) -> str:
        matches = (form.fullmatch(picture.path.stem) for form in COPIES)
        original = next((match["name"] for match in matches if match), None) if self.form == "augmented" else None
        return f"{picture.label}/{original}" if original else picture.id


def _parts(root: Path, pictures: Sequence[ImageFile]) -> Mapping[Path, str]:
    """File -> part of the publisher's split, from the table. BenchError if the table does not match the files."""
    labels = {each.path: each.label for each in pictures}
    parts = {}
    for line in read_table(root / SPLIT, root, ("path",), ","):
        absent = [column for column in ("path", "label", "split") if line.values.get(column) is None]
        if absent:
            raise BenchError(f"{line.place}: no {absent[0]}; the columns are path, label and split")
        path, label, split = root / line.values["path"], line.values["label"], line.values["split"]
        if split not in ("train", "test"):
            raise BenchError(f"{line.place}: split is {split[:40]!r}; expected: train or test")
        if labels.get(path, label) != label:
            raise BenchError(f"{line.place}: label is {label[:40]!r}, but the image is in the folder {labels[path]}")
        if parts.setdefault(path, split) != split:
            raise BenchError(f"{line.place}: {line.values['path'][:80]} is in train and in test; keep one row")
        if not path.exists():
            omit(f"rows of {SPLIT} without an image", line.values["path"])
    if not set(parts) & set(labels):
        raise BenchError(
            f"{root / SPLIT} names none of the images in {root}; its paths must be relative to that folder"
        )
    return parts


DATASET = AdMri2d
