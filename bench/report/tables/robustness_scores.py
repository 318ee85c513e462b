"""The scores of trained networks on corrupted scans, from the predictions that `bench stress` kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from bench.evaluation import metrics
from bench.report.tables.results import DatasetResults, Run
from bench.storage import robustness_cache
from bench.storage.robustness_cache import CLEAN, STRENGTHS, CorruptedPredictions

SCORES = ("data", "data_kind", "arm", "partition", "fold", "seed", "corruption", "strength", "metric", "score")


@dataclass(frozen=True)
class RobustnessScores:
    """What was said of a section's disturbed test scans. said: key of a run -> what its network said."""

    section: DatasetResults
    said: Mapping[str, CorruptedPredictions]

    @cached_property
    def corruptions(self) -> tuple[str, ...]:
        """Those that any network was asked about at every strength, in the order that they were asked in."""
        names = dict.fromkeys(name for said in self.said.values() for name, _ in said if name != CLEAN)
        return tuple(name for name in names if any(whole(said, name) for said in self.said.values()))

    def runs(self, arm: str) -> list[Run]:
        """The finished runs of an arm whose networks were asked about undisturbed scans at least."""
        return [run for run in self.section.of(arm) if run.done and (CLEAN, 0) in self.said.get(run.cell.key, {})]

    def score(self, run: Run, corruption: str, strength: int, name: str = "") -> float:
        """A metric of a run's test scans; NaN where nothing was asked. name: the task's primary metric."""
        said = self.said[run.cell.key].get((corruption, strength) if strength else (CLEAN, 0))
        if said is None:
            return math.nan
        if self.section.task.kind == "segmentation":
            return float(np.mean(said)) if name in ("", self.section.task.primary) else math.nan
        return metrics.metric(name or self.section.task.primary)(self.section.predictions(run)["y"], said)

    def part(self, run: Run, corruption: str, strength: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Targets, predictions, groups of a run's test part; of masks, nothing for targets and scores to average."""
        said, kept = self.said[run.cell.key][(corruption, strength) if strength else (CLEAN, 0)], (
            self.section.predictions(run)
        )  # fmt: skip
        y = kept["y"] if "y" in kept else np.zeros(len(said))
        return y, said, kept["groups"]


def whole(said: CorruptedPredictions, name: str) -> bool:
    """Whether a network has predictions for a corruption at every strength."""
    return all((name, strength) in said for strength in range(1, STRENGTHS + 1))


def read(section: DatasetResults) -> RobustnessScores:
    """What was kept for the runs of a section; empty where nothing was."""
    folder = robustness_cache.folder_of(section.store.root, section.plan.study)
    if not folder.is_dir():
        return RobustnessScores(section, {})
    runs = [run for arm in section.arms for run in section.of(arm) if run.done]
    found = (
        (run.cell.key, robustness_cache.read(folder, run.cell.key, section.store.mark(run.cell.key))) for run in runs
    )
    return RobustnessScores(section, {key: said for key, said in found if said})


def scores(found: RobustnessScores) -> pd.DataFrame:
    """A row for every run, corruption, strength and metric; strength 0 stands with every corruption."""
    section = found.section
    names = [m.name for m in metrics.of_task(section.task)]
    names = names[:1] if section.task.kind == "segmentation" else names
    rows = [
        (section.name, section.kind, arm, *run.place, corruption, strength, name, score)
        for arm in section.arms
        for run in found.runs(arm)
        for corruption in found.corruptions
        for strength in range(STRENGTHS + 1)
        for name in names
        if not math.isnan(score := found.score(run, corruption, strength, name))
    ]
    return pd.DataFrame(rows, columns=SCORES)
