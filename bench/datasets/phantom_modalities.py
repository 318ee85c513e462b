"""Brains in four contrasts of MR, made from maps of their tissues. A lesion shows in one contrast alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from bench.core import Sample, Scan, Task, param
from bench.data.translation_kind import TRANSLATION
from bench.datasets import _anatomy, _heads
from bench.datasets._anatomy import Frame
from bench.datasets._phantom import ANY, HeadPhantom, Limits

if TYPE_CHECKING:
    import numpy as np

TISSUES = {  # intensities of fluid, grey and white matter
    "T1": (0.35, 0.55, 0.80),
    "T1Gd": (0.35, 0.55, 0.80),
    "T2": (0.80, 0.60, 0.40),
    "FLAIR": (0.40, 0.75, 0.55),
}
CONTRASTS = tuple(TISSUES)
LESION = 1.2  # intensity of the lesion where it shows
SHOWN = 1.5  # it has 1 - exp(-SHOWN * effect) of that
RADII = (14.0, 19.0)  # millimetres, of a lesion of the size 1
LARGEST = 1.25  # times that: a larger one may take 5 % of the head, where the range of an image ends
DEPTH = 4.0  # millimetres from the edge of a lesion to the surface
RAGGED, KNOTS = 0.2, 18.0  # deviation of the logarithm of the radius, and its structure in mm
SCALE = 200  # uint8 value of an intensity of 1
BRIGHTEST = 2.0  # deviations of the noise between a tissue and the end of the range of its image, at most


@dataclass(frozen=True)
class PhantomModalities(HeadPhantom):
    """Brains of MNI152, deformed for every person, in T1, T1 after contrast agent (T1Gd), T2 and FLAIR.

    Each contrast is another mixture of the same tissues, so it can be generated from any other. A lesion takes up
    contrast agent: it shows in `lesion` alone, and no other contrast tells of it. So that contrast is the hardest to
    generate, and has the highest differentiation score; without effect there is no lesion. A perfect reader predicts
    all but noise and lesion: the oracle is the PSNR that the noise allows.
    """

    title: ClassVar[str] = "Phantom of four contrasts of MR: mixtures of the tissues of MNI152 (not real scans)"
    limits: ClassVar[Limits] = {"subjects": (4, ANY), "mm": (2, 10), "noise": (0, 0.2), "size": (0.3, LARGEST)}
    task: ClassVar[Task] = Task(TRANSLATION, "psnr", CONTRASTS)

    subjects: int = param(24, "number of people")
    effect: float = param(1.0, "contrast of the lesion, relative to the default; at 0 there is none")
    lesion: str = param("T1Gd", "the contrast that shows the lesion", CONTRASTS)
    mm: float = param(6.0, "voxel size in mm")
    noise: float = param(0.02, "standard deviation of the Rician noise; tissues have intensities up to 0.8")
    bending: float = param(1.0, "size of the deformations, relative to the default")
    seed: int = param(0, "seed of all random numbers")
    size: float = param(1.0, "radius of the lesion, relative to the default of 14 to 19 mm; at most 1.25", later=True)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(CONTRASTS), *_anatomy.grid_shape(self.mm))

    def samples_of(self, number: int) -> Sequence[Sample]:
        name = f"phantom-{number:04d}"
        covariates = {"oracle": _best_psnr(self.noise)}
        return [Sample(name, name, float("nan"), "brain", partial(_scan, self, number), covariates=covariates)]


def _best_psnr(noise: float) -> float:
    """The PSNR of an image without any error but the noise and the rounding of what was measured, at most.

    The range of the image reaches to the brightest tissue, and to the noise above it.
    """
    spread = math.hypot(noise, 1 / (12**0.5 * SCALE))
    ranges = [min(255 / SCALE, max(levels) + BRIGHTEST * noise) for levels in TISSUES.values()]
    return sum(20 * math.log10(each / spread) for each in ranges) / len(ranges)


def _scan(phantom: PhantomModalities, number: int) -> Scan:
    """The contrasts of a person, with the label map of the lesion. Anatomy, lesion and noise have own generators."""
    import numpy as np

    anatomy, lesion, noise = phantom.rngs(number, "anatomy", "lesion", "noise")
    frame, atlas = Frame.whole(phantom.mm), _anatomy.atlas(phantom.mm)
    points = _heads.bent(frame, phantom.bending, anatomy)
    tissue, white, brain = _anatomy.sample([atlas.tissue, atlas.white, atlas.brain], points)
    (surface,) = _anatomy.sample([atlas.surface], frame.points())
    white = white.clip(0, tissue)
    shares = np.stack([1 - tissue, tissue - white, white])  # of fluid, grey and white matter
    share = _lesion(frame, surface, phantom.size, lesion)
    images = []
    for name, levels in TISSUES.items():
        image = np.tensordot(levels, shares, axes=1)
        if name == phantom.lesion:
            image = image + (1 - math.exp(-SHOWN * phantom.effect)) * share * (LESION - image)
        images.append(_heads.stored(_heads.rician(image * (brain > 0.5), phantom.noise, noise), SCALE)[0])
    mask = (share > 0.5) & (phantom.effect > 0)
    return Scan(np.stack(images), phantom.spacing, mask.astype(np.uint8), frame.affine())


def _lesion(frame: Frame, surface: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
    """The part of each voxel that a lesion takes: a ragged ball deep in the upper brain, (D, H, W)."""
    import numpy as np
    from scipy.special import expit

    radius = size * float(rng.uniform(*RADII))
    points = frame.points()
    places = np.argwhere((surface < -(radius + DEPTH)) & (points[2] > -10))
    centre = points[(slice(None), *places[rng.integers(len(places))])]
    distance = np.sqrt(((points - centre.reshape(3, 1, 1, 1)) ** 2).sum(axis=0))
    uneven = distance * np.exp(RAGGED * frame.field(KNOTS, rng))
    return expit((radius - uneven) / (0.5 + frame.step / 4))


DATASET = PhantomModalities
