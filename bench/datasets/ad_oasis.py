"""Dementia on OASIS-1: CDR 0 against CDR > 0, in assessed people above a minimum age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.core import Sample, Task, param
from bench.data.readers.bids import scans
from bench.data.readers.labels import NOTHING
from bench.data.readers.omissions import omit
from bench.datasets._oasis import COVARIATES, Oasis

RATINGS = {"0": 0, "0.5": 1, "1": 1, "2": 1, "3": 1}  # clinical dementia rating -> class


@dataclass(frozen=True)
class AdOasis(Oasis):
    """CDR 0 against CDR > 0 on OASIS-1, in people with a dementia rating.

    Age alone would separate young controls from patients, so people below `age` are excluded.
    """

    title: ClassVar[str] = "OASIS-1: dementia (CDR 0 against CDR > 0), assessed and aged 60 or more"
    twin: ClassVar[str] = "phantom_ad"
    expected: ClassVar[dict[str, int]] = {"samples": 198, "groups": 198, "CDR 0": 98, "CDR > 0": 100}
    task: ClassVar[Task] = Task("classification", "auc", ("CDR 0", "CDR > 0"))
    floor_covariates: ClassVar[tuple[str, ...]] = ("age", "sex", "nwbv")  # cdr is the class, mmse its sign

    age: float = param(60.0, "lowest age of the people included, in years")

    def samples(self, root: Path | None) -> Sequence[Sample]:
        samples = []
        for row in scans(root, COVARIATES, self.layout):
            age, label = row.age(), row.label("cdr", RATINGS, left_out=(NOTHING,))
            if label is None:
                continue
            if age is None or age < self.age:
                omit("scans without an age" if age is None else f"scans at an age under {self.age:g}", row.id, row.path)
                continue
            samples.append(row.sample(label, self.task.classes[label], COVARIATES))
        return samples


DATASET = AdOasis
