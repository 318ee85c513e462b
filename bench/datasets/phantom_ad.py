"""Heads made by a program, half of them with an atrophy of known place and size.

Everybody is the average brain bent, scaled and shaded at random. Lateral ventricles grow and the medial temporal lobe
shrinks with age in everybody, and further in patients: the two classes overlap, as they do in people. Where it
happens is known, and kept. What a method reaches here says nothing of what it reaches on real scans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, Dataset, Sample, Scan, Task, param, seed_of
from bench.datasets import _anatomy

if TYPE_CHECKING:
    import numpy as np

FLUID = 0.2  # intensity of cerebrospinal fluid, where white matter is about 0.9
BIAS, GAIN = 0.06, 0.03  # deviations of the logarithm of the intensity: smooth over the head, and of the whole scan
TURN, SIZE, STRETCH, SHIFT = 1.0, 0.012, 0.01, 0.5  # deviations: degrees, logarithms, millimetres
BENDS = ((40.0, 1.3), (16.0, 0.5))  # millimetres: structure and deviation, of the head and of its folds
WHITE = 140  # uint8 value of an intensity of 1
AGES = (75.0, 7.0)  # years: mean and deviation, the same for both classes


@dataclass(frozen=True)
class Region:
    """How far fluid reaches in one place, in millimetres."""

    usual: float  # in a healthy person of the mean age
    spread: float  # deviation between people
    year: float  # more for each year of age
    illness: float  # more in a patient, times the effect

    def reach(self, patient: float, years: float, person: float) -> float:
        """years: from the mean age. person: this one's deviation from others, standard normal."""
        return max(0.0, self.usual + self.spread * person + self.year * years + self.illness * patient)


VENTRICLES = Region(usual=1.4, spread=1.1, year=0.05, illness=2.5)  # how far they have grown outwards
HIPPOCAMPI = Region(usual=2.2, spread=1.4, year=0.05, illness=3.5)  # how far their upper outer edge has drawn back


@dataclass(frozen=True)
class PhantomAd(Dataset):
    """Brains with and without an atrophy of the medial temporal lobe and enlarged ventricles, made by a program."""

    title: ClassVar[str] = "Phantom of dementia: MNI152 with atrophy of known place and size (not real scans)"
    source: ClassVar[str] = "made by bench from the MNI152 template that nilearn brings along"
    licence: ClassVar[str] = (
        "template: copyright 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute,"
        " McGill University; free to use, copy, modify and distribute with this notice"
    )
    citation: ClassVar[str] = (
        "Fonov VS, Evans AC, McKinstry RC, Almli CR, Collins DL. Unbiased nonlinear average age-appropriate brain"
        " templates from birth to adulthood. NeuroImage 47(S1):S102, 2009. doi:10.1016/S1053-8119(09)70884-5"
    )
    layout: ClassVar[str] = "no files: it is made"
    phantom: ClassVar[bool] = True
    task: ClassVar[Task] = Task("classification", "auc", ("healthy", "patient"))

    subjects: int = param(60, "people, every second a patient")
    mm: float = param(4.0, "edge of a voxel; at 2 the grid is that of the usual MNI scans")
    effect: float = param(1.0, "size of the atrophy; at 0 patients differ in nothing from the healthy")
    noise: float = param(0.03, "deviation of the Rician noise, where white matter is about 0.9")
    bending: float = param(1.0, "size of the deformations, times the usual")
    seed: int = param(0, "of all that is random")

    def __post_init__(self) -> None:
        if self.subjects < 2:
            raise BenchError(f"phantom_ad has at least 2 subjects, not {self.subjects}")
        if not 1 <= self.mm <= 12:
            raise BenchError(f"phantom_ad: mm lies between 1 and 12, not {self.mm}")
        if not (0 <= self.effect <= 5 and 0 <= self.noise <= 1 and 0 <= self.bending <= 3):
            raise BenchError(f"phantom_ad: effect up to 5, noise up to 1, bending up to 3, none below 0: {self}")

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, *_anatomy.grid_shape(self.mm))

    @property
    def spacing(self) -> tuple[float, ...]:
        return (self.mm,) * 3

    def samples(self, root: Path | None) -> Sequence[Sample]:
        return [self._sample(number) for number in range(self.subjects)]

    def truth(self) -> np.ndarray:
        """What the illness turns into fluid in an average brain: 1 where it does most, (D, H, W)."""
        import numpy as np

        points, average = _points(self.mm), _anatomy.atlas(self.mm)
        tissue, ventricles = _anatomy.sample((average.tissue, average.ventricles), points)
        ill, well = (_fluid(points, ventricles, _reaches(size, 0.0, (0.0, 0.0)), self.mm) for size in (self.effect, 0))
        lost = np.clip(ill - well, 0, 1) * tissue
        return lost / lost.max() if lost.max() > 0 else lost

    def _sample(self, number: int) -> Sample:
        import numpy as np

        patient = number % 2
        rng = np.random.default_rng(seed_of("phantom_ad", self.seed, number, "person"))
        age = round(float(np.clip(rng.normal(*AGES), 55, 95)), 1)
        deviations = tuple(rng.standard_normal(2).tolist())
        reaches = _reaches(self.effect * patient, age - AGES[0], deviations)
        covariates = {"age": age, "sex": "FM"[int(rng.integers(2))]}
        covariates |= {"ventricles_mm": round(reaches[0], 3), "hippocampi_mm": round(reaches[1], 3)}
        name, label = f"phantom-{number:04d}", self.task.classes[patient]
        return Sample(name, name, float(patient), label, partial(_scan, self, number, reaches), covariates=covariates)


