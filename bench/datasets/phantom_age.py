"""Synthetic brains of 20 to 90 years: ventricles and sulci widen, hippocampi shrink, white matter lesions appear.

Every change is linear in age with an individual deviation, so that the best linear estimate from the four changes is
optimal. Real ageing accelerates in old age; this one does not. Three sites differ in contrast, bias and noise, but not
in what age changes.
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
from bench.datasets._oracle import combined, estimate
from bench.datasets._phantom import HeadPhantom, Limits, relative

if TYPE_CHECKING:
    import numpy as np

AGES = (20.0, 90.0)  # years, all equally frequent
MIDDLE, DECADE = 55.0, 10
VENTRICLES = Region(usual=1.6, spread=0.75, year=0.08, illness=0.0)
SULCI = Region(usual=0.0, spread=0.35, year=0.035, illness=0.0)
HIPPOCAMPI = Region(usual=2.2, spread=0.9, year=0.06, illness=0.0)
SPOTS = Region(usual=-2.6, spread=0.6, year=0.03, illness=0.0)  # not millimetres: threshold of a random field
REGIONS = (VENTRICLES, SULCI, HIPPOCAMPI, SPOTS)
SPOTTED = 15.0  # millimetres from the ventricles within which most lesions of the white matter are
LESION = 0.5  # intensity of a lesion of the white matter
BIAS = 0.06  # deviation of the logarithm of the intensity, smooth over the head


@dataclass(frozen=True)
class Site:
    """Differences of a scanner from the standard one."""

    name: str
    gain: float  # added to the logarithm of the intensity
    contrast: float  # added contrast between white and grey matter, as a share
    bias: float  # relative to the standard
    noise: float  # relative to the standard


SITES = (Site("north", 0.0, 0.0, 1.0, 1.0), Site("south", 0.22, -0.2, 2.0, 1.4), Site("west", -0.2, 0.15, 0.5, 0.8))


@dataclass(frozen=True)
class PhantomAge(HeadPhantom):
    """Age in years from synthetic brains, at three sites."""

    title: ClassVar[str] = "Phantom of ageing: MNI152 widened and spotted with the years (not real scans)"
    limits: ClassVar[Limits] = {"sites": (0, 2), "label_noise": (0, 50)}
    task: ClassVar[Task] = Task("regression", "mae", unit="years")
    floor_covariates: ClassVar[tuple[str, ...]] = ("sex", "site")  # the measures are those of the drawn ageing

    subjects: int = param(60, "number of people, of all ages and sites")
    mm: float = param(4.0, "voxel size in mm; at 2 the grid is the standard MNI grid")
    effect: float = param(1.0, "speed of ageing, relative to the default; at 0 brains do not age")
    label_noise: float = param(0.0, "standard deviation of the label from the age of the brain, in years")
    sites: float = param(1.0, "difference between the sites, relative to the default")
    noise: float = param(0.03, "standard deviation of the Rician noise; white matter has an intensity of about 0.9")
    bending: float = param(1.0, "size of the deformations, relative to the default")
    seed: int = param(0, "seed of all random numbers")

    def truth(self) -> np.ndarray:
        """Map of the tissue that turns into fluid from 20 to 90 years, (D, H, W), maximum 1, without lesions."""
        import numpy as np

        average, points = _anatomy.atlas(self.mm), Frame.whole(self.mm).points()
        tissue, *surfaces = _anatomy.sample((average.tissue, average.ventricles, average.sulci), points)
        young, old = (
            _fluid(points, surfaces, _levels(self.effect * (age - MIDDLE), (0.0,) * 4), self.mm) for age in AGES
        )
        gone = np.clip(old - young, 0, 1) * tissue
        return relative(gone)

    def reader(self, oracle: np.ndarray) -> np.ndarray:
        """Age in years (N,) estimated from the four changes, shrunk towards the mean age."""
        variance = (AGES[1] - AGES[0]) ** 2 / 12
        slopes, spreads = _slopes(self.effect), [region.spread for region in REGIONS]
        error = combined(slopes, spreads) ** 2 if self.effect else float("inf")
        return MIDDLE + oracle * (variance / (variance + error))

    def samples_of(self, number: int) -> Sequence[Sample]:

        rng = self.rng(number, "person")
        age = float(rng.uniform(*AGES))
        levels = _levels(self.effect * (age - MIDDLE), rng.standard_normal(4).tolist())
        sex, site = "FM"[int(rng.integers(2))], SITES[int(rng.integers(len(SITES)))]
        noted = round(age + self.label_noise * float(rng.standard_normal()), 1)
        more = [level - region.usual for level, region in zip(levels, REGIONS, strict=True)]
        oracle = estimate(more, _slopes(self.effect), [region.spread for region in REGIONS]) if self.effect else 0.0
        words = ("ventricles_mm", "sulci_mm", "hippocampi_mm", "spots")
        covariates = {"sex": sex, "oracle": oracle}
        covariates |= {word: round(level, 3) for word, level in zip(words, levels, strict=True)}
        name, start = f"phantom-{number:04d}", int(noted // DECADE) * DECADE
        stratum, read = f"{start} to {start + DECADE - 1}", partial(_scan, self, number, levels, site)
        return [Sample(name, name, noted, stratum, read, site=site.name, covariates=covariates)]


def _slopes(effect: float) -> list[float]:
    return [effect * region.year for region in REGIONS]


def _levels(years: float, person: Sequence[float]) -> tuple[float, ...]:
    """Extent of each change. years: from the middle age, times the effect. person: (4,) standard normal."""
    return tuple(r.usual + r.deviation(0.0, years, own) for r, own in zip(REGIONS, person, strict=True))


def _scan(phantom: PhantomAge, number: int, levels: Sequence[float], site: Site) -> Scan:
    """One head. Anatomy, spots, shading and noise have separate generators."""
    import numpy as np

    anatomy, spots, shading, noise = phantom.rngs(number, "anatomy", "spots", "shading", "noise")
    average, frame = _anatomy.atlas(phantom.mm), Frame.whole(phantom.mm)
    maps = (average.t1, average.white, average.brain, average.ventricles, average.sulci)
    points = _heads.bent(frame, phantom.bending, anatomy)
    t1, white, brain, *surfaces = _anatomy.sample(maps, points)
    image = _heads.shaded(t1, white, frame, shading) * (1 + phantom.sites * site.contrast * (white - 0.5))
    image = image + (LESION - image) * _spots(frame.field(10.0, spots), levels[-1], white, surfaces[0])
    image = image + (FLUID - image) * _fluid(points, surfaces, levels, phantom.mm)
    bias = BIAS * (1 + phantom.sites * (site.bias - 1)) * frame.field(80.0, shading)
    image = image * np.exp(bias + phantom.sites * site.gain + 0.03 * shading.standard_normal())
    noisy = _heads.rician(image, phantom.noise * (1 + phantom.sites * (site.noise - 1)), noise)
    stripped = _heads.stored(noisy * (brain > 0.5))
    return Scan(stripped, phantom.spacing, affine=frame.affine())


def _fluid(points: np.ndarray, surfaces: Sequence[np.ndarray], levels: Sequence[float], mm: float) -> np.ndarray:
    """The part of each voxel that fluid takes. surfaces: millimetres from the ventricles and from the sulci."""
    parts = [_heads.around(surface, level, mm) for surface, level in zip(surfaces, levels[:2], strict=True)]
    return _heads.either([*parts, _heads.lost(points, levels[2], mm)])


def _spots(field: np.ndarray, level: float, white: np.ndarray, ventricles: np.ndarray) -> np.ndarray:
    """The part of each voxel that is a lesion: peaks of a random field, in white matter and most near ventricles."""
    import numpy as np
    from scipy.special import expit

    return expit((field + level) / 0.15) * white * np.exp(-np.clip(ventricles, 0, None) / SPOTTED)


DATASET = PhantomAge
