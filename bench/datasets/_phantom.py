"""Base classes of the phantoms: limits of parameters, shapes, random numbers and labels."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, Dataset, Sample, seed_of
from bench.datasets import _anatomy
from bench.datasets._oracle import flipped

if TYPE_CHECKING:
    import numpy as np

Limits = Mapping[str, tuple[float, float]]  # parameter -> lowest and highest value, both allowed
ANY = math.inf


@dataclass(frozen=True)
class Phantom(Dataset):
    """A synthetic data set. Subclasses have the parameters `subjects`, `effect`, `label_noise`, `seed`."""

    source: ClassVar[str] = _anatomy.SOURCE
    licence: ClassVar[str] = _anatomy.LICENCE
    citation: ClassVar[str] = _anatomy.CITATION
    layout: ClassVar[str] = "no files: bench generates the scans"
    phantom: ClassVar[bool] = True
    limits: ClassVar[Limits] = {
        "subjects": (2, ANY),
        "effect": (0, 5),
        "label_noise": (0, 1),
        "noise": (0, 1),
        "bending": (0, 3),
    }

    def __post_init__(self) -> None:
        limits = {name: pair for base in reversed(type(self).__mro__) for name, pair in _limits_of(base).items()}
        for name, (low, high) in limits.items():
            if hasattr(self, name) and not low <= getattr(self, name) <= high:
                allowed = f"{low} or more" if high == ANY else f"between {low} and {high}"
                raise BenchError(f"{self.name}: {name} must be {allowed}, not {getattr(self, name)}")

    @property
    def name(self) -> str:
        """The name in the registry (the file's name); part of every seed."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def cohort(self) -> str:
        """The people that are made for this phantom and seed."""
        return f"{self.name}, seed {self.seed}"

    @property
    def spacing(self) -> tuple[float, ...]:
        return (self.mm,) * (len(self.shape) - 1)

    def samples(self, root: Path | None) -> Sequence[Sample]:
        return [sample for number in range(self.subjects) for sample in self.samples_of(number)]

    @abstractmethod
    def samples_of(self, number: int) -> Sequence[Sample]:
        """The samples of person `number`, counted from 0; images are made later, when a sample is read."""

    def reader(self, oracle: np.ndarray) -> np.ndarray:
        """Predictions of a perfect reader from the covariate `oracle`, (N,).

        Classes: probabilities (N, K). Numbers: (N,). Masks: Dice of each scan, (N,).
        """
        return oracle

    def rngs(self, number: int, *purposes: str) -> list[np.random.Generator]:
        """One generator per purpose, so that draws for one purpose do not change another."""
        return [self.rng(number, purpose) for purpose in purposes]

    def rng(self, number: int, *purpose: str | float) -> np.random.Generator:
        """The generator of a person and a purpose."""
        import numpy as np

        return np.random.default_rng(seed_of(self.name, self.seed, number, *purpose))

    def noisy_label(self, number: int, label: int, classes: int) -> int:
        """The label of a person, or another class with a probability of `label_noise`."""
        return flipped(label, classes, self.label_noise, seed_of(self.name, self.seed, number, "label"))


class HeadPhantom(Phantom):
    """Volumes of whole heads with voxels of `mm` millimetres."""

    limits: ClassVar[Limits] = {"mm": (1, 12)}

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, *_anatomy.grid_shape(self.mm))


class PicturePhantom(Phantom):
    """Axial slices of `size` x `size` pixels of `mm` millimetres."""

    limits: ClassVar[Limits] = {"subjects": (4, ANY), "size": (32, 512), "mm": (0.5, 8)}

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, self.size, self.size)


def relative(strength: np.ndarray) -> np.ndarray:
    """A map divided by its maximum; unchanged if it is 0 everywhere."""
    return strength / strength.max() if strength.max() > 0 else strength


def _limits_of(base: type) -> Limits:
    return vars(base).get("limits", {})
