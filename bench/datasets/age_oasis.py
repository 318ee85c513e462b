"""Age on OASIS-1: from 18 to 96, including people with dementia."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.core import Sample, Task
from bench.data.readers.bids import scans
from bench.data.readers.omissions import omit
from bench.data.readers.tabular import decade
from bench.datasets._oasis import COVARIATES, Oasis


@dataclass(frozen=True)
class AgeOasis(Oasis):
    """Age in years from every session of OASIS-1.

    Twenty people were scanned twice: a person is one group. The tables name 416 people, but the brains of two of them
    are the same fold for fold, so preparation makes them one group as well.
    """

    title: ClassVar[str] = "OASIS-1: age, all sessions"
    twin: ClassVar[str] = "phantom_age"
    belong: ClassVar[str] = "alike"
    expected: ClassVar[dict[str, int]] = {"samples": 436, "groups": 415}
    task: ClassVar[Task] = Task("regression", "mae", unit="years")
    floor_covariates: ClassVar[tuple[str, ...]] = ("sex", "nwbv")  # cdr and mmse are missing in the young

    def samples(self, root: Path | None) -> Sequence[Sample]:
        samples = []
        for row in scans(root, COVARIATES, self.layout):
            age = row.age()
            if age is None:
                omit("scans without an age", row.id, row.path)
            else:
                samples.append(row.sample(age, decade(age), COVARIATES))
        return samples


DATASET = AgeOasis
