"""40 flat images of 20 people from four places, dark or bright, with a publisher's split that divides people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.core import Dataset, Sample, Scan, Task, param, seed_of


@dataclass(frozen=True)
class TinyPlaces(Dataset):
    """Two images of each person; with `kinds` the dark ones are of two kinds."""

    title: ClassVar[str] = "tiny images from four places"
    source: ClassVar[str] = "made by a program"
    licence: ClassVar[str] = "none"
    citation: ClassVar[str] = "none"
    layout: ClassVar[str] = "none"
    phantom: ClassVar[bool] = True
    task: ClassVar[Task] = Task("classification", "auc", ("dark", "bright"))

    kinds: bool = param(False, "dark images are grey or black")
    size: int = param(16, "rows and columns")
    places: int = param(4, "how many")

    def __post_init__(self) -> None:
        if self.kinds:
            object.__setattr__(self, "task", Task("classification", "balanced_accuracy", ("black", "grey", "bright")))

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, self.size, self.size)

    @property
    def spacing(self) -> tuple[float, ...]:
        return (1.0, 1.0)

    def samples(self, root):
        return [self._sample(at) for at in range(40)]

    def _sample(self, at: int) -> Sample:
        person = at // 2
        label = (2 if person % 2 else person // 2 % 2) if self.kinds else person % 2

        def read() -> Scan:
            rng = np.random.default_rng(seed_of("places", at, self.kinds))
            bright = person % 2 if not self.kinds else label / 2
            return Scan(rng.normal(bright, 0.2, self.shape).astype(np.float32), self.spacing)

        part = "test" if at >= 30 or at in (1, 3) else "train"  # of people 0 and 1 one image lies in each
        place = f"place {person // 2 % self.places}"
        return Sample(f"i{at}", f"p{person}", float(label), str(label), read, place, part=part)


DATASET = TinyPlaces
