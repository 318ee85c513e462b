"""Sex on OASIS-1: 436 sessions, an easy question that many people can answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.core import Sample, Task
from bench.data.readers.bids import scans
from bench.data.readers.omissions import omit
from bench.datasets._oasis import COVARIATES, Oasis

SEXES = {"M": 0, "F": 1, "Male": 0, "Female": 1}


@dataclass(frozen=True)
class SexOasis(Oasis):
    """Sex from every session of OASIS-1, as its tables state it.

    The scans are in MNI space, so the size of the head is not in them: what is left is the shape of the brain. The
    covariates hold the size (`etiv`). Twenty people were scanned twice: a person is one group. The tables name 416
    people, but the brains of two of them are the same fold for fold, so preparation makes them one group as well.
    """

    title: ClassVar[str] = "OASIS-1: sex, all sessions"
    twin: ClassVar[str] = "phantom_ad"
    belong: ClassVar[str] = "alike"
    expected: ClassVar[dict[str, int]] = {"samples": 436, "groups": 415, "male": 168, "female": 268}
    task: ClassVar[Task] = Task("classification", "auc", ("male", "female"))
    floor_covariates: ClassVar[tuple[str, ...]] = ("age", "etiv", "nwbv")  # cdr and mmse are missing in the young

    def samples(self, root: Path | None) -> Sequence[Sample]:
        samples = []
        for row in scans(root, COVARIATES, self.layout):
            label = row.label("sex", SEXES)
            if label is None:
                omit("scans without a sex", row.id, row.path)
            else:
                samples.append(row.sample(label, self.task.classes[label], COVARIATES))
        return samples


DATASET = SexOasis
