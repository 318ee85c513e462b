"""Dementia on OASIS-1: CDR 0 against CDR > 0, in assessed people above a minimum age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.core import Sample, Task, param
from bench.data.readers.bids import Row, scans
from bench.datasets._oasis import COVARIATES, Oasis


@dataclass(frozen=True)
class AdOasis(Oasis):
    """CDR 0 against CDR > 0 on OASIS-1, in people with a dementia rating.

    Age alone would separate young controls from patients, so people below `age` are excluded.
    """

    title: ClassVar[str] = "OASIS-1: dementia (CDR 0 against CDR > 0), assessed and aged 60 or more"
    twin: ClassVar[str] = "phantom_ad"
    expected: ClassVar[dict[str, int]] = {"samples": 198, "groups": 198, "CDR 0": 98, "CDR > 0": 100}
    task: ClassVar[Task] = Task("classification", "auc", ("CDR 0", "CDR > 0"))

    age: float = param(60.0, "lowest age of the people included, in years")

    def samples(self, root: Path | None) -> Sequence[Sample]:
        rows = scans(root, COVARIATES, self.layout)
        return [self._sample(row) for row in rows if self._takes_part(row)]

    def _takes_part(self, row: Row) -> bool:
        age = row.age()
        return row.number("cdr") is not None and age is not None and age >= self.age

    def _sample(self, row: Row) -> Sample:
        label = int(row.number("cdr") > 0)
        return row.sample(label, self.task.classes[label], COVARIATES)


DATASET = AdOasis
