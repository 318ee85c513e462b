"""The scores of trained networks on corrupted scans, from the predictions that `bench stress` saved."""

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
    """Predictions for the corrupted test scans of a section. predictions: run key -> predictions of its network."""

    section: DatasetResults
    predictions: Mapping[str, CorruptedPredictions]

    @cached_property
    def corruptions(self) -> tuple[str, ...]:
        """The corruptions that any network has predictions for at every strength, in the order they were run."""
        runs = self.predictions.values()
        names = dict.fromkeys(name for run in runs for name, _ in run if name != CLEAN)
        return tuple(name for name in names if any(whole(run, name) for run in runs))

    def runs(self, arm: str) -> list[Run]:
        """The finished runs of an arm whose networks have predictions for the clean scans at least."""
        runs = [run for run in self.section.of(arm) if run.done]
        return [run for run in runs if (CLEAN, 0) in self.predictions.get(run.cell.key, {})]

    def score(self, run: Run, corruption: str, strength: int, name: str = "") -> float:
        """A metric of a run's test scans; NaN without predictions. name: the task's primary metric."""
        predictions = self.predictions[run.cell.key].get((corruption, strength) if strength else (CLEAN, 0))
        if predictions is None:
            return math.nan
        if self.section.task.per_voxel:
            return float(np.mean(predictions)) if name in ("", self.section.task.primary) else math.nan
        return metrics.metric(name or self.section.task.primary)(self.section.predictions(run)["y"], predictions)

    def part(self, run: Run, corruption: str, strength: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Targets, predictions, groups of a run's test part; of masks, nothing for targets and scores to average."""
        predictions = self.predictions[run.cell.key][(corruption, strength) if strength else (CLEAN, 0)]
        clean = self.section.predictions(run)
        y = clean["y"] if "y" in clean else np.zeros(len(predictions))
        return y, predictions, clean["groups"]


def whole(predictions: CorruptedPredictions, name: str) -> bool:
    """Whether a network has predictions for a corruption at every strength."""
    return all((name, strength) in predictions for strength in range(1, STRENGTHS + 1))


def read(section: DatasetResults) -> RobustnessScores:
    """The saved predictions of the runs of a section; empty where none are saved."""
    folder = robustness_cache.folder_of(section.store.root, section.plan.study)
    if not folder.is_dir():
        return RobustnessScores(section, {})
    runs = [run for arm in section.arms for run in section.of(arm) if run.done]
    saved = (
        (run.cell.key, robustness_cache.read(folder, run.cell.key, section.store.mark(run.cell.key))) for run in runs
    )
    return RobustnessScores(section, {key: predictions for key, predictions in saved if predictions})


def scores(found: RobustnessScores) -> pd.DataFrame:
    """A row for every run, corruption, strength and metric; strength 0 stands with every corruption."""
    section = found.section
    names = [m.name for m in metrics.of_task(section.task)]
    names = names[:1] if section.task.per_voxel else names
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
