"""Brain tumours from single CT slices: healthy or tumour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.core import BenchError, Dataset, Sample, Task, param
from bench.data.readers.images import SPACING, Folders, list_images

FOLDERS = Folders({"healthy": ("healthy",), "tumor": ("tumor", "tumour")}, ("braintumormriimages", "tumorbig"))


@dataclass(frozen=True)
class BtCt(Dataset):
    """Healthy or tumour from a single CT slice, by the folder of the image.

    Unknown: the person in a slice, the scanner and its window, the kind of tumour, and the pixel size. Until identities
    are recovered every image is its own group.

    We infer that the DCL-SE paper used this set from a folder name in its authors' code, `Brain Tumor CT scan Images`.
    That code has a third folder, `TumorBig`, made by the authors; it is unpublished and not read.
    """

    title: ClassVar[str] = "Brain tumours from single CT slices (Kaggle)"
    source: ClassVar[str] = (
        "the CT half of Kaggle murtozalikhon/brain-tumor-multimodal-image-ct-and-mri; free to download after"
        " registration"
    )
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"
    citation: ClassVar[str] = "no paper describes the images; cite the Kaggle page"
    layout: ClassVar[str] = (
        "folders Healthy and Tumor with JPEG or PNG files, optionally inside `Brain Tumor CT scan Images`"
    )
    twin: ClassVar[str] = "phantom_bt_ct"
    resampling: ClassVar[str] = "to `size` x `size` pixels by bicubic interpolation, padded to a square first"
    belong: ClassVar[str] = "alike"
    expected: ClassVar[dict[str, int]] = {"samples": 4618, "groups": 4618, "healthy": 2300, "tumor": 2318}
    task: ClassVar[Task] = Task("classification", "auc", ("healthy", "tumor"))

    size: int = param(224, "pixels along each side of a prepared image")

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 1024:
            raise BenchError(f"bt_ct: size must be between 16 and 1024 pixels, not {self.size}")

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, self.size, self.size)

    @property
    def spacing(self) -> tuple[float, ...]:
        return SPACING

    def samples(self, root: Path | None) -> Sequence[Sample]:
        classes = self.task.classes
        return [each.sample(classes.index(each.label), self.size) for each in list_images(root, FOLDERS, self.layout)]


DATASET = BtCt
