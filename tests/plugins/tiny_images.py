"""20 images of 16 pixels a side in three classes that differ in brightness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.core import Dataset, Sample, Scan, Task, seed_of


@dataclass(frozen=True)
class TinyImages(Dataset):
    """Flat images."""

    title: ClassVar[str] = "tiny images"
    source: ClassVar[str] = "made by a program"
    licence: ClassVar[str] = "none"
    citation: ClassVar[str] = "none"
    layout: ClassVar[str] = "none"
    phantom: ClassVar[bool] = True
    task: ClassVar[Task] = Task("classification", "balanced_accuracy", ("dark", "grey", "bright"))

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 16, 16)

    @property
    def spacing(self) -> tuple[float, ...]:
        return (1.0, 1.0)

    def samples(self, root):
        def sample(at: int) -> Sample:
            def read() -> Scan:
                rng = np.random.default_rng(seed_of("images", at))
                return Scan(rng.normal(at % 3, 0.3, (1, 16, 16)).astype(np.float32), self.spacing)

            return Sample(f"i{at}", f"i{at}", float(at % 3), str(at % 3), read)

        return [sample(at) for at in range(30)]


DATASET = TinyImages
