"""Axial slices of heads with a brain tumour or none, synthetic, in the contrast of CT, with a white skull.

Tumours are of two kinds that share one class: deep ones in dark oedema, and dense or calcified ones at the skull. Every
image is of another person, at a height that carries no information on the class.
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
from bench.datasets.phantom_bt_mri import HEIGHTS

if TYPE_CHECKING:
    import numpy as np

CLASSES = ("healthy", "tumor")
FLUID, GREY, BONE, SKIN, DEAD, SWOLLEN, DENSE, LIME = 0.2, 0.46, 1.15, 0.4, 0.27, 0.31, 0.66, 1.0  # intensities
PALER = 0.06  # intensity of white matter below that of grey matter
CALCIFIED = 0.4  # share of the tumours with calcifications
BLUR, WHITE = 0.6, 230  # pixels: deviation of the blur of the reconstruction; uint8 value of an intensity of 1


@dataclass(frozen=True)
class PhantomBtCt(PicturePhantom):
    """Slices with a tumour or none, as CT sees them."""

    title: ClassVar[str] = "Phantom of brain tumours in CT: slices of MNI152 with drawn tumours (not real scans)"
    task: ClassVar[Task] = Task("classification", "auc", CLASSES)

    subjects: int = param(60, "number of people, one image of each; every second one has a tumour")
    effect: float = param(1.0, "contrast and displacement of a tumour; at 0 it is invisible")
    label_noise: float = param(0.0, "share of the labels that are wrong (the other class)")
    size: int = param(128, "rows and columns of an image, in pixels")
    mm: float = param(1.8, "pixel size in mm")
    noise: float = param(0.025, "standard deviation of the noise; grey matter has an intensity of 0.46")
    bending: float = param(1.0, "size of the deformations, relative to the default")
    seed: int = param(0, "seed of all random numbers")

    def reader(self, oracle: np.ndarray) -> np.ndarray:
        """Class probabilities (N, 2) given `oracle`: the visible class, or -1 if nothing is visible."""
        return class_probabilities(oracle, len(CLASSES))

    def samples_of(self, number: int) -> Sequence[Sample]:

        ill = number % 2
        label = self.noisy_label(number, ill, 2)
        rng = self.rng(number, "person")
        height = float(rng.uniform(*HEIGHTS))
        name, read = f"phantom-{number:04d}", partial(_scan, self, number, bool(ill), height)
        covariates = {"oracle": ill if self.effect else -1, "height_mm": round(height, 1)}
        return [Sample(name, name, float(label), CLASSES[label], read, covariates=covariates)]


def _scan(phantom: PhantomBtCt, number: int, ill: bool, height: float) -> Scan:
    """One slice. Anatomy, tumour, shading and noise have separate generators."""
    import numpy as np
    from scipy import ndimage

    anatomy, tumour, shading, noise = phantom.rngs(number, "anatomy", "tumour", "shading", "noise")
    frame = Frame.slice(height, phantom.size, phantom.mm)
    kind = ("glioma", "meningioma")[int(tumour.integers(2))]
    grown = _lesions.lesion(kind, height, tumour) if ill else None
    head = _lesions.head(frame, phantom.bending, grown, phantom.effect, [anatomy, tumour])
    image = _contrast(head, frame, shading)
    if tumour.random() < CALCIFIED:
        specks = np.clip(2 * frame.field(5.0, tumour) - 1, 0, 1)
        image = image + (LIME - image) * np.clip(head.solid + head.core, 0, 1) * specks
    grains = ndimage.gaussian_filter(noise.standard_normal(image.shape), (BLUR, BLUR, 0))
    image = ndimage.gaussian_filter(image, (BLUR, BLUR, 0)) + phantom.noise * grains / grains.std()
    return Scan(_heads.picture(_heads.stored(image, WHITE)), phantom.spacing)


def _contrast(head: _lesions.LesionHead, frame: Frame, rng: np.random.Generator) -> np.ndarray:
    """Intensities of the tissues, in a window where all bone is white and air is black."""
    shade = 1 + 0.02 * rng.standard_normal() + 0.02 * frame.field(25.0, rng)
    tissue = ((head.t1 - 0.3) / 0.3).clip(0, 1) * head.brain  # of grey and white matter, not fluid
    image = FLUID + (GREY * shade - PALER * head.white - FLUID) * tissue
    for part, value in ((head.oedema, SWOLLEN), (head.core, DEAD), (head.solid, DENSE)):
        image = image + (value - image) * part
    bone, skin = (_heads.GAP, _heads.SKULL, BONE), (_heads.SKULL, _heads.SCALP, SKIN)
    for low, high, value in (bone, skin, (_heads.SCALP, 1e3, 0.0)):
        image = image + (value - image) * _heads.between(head.surface, low, high, 0.6)
    return image


DATASET = PhantomBtCt
