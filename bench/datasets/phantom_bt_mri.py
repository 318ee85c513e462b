"""Axial slices of heads with a brain tumour or none, synthetic, in the contrast of T1 after gadolinium.

Every image is of another person. All classes have the same heights, so the height does not reveal the class; with
`pituitary` all are cut at the base. The tumour shows its kind, so a perfect reader makes no mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from bench.core import Sample, Scan, Task, param
from bench.datasets import _heads, _lesions
from bench.datasets._anatomy import Frame
from bench.datasets._oracle import class_probabilities
from bench.datasets._phantom import PicturePhantom

if TYPE_CHECKING:
    import numpy as np

KINDS = ("glioma", "healthy", "meningioma", "pituitary")
HEIGHTS, BASE = (0.0, 45.0), (-35.0, -27.0)  # millimetres in MNI space: of the slices, and of those with a pituitary
FLUID, BONE, MARROW, FAT, ENHANCED, DEAD, SWOLLEN = 0.13, 0.06, 0.2, 0.62, 0.95, 0.16, 0.2  # intensities
BIAS, GAIN, WHITE = 0.10, 0.08, 230  # deviations of the logarithm of the intensity; uint8 value of an intensity of 1


@dataclass(frozen=True)
class PhantomBtMri(PicturePhantom):
    """Slices with a glioma, a meningioma, an adenoma of the pituitary or nothing, as MR sees them after contrast."""

    title: ClassVar[str] = "Phantom of brain tumours in MR: slices of MNI152 with drawn tumours (not real scans)"
    task: ClassVar[Task] = Task("classification", "balanced_accuracy", KINDS[:3])

    subjects: int = param(60, "number of people, one image of each, the same for each class")
    pituitary: bool = param(False, "add adenomas of the pituitary as a fourth class", (False, True))
    effect: float = param(1.0, "contrast and displacement of a tumour; at 0 it is invisible")
    label_noise: float = param(0.0, "share of the labels that are wrong (another class)")
    size: int = param(128, "rows and columns of an image, in pixels")
    mm: float = param(1.8, "pixel size in mm")
    noise: float = param(
        0.03, "standard deviation of the Rician noise; enhancing tissue has an intensity of about 0.95"
    )
    bending: float = param(1.0, "size of the deformations, relative to the default")
    seed: int = param(0, "seed of all random numbers")

    def __post_init__(self) -> None:
        if self.pituitary:  # `pituitary` changes the classes of this instance
            object.__setattr__(self, "task", Task("classification", "balanced_accuracy", KINDS))
        super().__post_init__()

    def reader(self, oracle: np.ndarray) -> np.ndarray:
        """Class probabilities (N, K) given `oracle`: the visible class, or -1 if nothing is visible."""
        return class_probabilities(oracle, len(self.task.classes))

    def samples_of(self, number: int) -> Sequence[Sample]:

        classes = self.task.classes
        kind = number % len(classes)
        label = self.noisy_label(number, kind, len(classes))
        rng = self.rng(number, "person")
        height = float(rng.uniform(*(BASE if self.pituitary else HEIGHTS)))
        name, read = f"phantom-{number:04d}", partial(_scan, self, number, classes[kind], height)
        covariates = {"oracle": kind if self.effect else -1, "height_mm": round(height, 1)}
        part = "test" if number % 5 == 4 else "train"
        return [Sample(name, name, float(label), classes[label], read, covariates=covariates, part=part)]


def _scan(phantom: PhantomBtMri, number: int, kind: str, height: float) -> Scan:
    """One slice. Anatomy, tumour, shading and noise have separate generators."""
    import numpy as np

    anatomy, tumour, shading, noise = phantom.rngs(number, "anatomy", "tumour", "shading", "noise")
    frame = Frame.slice(height, phantom.size, phantom.mm)
    grown = None if kind == "healthy" else _lesions.lesion(kind, height, tumour)
    head = _lesions.head(frame, phantom.bending, grown, phantom.effect, [anatomy, tumour])
    image = _contrast(head, frame, shading)
    image = image * np.exp(BIAS * frame.field(80.0, shading) + GAIN * shading.standard_normal())
    return Scan(_heads.picture(_heads.stored(_heads.rician(image, phantom.noise, noise), WHITE)), phantom.spacing)


def _contrast(head: _lesions.LesionHead, frame: Frame, rng: np.random.Generator) -> np.ndarray:
    """Intensities of the tissues: contrast agent brightens tissue without a blood barrier, fat is always bright."""
    brain = _heads.shaded((FLUID + 0.55 * (head.t1 - 0.27)).clip(FLUID), head.white, frame, rng)
    image = FLUID + (brain - FLUID) * head.brain
    for low, high, value in (
        (_heads.GAP, _heads.SKULL, BONE),
        (_heads.GAP + 2, _heads.SKULL - 2, MARROW),
        (_heads.SKULL, _heads.SCALP, FAT * (1 + 0.15 * frame.field(20.0, rng))),
        (_heads.SCALP, 1e3, 0.0),
    ):
        image = image + (value - image) * _heads.between(head.surface, low, high, 0.6)
    for part, value in ((head.oedema, SWOLLEN), (head.core, DEAD), (head.solid, ENHANCED)):
        image = image + (value - image) * part
    return image


DATASET = PhantomBtMri
