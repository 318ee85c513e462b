"""What was followed as training went, of each fold: at every evaluation point the mean of its seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.tables import captions
from bench.tables.curves import curves
from bench.tables.results import Section

FOLLOWED = ("train_loss", "val_loss", "val", "test")


@dataclass(frozen=True)
class Course:
    """The course of an arm. lines: name -> (J, P), a row a fold; steps: (P,); chosen: (R,) of every run."""

    steps: np.ndarray
    lines: dict[str, np.ndarray]
    chosen: np.ndarray
    candidates: np.ndarray  # the evaluation points that the validation part chooses among

    def band(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, lowest and highest fold at every step, (P,) each; folds without the number are left out."""
        values = np.ma.masked_invalid(self.lines[name])
        return tuple(np.ma.filled(each, np.nan) for each in (values.mean(0), values.min(0), values.max(0)))


def courses(section: Section) -> dict[str, Course]:
    """arm -> its course; arms whose records follow nothing are left out."""
    frame = curves(section)
    frame = frame[frame["role"] == "arm"] if len(frame) else frame
    found = {}
    for arm in section.arms:
        mine = frame[frame["arm"] == arm]
        if mine["step"].nunique() > 1:  # what is solved at once has no course
            found[arm] = _course(section, arm, mine)
    return found


def _course(section: Section, arm: str, frame: pd.DataFrame) -> Course:
    watched = [name for name in frame.columns[frame.columns.get_loc("test") + 1 :] if frame[name].notna().any()]
    lines = {}
    for name in (*FOLLOWED, *watched):
        numbers = frame.assign(**{name: pd.to_numeric(frame[name], errors="coerce")})
        lines[name] = numbers.pivot_table(index=["partition", "fold"], columns="step", values=name, dropna=False)
    steps = np.array(sorted(frame["step"].unique()))
    chosen = [run.record.resolved.get("selected_step") for run in section.of(arm) if run.done]
    tables = {name: table.reindex(columns=steps).to_numpy(dtype=float) for name, table in lines.items()}
    return Course(steps, tables, np.array([step for step in chosen if step is not None]), steps[-captions.candidates(section) :])
