"""The curves of training for each fold: at every evaluation point the mean over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.report.tables import captions
from bench.report.tables.results import DatasetResults, Run, number_or_nan

FOLLOWED = ("train_loss", "val_loss", "train", "val", "test")


@dataclass(frozen=True)
class TrainingCurve:
    """The course of an arm. lines: name -> (J, P), a row a fold; steps: (P,); chosen: (R,) of every run."""

    steps: np.ndarray
    lines: Mapping[str, np.ndarray]
    chosen: np.ndarray
    candidates: np.ndarray  # the evaluation points that validation chooses among

    @property
    def folds(self) -> int:
        return len(self.lines["val"])

    def band(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, lowest and highest fold at every step, (P,) each; folds without the number are left out."""
        values = np.ma.masked_invalid(self.lines[name])
        mean, low, high = values.mean(0), values.min(0), values.max(0)
        return tuple(np.ma.filled(each.astype(float), np.nan) for each in (mean, low, high))


def course(section: DatasetResults, arm: str) -> TrainingCurve | None:
    """The training curve of an arm; None if its records have none, as for a model with a closed-form solution."""
    runs = [run for run in section.of(arm) if run.done and len(run.record.curve) > 1]
    if not runs:
        return None
    steps = sorted({point["step"] for run in runs for point in run.record.curve})
    folds: dict[tuple[int, int], list[Run]] = {}
    for run in runs:
        folds.setdefault(run.place[:2], []).append(run)
    watched = dict.fromkeys(name for run in runs for name in run.record.curve[0].get("watched", ()))
    lines = {name: np.array([_mean(seeds, name, steps) for seeds in folds.values()]) for name in (*FOLLOWED, *watched)}
    chosen = [run.record.resolved.get("selected_step") for run in runs]
    last = np.array(steps[-captions.candidates(section) :])
    return TrainingCurve(np.array(steps), lines, np.array([step for step in chosen if step is not None]), last)


def _mean(seeds: Sequence[Run], name: str, steps: Sequence[int]) -> np.ndarray:
    """(P,) the mean of the seeds that have the number; NaN if none has."""
    rows = []
    for run in seeds:
        known = {
            point["step"]: number_or_nan({**point, **point.get("watched", {})}.get(name)) for point in run.record.curve
        }
        rows.append([known.get(step, np.nan) for step in steps])
    return np.ma.filled(np.ma.masked_invalid(rows).mean(axis=0).astype(float), np.nan)
