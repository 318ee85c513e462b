"""Brain tumours from single MR slices: glioma, healthy, meningioma; with or without pituitary tumours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.core import BenchError, Dataset, Sample, Task, param
from bench.data.readers.images import SPACING, Folders, list_images

SPELT = {
    "glioma": ("glioma", "gliomatumor"),
    "healthy": ("healthy", "notumor", "normal"),
    "meningioma": ("meningioma", "meningiomatumor"),
    "pituitary": ("pituitary", "pituitarytumor"),
}
TUMOUR = {"glioma": "tumor", "healthy": "healthy", "meningioma": "tumor", "pituitary": "tumor"}
THREE = ("glioma", "healthy", "meningioma")
UNREAD = ("braintumorctscanimages",)  # the CT half of the multimodal set


@dataclass(frozen=True)
class BtMri(Dataset):
    """Glioma, healthy or meningioma from a single MR slice, by the folder of the image.

    Unknown: the person in a slice, its contrast and plane (all three planes occur), and the pixel size. Three quarters
    of the publisher's test images have a copy or a mirror image in the training part, and slices of one person may be
    on both sides as well. Preparation puts copies, mirror images and slices that look like one person's into one group;
    other slices of one person stay apart, so there are too many groups rather than too few. The set combines several
    collections: if one of them has a single class, a method may learn to recognise the collection.

    We infer that the DCL-SE paper used one of these sets from a folder name in its authors' code, `Brain Tumor MRI
    images`, with three classes and no pituitary tumours. We do not know which set; their images overlap.
    """

    title: ClassVar[str] = "Brain tumours from single MR slices (Kaggle)"
    source: ClassVar[str] = (
        "Kaggle masoudnickparvar/brain-tumor-mri-dataset or rm1000/brain-tumor-mri-scans (7,023 images, four classes),"
        " or the MRI half of murtozalikhon/brain-tumor-multimodal-image-ct-and-mri; free to download after registration"
    )
    licence: ClassVar[str] = (
        "the first: CC0 as far as we know, but one of its sources (figshare, Cheng) is CC BY 4.0; the last:"
        " CC BY-NC-SA 4.0; read the page of the set that you use"
    )
    citation: ClassVar[str] = (
        "Cheng J. brain tumor dataset. figshare, 2017. doi:10.6084/m9.figshare.1512427 (one of the sources); no paper"
        " describes the collections as a whole: cite the Kaggle page that you downloaded them from"
    )
    layout: ClassVar[str] = (
        "folders glioma, healthy (or notumor, no_tumor, normal), meningioma and optionally pituitary with JPEG or PNG"
        " files, optionally inside Training and Testing"
    )
    twin: ClassVar[str] = "phantom_bt_mri"
    resampling: ClassVar[str] = "to `size` x `size` pixels by bicubic interpolation, padded to a square first"
    belong: ClassVar[str] = "alike"
    label_maps: ClassVar[dict[str, dict[str, str]]] = {"bt_ct": TUMOUR}
    expected: ClassVar[dict[str, int]] = {  # of the 7,023 images, without the 1,757 of the pituitary
        "samples": 5266,
        "glioma": 1621,
        "healthy": 2000,
        "meningioma": 1645,
    }
    task: ClassVar[Task] = Task("classification", "balanced_accuracy", THREE)

    pituitary: bool = param(False, "include pituitary tumours as a fourth class; the authors' code does not")
    size: int = param(224, "pixels along each side of a prepared image")

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 1024:
            raise BenchError(f"bt_mri: size must be between 16 and 1024 pixels, not {self.size}")
        classes = tuple(SPELT) if self.pituitary else THREE
        object.__setattr__(self, "task", Task("classification", "balanced_accuracy", classes))

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, self.size, self.size)

    @property
    def spacing(self) -> tuple[float, ...]:
        return SPACING

    def samples(self, root: Path | None) -> Sequence[Sample]:
        classes = self.task.classes
        left = [word for label, words in SPELT.items() if label not in classes for word in words]
        folders = Folders({label: SPELT[label] for label in classes}, (*UNREAD, *left))
        return [each.sample(classes.index(each.label), self.size) for each in list_images(root, folders, self.layout)]


DATASET = BtMri
