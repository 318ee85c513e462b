"""24 volumes of 12 voxels a side in which the patients' middle is darker; two scans of every third person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.core import Dataset, Sample, Scan, Task, param, seed_of


@dataclass(frozen=True)
class TinyVolumes(Dataset):
    """A cube with a dark middle."""

    title: ClassVar[str] = "tiny volumes"
    source: ClassVar[str] = "made by a program"
    licence: ClassVar[str] = "none"
    citation: ClassVar[str] = "none"
    layout: ClassVar[str] = "none"
    phantom: ClassVar[bool] = True

    people: int = param(24, "how many")
    effect: float = param(1.0, "how dark the middle is")
    kind: str = param("classification", "of the task", ("classification", "regression", "segmentation"))

    @property
    def task(self) -> Task:
        if self.kind == "regression":
            return Task("regression", "mae", unit="years")
        primary = "auc" if self.kind == "classification" else "dice"
        return Task(self.kind, primary, ("healthy", "patient"))

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 12, 12, 12)

    @property
    def spacing(self) -> tuple[float, ...]:
        return (4.0, 4.0, 4.0)

    def samples(self, root):
        return [self._sample(at, visit) for at in range(self.people) for visit in range(2 if at % 3 == 0 else 1)]

    def _sample(self, at: int, visit: int) -> Sample:
        label = at % 2
        target = {"classification": label, "regression": 40.0 + at, "segmentation": np.nan}[self.kind]
        stratum = str(label) if self.kind != "regression" else str(at // 8)

        def read() -> Scan:
            rng = np.random.default_rng(seed_of("tiny", at, visit))
            image = rng.normal(1.0, 0.2, (1, 12, 12, 12)).astype(np.float32)
            mask = np.zeros((12, 12, 12), np.uint8)
            if self.kind == "segmentation":
                corner = rng.integers(0, 7, 3)
                mask[tuple(slice(start, start + 5) for start in corner)] = 1
                image[0] += mask * self.effect
            else:
                strength = label if self.kind == "classification" else at / self.people
                image[:, 4:8, 4:8, 4:8] -= 0.5 * self.effect * strength
            return Scan(image, self.spacing, mask if self.kind == "segmentation" else None)

        return Sample(f"p{at:02d}-{visit}", f"p{at:02d}", float(target), stratum, read)


DATASET = TinyVolumes
