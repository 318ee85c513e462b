"""Volumes with many bright balls, of which the mask has every one: how many a network recovers can be counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.core import Dataset, Sample, Scan, Task, param, seed_of

EDGE, RADIUS = 24, 2.2


@dataclass(frozen=True)
class TinySpots(Dataset):
    """Balls in noise, none of which touches another."""

    title: ClassVar[str] = "tiny spots"
    source: ClassVar[str] = "made by a program"
    licence: ClassVar[str] = "none"
    citation: ClassVar[str] = "none"
    layout: ClassVar[str] = "none"
    phantom: ClassVar[bool] = True
    task: ClassVar[Task] = Task("segmentation", "dice", ("background", "spot"))

    people: int = param(10, "how many")
    spots: int = param(9, "balls of each person, at most")

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, EDGE, EDGE, EDGE)

    @property
    def spacing(self) -> tuple[float, ...]:
        return (2.0, 2.0, 2.0)

    def samples(self, root):
        return [self._sample(at) for at in range(self.people)]

    def _sample(self, at: int) -> Sample:
        def read() -> Scan:
            rng = np.random.default_rng(seed_of("spots", at))
            grid = np.stack(np.meshgrid(*[np.arange(EDGE)] * 3, indexing="ij"), -1)
            centres = []
            for centre in rng.uniform(RADIUS + 1, EDGE - RADIUS - 1, (200, 3)):
                if all(np.linalg.norm(centre - other) > 2 * RADIUS + 3 for other in centres):
                    centres.append(centre)
            near = [np.linalg.norm(grid - centre, axis=-1) <= RADIUS for centre in centres[: self.spots]]
            mask = np.any(near, axis=0)
            image = rng.normal(1.0, 0.3, self.shape).astype(np.float32) + mask[None]
            return Scan(image.astype(np.float32), self.spacing, mask.astype(np.uint8))

        return Sample(f"p{at:02d}", f"p{at:02d}", float("nan"), "all", read)


DATASET = TinySpots
