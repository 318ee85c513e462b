"""Synthetic heads of two hospitals that differ in their scanners and in how many of their people are patients.

The anatomy is that of `phantom_ad`. A network that recognises the scanner predicts the class from it: with an effect of
0 there is nothing else to learn, and within one site every honest score is at chance. Some people may be scanned at
both sites, so that the same anatomy is seen by both scanners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from bench.core import Sample, Scan, param
from bench.datasets import _anatomy, _heads
from bench.datasets._anatomy import Frame
from bench.datasets._heads import FLUID
from bench.datasets._phantom import Limits
from bench.datasets.phantom_ad import AGES, BIAS, GAIN, PhantomAd, evidence_of, fluid_share, reaches_of
from bench.datasets.phantom_age import SITES, Site

if TYPE_CHECKING:
    pass

QUIET, BUSY = SITES[:2]  # most patients are scanned at the second


@dataclass(frozen=True)
class PhantomShortcut(PhantomAd):
    """Heads of two sites: the site decides intensities and how frequent patients are."""

    title: ClassVar[str] = "Phantom of a shortcut: the site decides intensity and prevalence (not real scans)"
    limits: ClassVar[Limits] = {"shortcut": (0, 1), "sites": (0, 2), "travellers": (0, 1)}
    floor_covariates: ClassVar[tuple[str, ...]] = ("age", "sex", "site")

    shortcut: float = param(0.85, "share of the patients, and 1 - share of the healthy, of one site; 0.5: no relation")
    sites: float = param(1.0, "difference between the scanners, relative to that of phantom_age; 0: none")
    travellers: float = param(0.0, "share of the people who are scanned at both sites")

    def samples_of(self, number: int) -> Sequence[Sample]:
        import numpy as np

        patient = number % 2
        label = self.noisy_label(number, patient, 2)
        person, place = self.rngs(number, "person", "site")
        age = round(float(np.clip(person.normal(*AGES), 55, 95)), 1)
        reaches = reaches_of(self.effect * patient, age - AGES[0], tuple(person.standard_normal(2).tolist()))
        covariates = {"age": age, "sex": "FM"[int(person.integers(2))], "oracle": evidence_of(reaches, age - AGES[0])}
        usual, travels = (place.random() < self.shortcut) == bool(patient), place.random() < self.travellers
        first, second = (BUSY, QUIET) if usual else (QUIET, BUSY)
        name = f"phantom-{number:04d}"
        return [
            Sample(
                name if site is first else f"{name}-again",
                name,
                float(label),
                f"{self.task.classes[label]}, {first.name}",
                partial(_scan, self, number, reaches, site),
                site=site.name,
                covariates=covariates,
            )
            for site in ((first, second) if travels else (first,))
        ]


def _scan(phantom: PhantomShortcut, number: int, reaches: tuple[float, float], site: Site) -> Scan:
    """One head at one site. A person's anatomy is the same at both; shading and noise are those of the scan."""
    import numpy as np

    anatomy, shading, noise = (
        phantom.rng(number, "anatomy"),
        *(phantom.rng(number, site.name, what) for what in ("shading", "noise")),
    )
    average, frame = _anatomy.atlas(phantom.mm), Frame.whole(phantom.mm)
    points = _heads.bent(frame, phantom.bending, anatomy)
    maps = (average.t1, average.white, average.brain, average.ventricles)
    t1, white, brain, ventricles = _anatomy.sample(maps, points)
    image = _heads.shaded(t1, white, frame, anatomy) * (1 + phantom.sites * site.contrast * (white - 0.5))
    image = image + (FLUID - image) * fluid_share(points, ventricles, reaches, phantom.mm)
    bias = BIAS * (1 + phantom.sites * (site.bias - 1)) * frame.field(80.0, shading)
    image = image * np.exp(bias + phantom.sites * site.gain + GAIN * shading.standard_normal())
    noisy = _heads.rician(image, phantom.noise * (1 + phantom.sites * (site.noise - 1)), noise)
    return Scan(_heads.stored(noisy * (brain > 0.5)), phantom.spacing, affine=frame.affine())


DATASET = PhantomShortcut
