"""Synthetic heads, half of them with an atrophy of known location and size.

Each head is the average brain with random deformation, size and shading. Lateral ventricles grow and the medial
temporal lobe shrinks with age, and more so in patients: the two classes overlap, as they do in people. The map of the
effect is known and stored. A score here does not predict scores on real scans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from bench.core import Sample, Scan, Task, param
from bench.datasets import _anatomy, _heads
from bench.datasets._anatomy import Frame
from bench.datasets._heads import FLUID, Region
from bench.datasets._oracle import combined, estimate, likelihoods
from bench.datasets._phantom import HeadPhantom, relative

if TYPE_CHECKING:
    import numpy as np

BIAS, GAIN = 0.06, 0.03  # deviations of the logarithm of the intensity: smooth over the head, and of the whole scan
AGES = (75.0, 7.0)  # years: mean and deviation, the same for both classes
VENTRICLES = Region(usual=1.4, spread=1.1, year=0.05, illness=2.5)  # outward growth of their surface
HIPPOCAMPI = Region(usual=2.2, spread=1.4, year=0.05, illness=3.5)  # retreat of their upper outer edge


@dataclass(frozen=True)
class PhantomAd(HeadPhantom):
    """Synthetic brains with and without atrophy of the medial temporal lobe and enlarged ventricles."""

    title: ClassVar[str] = "Phantom of dementia: MNI152 with atrophy of known place and size (not real scans)"
    task: ClassVar[Task] = Task("classification", "auc", ("healthy", "patient"))
    floor_covariates: ClassVar[tuple[str, ...]] = ("age", "sex")  # the measures are those of the drawn atrophy

    subjects: int = param(60, "number of people; every second one is a patient")
    mm: float = param(4.0, "voxel size in mm; at 2 the grid is the standard MNI grid")
    effect: float = param(1.0, "size of the atrophy; at 0 patients do not differ from healthy people")
    noise: float = param(0.03, "standard deviation of the Rician noise; white matter has an intensity of about 0.9")
    bending: float = param(1.0, "size of the deformations, relative to the default")
    label_noise: float = param(0.0, "share of the labels that are wrong (the other class)")
    seed: int = param(0, "seed of all random numbers")

    def truth(self) -> np.ndarray:
        """Map of the tissue that the illness turns into fluid in an average brain, (D, H, W), maximum 1."""
        import numpy as np

        points, average = Frame.whole(self.mm).points(), _anatomy.atlas(self.mm)
        tissue, ventricles = _anatomy.sample((average.tissue, average.ventricles), points)
        ill, well = (
            fluid_share(points, ventricles, reaches_of(size, 0.0, (0.0, 0.0)), self.mm) for size in (self.effect, 0)
        )
        lost = np.clip(ill - well, 0, 1) * tissue
        return relative(lost)

    def samples_of(self, number: int) -> Sequence[Sample]:
        import numpy as np

        patient = number % 2
        label = self.noisy_label(number, patient, 2)
        rng = self.rng(number, "person")
        age = round(float(np.clip(rng.normal(*AGES), 55, 95)), 1)
        deviations = tuple(rng.standard_normal(2).tolist())
        reaches = reaches_of(self.effect * patient, age - AGES[0], deviations)
        covariates = {"age": age, "sex": "FM"[int(rng.integers(2))]}
        covariates |= {"ventricles_mm": round(reaches[0], 3), "hippocampi_mm": round(reaches[1], 3)}
        covariates["oracle"] = evidence_of(reaches, age - AGES[0])
        name, stratum, read = f"phantom-{number:04d}", self.task.classes[label], partial(_scan, self, number, reaches)
        return [Sample(name, name, float(label), stratum, read, covariates=covariates)]

    def reader(self, oracle: np.ndarray) -> np.ndarray:
        """Class probabilities (N, 2) given the reach of the fluid and the age, which `oracle` summarises."""
        slopes, spreads = zip(*((region.illness, region.spread) for region in REGIONS), strict=True)
        return likelihoods(oracle, (0.0, self.effect), combined(slopes, spreads))


REGIONS = (VENTRICLES, HIPPOCAMPI)


def evidence_of(reaches: Sequence[float], years: float) -> float:
    """Estimated illness of a head, corrected for age: mean 0 in healthy heads, the effect in patients."""
    terms = [(reach - region.reach(0, years, 0), region) for reach, region in zip(reaches, REGIONS, strict=True)]
    return estimate([more for more, _ in terms], *zip(*((r.illness, r.spread) for _, r in terms), strict=True))


def reaches_of(patient: float, years: float, person: Sequence[float]) -> tuple[float, float]:
    """How far fluid reaches around the ventricles and into the hippocampi, in millimetres."""
    return VENTRICLES.reach(patient, years, person[0]), HIPPOCAMPI.reach(patient, years, person[1])


def _scan(phantom: PhantomAd, number: int, reaches: tuple[float, float]) -> Scan:
    """One head. Anatomy, shading and noise have separate generators, so that one does not change another."""
    import numpy as np

    anatomy, shading, noise = phantom.rngs(number, "anatomy", "shading", "noise")
    average, frame = _anatomy.atlas(phantom.mm), Frame.whole(phantom.mm)
    maps = (average.t1, average.white, average.brain, average.ventricles)
    points = _heads.bent(frame, phantom.bending, anatomy)
    t1, white, brain, ventricles = _anatomy.sample(maps, points)
    image = _heads.shaded(t1, white, frame, shading)
    image = image + (FLUID - image) * fluid_share(points, ventricles, reaches, phantom.mm)
    image = image * np.exp(BIAS * frame.field(80.0, shading) + GAIN * shading.standard_normal())
    noisy = _heads.rician(image, phantom.noise, noise) * (brain > 0.5)  # then skull-stripped
    return Scan(_heads.stored(noisy), phantom.spacing, affine=frame.affine())


def fluid_share(points: np.ndarray, ventricles: np.ndarray, reaches: Sequence[float], mm: float) -> np.ndarray:
    """The part of each voxel that fluid takes: around the ventricles, and where the hippocampi were.

    points: (3, D, H, W), millimetres in the average brain. ventricles: millimetres from their surface there.
    """
    growth, loss = reaches
    return _heads.either([_heads.around(ventricles, growth, mm), _heads.lost(points, loss, mm)])


DATASET = PhantomAd
