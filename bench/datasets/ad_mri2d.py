"""Stages of dementia from single slices: the four-class image set that is passed around on Kaggle."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.core import BenchError, Dataset, Sample, Task, param
from bench.datasets._images import SPACING, Folders, Picture, listed
from bench.datasets._tables import read_table

STAGES = ("NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented")
SPLIT = "official_split.csv"  # at the root: path, label, split; which images were Kaggle's train and test
OTHER = {"original": "augmentedalzheimerdataset", "augmented": "originaldataset"}  # the folder that a form leaves alone
COPIES = (
    re.compile(r"(?P<name>.+?)[_-]aug(?:mented)?[_-]?\d*", re.I),
    re.compile(r"aug[_-]?\d*[_-](?P<name>.+)", re.I),
)


@dataclass(frozen=True)
class AdMri2d(Dataset):
    """Four stages of dementia from axial T1 slices, or three of them, as the authors' own code has it.

    What is not known: which person a slice shows, how many slices a person has, where the images come from, how they
    were chosen and labelled, and how large a pixel is. Slices of one head lie on both sides of the publisher's split,
    so any split over images leaks; until identities are recovered every image is its own group, and a score says how
    well faces are remembered as much as how well stages are told.

    The augmented form is worse: copies of one slice are many, and the names of the published copies (random
    identifiers) do not tell the original. A copy is grouped with its original only where its name says so:
    `NAME_aug3` or `aug_3_NAME`. All others are groups of their own, and `notes` counts them.

    That the DCL-SE paper used this set is inferred from the paths in its authors' code; which form, and which stages,
    is not known.
    """

    title: ClassVar[str] = "Stages of dementia from single T1 slices (Kaggle, four classes)"
    source: ClassVar[str] = (
        "Kaggle tourist55/alzheimers-dataset-4-class-of-images (176 x 208), sachinkumar413/alzheimer-mri-dataset (the"
        " same, 128 x 128), uraninjo/augmented-alzheimer-mri-dataset (the same, and 33,984 augmented copies); free to"
        " download after registration"
    )
    licence: ClassVar[str] = (
        "ODbL 1.0, as others quote the Kaggle page of the first; where the scans come from is not documented, so what"
        " their owners allow is not known"
    )
    citation: ClassVar[str] = "no paper describes the images; cite the Kaggle page that you took them from"
    layout: ClassVar[str] = (
        f"a folder for each of {', '.join(STAGES)} (other cases and underscores count too) with JPEG files in it,"
        f" perhaps inside train and test, OriginalDataset or AugmentedAlzheimerDataset; perhaps {SPLIT} (path, label,"
        " split) beside them"
    )
    twin: ClassVar[str] = "phantom_ad2d"
    expected: ClassVar[dict[str, int]] = {
        "samples": 6400,
        "groups": 6400,
        "NonDemented": 3200,
        "VeryMildDemented": 2240,
        "MildDemented": 896,
        "ModerateDemented": 64,
    }
    task: ClassVar[Task] = Task("classification", "balanced_accuracy", STAGES)

    form: str = param("original", "the slices, or their augmented copies (which leak)", ("original", "augmented"))
    stages: int = param(
        4, "stages told apart; with 3 VeryMildDemented is left out, as the authors' code has it", (3, 4)
    )
    size: int = param(128, "pixels along each side of a prepared image")

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 1024:
            raise BenchError(f"ad_mri2d: size lies between 16 and 1024 pixels, not {self.size}")
        classes = tuple(stage for stage in STAGES if self.stages == 4 or stage != "VeryMildDemented")
        object.__setattr__(self, "task", Task("classification", "balanced_accuracy", classes))

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, self.size, self.size)

    @property
    def spacing(self) -> tuple[float, ...]:
        return SPACING

    def samples(self, root: Path | None) -> Sequence[Sample]:
        pictures = self._pictures(root)
        parts = _parts(root, pictures) if (root / SPLIT).is_file() else {}
        return [
            each.sample(self.task.classes.index(each.label), self.size, self._group(each), parts.get(each.path, ""))
            for each in pictures
        ]

    def notes(self, root: Path | None) -> list[str]:
        """What is to be said of the files under `root` beside their numbers."""
        alone = [each for each in self._pictures(root) if self._group(each) == each.id]
        what = "augmented copies whose original their names do not tell" if self.form == "augmented" else "slices"
        return [f"{len(alone)} {what} are groups of their own: a split over them leaks, as persons are not known"]

    def _pictures(self, root: Path | None) -> list[Picture]:
        if root is not None and root.resolve().name.lower() == OTHER[self.form]:
            raise BenchError(f"{root} is not the {self.form} form; give the folder above it, or set form")
        words = {stage: (stage.lower(),) for stage in self.task.classes}
        left = [stage.lower() for stage in STAGES if stage not in words]
        return listed(root, Folders(words, (OTHER[self.form], *left)), self.layout)

    def _group(self, picture: Picture) -> str:
        matches = (form.fullmatch(picture.path.stem) for form in COPIES)
        original = next((match["name"] for match in matches if match), None) if self.form == "augmented" else None
        return f"{picture.label}/{original}" if original else picture.id


def _parts(root: Path, pictures: Sequence[Picture]) -> Mapping[Path, str]:
    """The part of the publisher's split by file, as the table says. BenchError where it tells of other files."""
    labels = {each.path: each.label for each in pictures}
    parts = {}
    for line in read_table(root / SPLIT, root, ("path",), ","):
        absent = [column for column in ("path", "label", "split") if line.values.get(column) is None]
        if absent:
            raise BenchError(f"{line.place}: no {absent[0]}; the columns are path, label and split")
        path, label, split = root / line.values["path"], line.values["label"], line.values["split"]
        if split not in ("train", "test"):
            raise BenchError(f"{line.place}: split is {split[:40]!r}; it is train or test")
        if labels.get(path, label) != label:
            raise BenchError(f"{line.place}: label is {label[:40]!r}, but the image lies in the folder {labels[path]}")
        parts[path] = split
    if not set(parts) & set(labels):
        raise BenchError(f"{root / SPLIT} names none of the images in {root}; its paths begin at that folder")
    return parts


DATASET = AdMri2d
