"""Axial slices of brains in four stages of dementia, synthetic: ventricles and sulci widen from stage to stage.

This is the phantom of image sets. Neighbouring slices of a person are one group. Stages overlap, as people differ in
more than their stage; all stages have the same ages. The average brain has shallow sulci, so folds are blurred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from bench.core import Sample, Scan, Task, param
from bench.datasets import _anatomy, _heads
from bench.datasets._anatomy import Frame
from bench.datasets._heads import Region
from bench.datasets._oracle import combined, estimate, likelihoods
from bench.datasets._phantom import Limits, PicturePhantom, relative

if TYPE_CHECKING:
    import numpy as np

STAGES = ("NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented")
AGES = (75.0, 7.0)  # years: mean and deviation, the same for all stages
HEIGHT = (16.0, 3.0)  # millimetres in MNI space: mean and deviation of the middle slice, through the ventricles
BIAS, GAIN = 0.06, 0.08  # deviations of the logarithm of the intensity: smooth over the head, and of the whole slice
FLUID, WHITE = 0.12, 230  # intensity of fluid, and the uint8 value of an intensity of 1
VENTRICLES = Region(usual=1.0, spread=0.95, year=0.05, illness=1.6)  # illness: of each stage
SULCI = Region(usual=0.0, spread=0.35, year=0.02, illness=0.6)
REGIONS = (VENTRICLES, SULCI)
SLOPES, SPREADS = (tuple(getattr(region, word) for region in REGIONS) for word in ("illness", "spread"))


@dataclass(frozen=True)
class PhantomAd2d(PicturePhantom):
    """Axial slices of synthetic brains in four stages of dementia, from none to moderate."""

    title: ClassVar[str] = "Phantom of stages of dementia: slices of MNI152 with graded atrophy (not real scans)"
    limits: ClassVar[Limits] = {"slices": (1, 15)}
    task: ClassVar[Task] = Task("classification", "balanced_accuracy", STAGES)
    floor_covariates: ClassVar[tuple[str, ...]] = ("age", "sex")  # the measures are those of the drawn atrophy

    subjects: int = param(60, "number of people, the same for each stage")
    slices: int = param(3, "slices of each person, 4 mm apart")
    effect: float = param(1.0, "size of the atrophy; at 0 the stages do not differ")
    label_noise: float = param(0.0, "share of the people with a wrong stage as label")
    size: int = param(128, "rows and columns of an image, in pixels")
    mm: float = param(1.5, "pixel size in mm")
    noise: float = param(0.03, "standard deviation of the Rician noise; white matter has an intensity of about 0.9")
    bending: float = param(1.0, "size of the deformations, relative to the default")
    seed: int = param(0, "seed of all random numbers")

    def truth(self) -> np.ndarray:
        """Map of the tissue that the last stage turns into fluid in the average middle slice, (H, W), maximum 1."""
        import numpy as np

        average, points = _anatomy.atlas(self.mm), Frame.slice(HEIGHT[0], self.size, self.mm).points()
        tissue, *surfaces = _anatomy.sample((average.tissue, average.ventricles, average.sulci), points)
        ill, well = (_fluid(surfaces, _reaches(size, 0.0, (0.0, 0.0)), self.mm) for size in (3 * self.effect, 0))
        gone = _heads.picture(np.clip(ill - well, 0, 1) * tissue)
        return relative(gone)

    def reader(self, oracle: np.ndarray) -> np.ndarray:
        """Probabilities of the stages (N, 4) given the reach of the fluid and the age, which `oracle` summarises."""
        return likelihoods(oracle, [self.effect * stage for stage in range(4)], combined(SLOPES, SPREADS))

    def samples_of(self, number: int) -> Sequence[Sample]:
        import numpy as np

        stage = number % len(STAGES)
        label = self.noisy_label(number, stage, len(STAGES))
        rng = self.rng(number, "person")
        age = round(float(np.clip(rng.normal(*AGES), 55, 95)), 1)
        reaches = _reaches(self.effect * stage, age - AGES[0], rng.standard_normal(2).tolist())
        usual = _reaches(0.0, age - AGES[0], (0.0, 0.0))
        oracle = estimate([reach - mean for reach, mean in zip(reaches, usual, strict=True)], SLOPES, SPREADS)
        covariates = {"age": age, "sex": "FM"[int(rng.integers(2))], "oracle": oracle}
        covariates |= {"ventricles_mm": round(reaches[0], 3), "sulci_mm": round(reaches[1], 3)}
        middle, name = float(rng.normal(*HEIGHT)), f"phantom-{number:04d}"
        heights = [middle + 4.0 * (place - (self.slices - 1) / 2) for place in range(self.slices)]
        reads = [partial(_scan, self, number, reaches, height) for height in heights]
        return [
            Sample(
                f"{name}-{place}", name, float(label), STAGES[label], read, covariates=covariates,
                part="train" if place < max(1, self.slices - 1) else "test",  # a head is in both, as in the real set
            )
            for place, read in enumerate(reads)
        ]  # fmt: skip


def _reaches(illness: float, years: float, person: Sequence[float]) -> tuple[float, ...]:
    """Reach of fluid from the ventricles and the sulci, in millimetres; negative if they are narrower."""
    return tuple(r.usual + r.deviation(illness, years, own) for r, own in zip(REGIONS, person, strict=True))


def _scan(phantom: PhantomAd2d, number: int, reaches: Sequence[float], height: float) -> Scan:
    """One slice. The slices of a person share anatomy and shading, but not noise."""
    import numpy as np

    anatomy, shading = phantom.rngs(number, "anatomy", "shading")
    noise = phantom.rng(number, "noise", height)
    average, frame = _anatomy.atlas(phantom.mm), Frame.slice(height, phantom.size, phantom.mm)
    maps = (average.t1, average.white, average.brain, average.ventricles, average.sulci)
    t1, white, brain, *surfaces = _anatomy.sample(maps, _heads.bent(frame, phantom.bending, anatomy))
    image = _heads.shaded(1.6 * t1 - 0.45, white, frame, shading).clip(0)  # the average brain has low contrast
    image = image + (FLUID - image) * _fluid(surfaces, reaches, phantom.mm)
    image = image * np.exp(BIAS * frame.field(80.0, shading) + GAIN * shading.standard_normal())
    noisy = _heads.rician(image, phantom.noise, noise) * (brain > 0.5)  # then skull-stripped
    return Scan(_heads.picture(_heads.stored(noisy, WHITE)), phantom.spacing)


def _fluid(surfaces: Sequence[np.ndarray], reaches: Sequence[float], mm: float) -> np.ndarray:
    """The part of each pixel that fluid takes."""
    parts = [_heads.around(surface, reach, mm) for surface, reach in zip(surfaces, reaches, strict=True)]
    return _heads.either(parts)


DATASET = PhantomAd2d
