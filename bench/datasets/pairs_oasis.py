"""OASIS-1: brains to align with each other; classes of grey values judge the alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, Sample, Scan, Task, param
from bench.data.readers.bids import scans
from bench.data.registration_kind import REGISTRATION
from bench.datasets._oasis import COVARIATES, SHAPE, Oasis

if TYPE_CHECKING:
    import numpy as np

CLASSES = ("fluid", "grey matter", "white matter")
STEP = 2.0  # millimetres of the files


@dataclass(frozen=True)
class PairsOasis(Oasis):
    """Brains of OASIS-1 in MNI space, one scan of every person, to align with each other.

    OASIS-1 has no outlines here. The label maps are three classes of the grey values of each brain, divided where they
    differ most (Otsu's thresholds). So a score says how well tissue of like brightness overlaps, which is close to what
    networks are trained for, and not whether structures correspond: for that take `pairs_ixi` or `phantom_pairs`.
    """

    title: ClassVar[str] = "OASIS-1: brains to align with each other, with three classes of grey values"
    twin: ClassVar[str] = "phantom_pairs"
    belong: ClassVar[str] = "alike"
    expected: ClassVar[dict[str, int]] = {"samples": 416, "groups": 415}
    resampling: ClassVar[str] = "means of whole voxels"
    task: ClassVar[Task] = Task(REGISTRATION, "region_dice", ("background", *CLASSES))

    factor: int = param(2, "edge of the cubes of voxels of 2 mm that are averaged; 1: the scans as they are")
    people: int = param(0, "people, the first ones by name; 0: all")

    def __post_init__(self) -> None:
        if not 1 <= self.factor <= 6 or self.people < 0:
            raise BenchError("pairs_oasis: factor must be from 1 to 6 and people 0 or more")

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, *(size // self.factor for size in SHAPE[1:]))

    @property
    def spacing(self) -> tuple[float, ...]:
        return (STEP * self.factor,) * 3

    def samples(self, root: Path | None) -> Sequence[Sample]:
        first: dict[str, Sample] = {}
        for row in scans(root, COVARIATES, self.layout):
            sample = row.sample(float("nan"), "brain", COVARIATES)
            first.setdefault(sample.group, replace(sample, read=partial(_scan, sample, self.factor)))
        return list(first.values())[: self.people or None]


def _scan(sample: Sample, factor: int) -> Scan:
    """The scan of a person, coarser, with the classes of its grey values."""
    import numpy as np

    scan = sample.read()
    image = _averaged(np.asarray(scan.image[0], dtype=np.float32), factor)
    affine = scan.affine
    if affine is not None:
        affine = affine @ np.diag([factor, factor, factor, 1.0])
        affine[:3, 3] = scan.affine[:3, 3] + scan.affine[:3, :3] @ np.full(3, (factor - 1) / 2)
    return Scan(image[None], tuple(step * factor for step in scan.spacing), _classes(image), affine, scan.notes)


def _averaged(image: np.ndarray, factor: int) -> np.ndarray:
    """Means over cubes of voxels; what is left over at the end of an axis is cut off."""
    sizes = [size // factor for size in image.shape]
    cut = image[tuple(slice(size * factor) for size in sizes)]
    return cut.reshape([part for size in sizes for part in (size, factor)]).mean(axis=(1, 3, 5))


def _classes(image: np.ndarray) -> np.ndarray:
    """0 outside the brain, then 1 to 3 by the brightness: (D, H, W) to uint8."""
    import numpy as np
    from skimage.filters import threshold_multiotsu

    brain = image > 0
    labels = np.zeros(image.shape, dtype=np.uint8)
    values = np.unique(image[brain])
    limits = values[1:] if len(values) <= len(CLASSES) else threshold_multiotsu(image[brain], classes=len(CLASSES))
    labels[brain] = 1 + np.digitize(image[brain], limits)
    return labels


DATASET = PairsOasis