def _reaches(patient: float, years: float, person: Sequence[float]) -> tuple[float, float]:
    """How far fluid reaches around the ventricles and into the hippocampi, in millimetres."""
    return VENTRICLES.reach(patient, years, person[0]), HIPPOCAMPI.reach(patient, years, person[1])


def _scan(phantom: PhantomAd, number: int, reaches: tuple[float, float]) -> Scan:
    """One head. Anatomy, shading and noise have generators of their own, so that one does not move the other."""
    import numpy as np

    anatomy, shading, noise = (
        np.random.default_rng(seed_of("phantom_ad", phantom.seed, number, purpose))
        for purpose in ("anatomy", "shading", "noise")
    )
    average = _anatomy.atlas(phantom.mm)
    maps = (average.t1, average.white, average.brain, average.ventricles)
    points = _bent(phantom, anatomy)
    t1, white, brain, ventricles = _anatomy.sample(maps, points)
    image = _shaded(t1, white, phantom.mm, shading)
    image = image + (FLUID - image) * _fluid(points, ventricles, reaches, phantom.mm)
    image = image * np.exp(BIAS * _anatomy.smooth_field(phantom.mm, 80.0, shading) + GAIN * shading.standard_normal())
    first, second = (phantom.noise * noise.standard_normal(image.shape) for _ in range(2))
    noisy = np.hypot(image + first, second) * (brain > 0.5)  # Rician, then skull-stripped
    return Scan(np.clip(np.round(WHITE * noisy), 0, 255).astype(np.uint8)[None], phantom.spacing)


def _bent(phantom: PhantomAd, rng: np.random.Generator) -> np.ndarray:
    """Where in the average brain each voxel of this person lies: (3, D, H, W), millimetres."""
    import numpy as np
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_euler("xyz", TURN * phantom.bending * rng.standard_normal(3), degrees=True).as_matrix()
    size = np.exp(phantom.bending * (SIZE * rng.standard_normal() + STRETCH * rng.standard_normal(3)))
    points = np.einsum("ij,jdhw->idhw", turn / size, _points(phantom.mm))
    points += SHIFT * phantom.bending * rng.standard_normal((3, 1, 1, 1))
    for knots, deviation in BENDS:
        for axis in range(3):
            points[axis] += phantom.bending * deviation * _anatomy.smooth_field(phantom.mm, knots, rng)
    return points


def _shaded(t1: np.ndarray, white: np.ndarray, mm: float, rng: np.random.Generator) -> np.ndarray:
    """This person's contrast between the tissues, and small smooth differences everywhere."""
    contrast = 0.06 * rng.standard_normal()
    return t1 * (1 + contrast * (white - 0.5) + 0.03 * _anatomy.smooth_field(mm, 15.0, rng))


def _fluid(points: np.ndarray, ventricles: np.ndarray, reaches: Sequence[float], mm: float) -> np.ndarray:
    """The part of each voxel that fluid takes: around the ventricles, and where the hippocampi were.

    points: (3, D, H, W), millimetres in the average brain. ventricles: millimetres from their surface there.
    """
    from scipy.special import expit

    width = 0.5 + mm / 4  # millimetres over which a voxel goes from tissue to fluid
    growth, loss = reaches
    around = expit((growth - ventricles) / width)
    left = expit(_anatomy.hippocampi(points, loss) / width) - expit(_anatomy.hippocampi(points) / width)
    return 1 - (1 - around) * (1 - left.clip(0, 1))


def _points(mm: float) -> np.ndarray:
    """Where each voxel lies: (3, D, H, W), millimetres."""
    import numpy as np

    return np.stack(np.broadcast_arrays(*_anatomy.grid(mm)))


DATASET = PhantomAd
