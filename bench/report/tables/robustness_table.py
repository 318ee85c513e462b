"""How much scores fall on corrupted scans, from the predictions that `bench stress` saved: the loss of every arm.

Two kinds of uncertainty, as everywhere: of a score at one strength, by resampling people within folds, for these
trained networks; of an arm's mean drop, over folds with the Nadeau-Bengio correction, for the method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench import evaluation
from bench.report.tables import captions
from bench.report.tables.declared_tests import fold_sizes, unknown_people_variance
from bench.report.tables.metric_range import difference_bounds
from bench.report.tables.number_format import NOTHING, between, decimals, number, signed
from bench.report.tables.results import DatasetResults, Run
from bench.report.tables.robustness_scores import RobustnessScores, read, whole
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import TableSpec
from bench.storage import robustness_cache
from bench.storage.robustness_cache import CLEAN, STRENGTHS

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

OVER_FOLDS = "over folds, with the Nadeau-Bengio correction"
DROPS = (
    "data", "data_kind", "arm", "metric", "clean", "disturbed", "drop", "low", "high", "folds", "folds_planned",
    "corruptions", "worst", "worst_drop",
)  # fmt: skip


def drops(found: RobustnessScores) -> pd.DataFrame:
    """A row for every arm: how much worse it scores on disturbed scans, all corruptions and strengths alike.

    A fold counts if its networks have predictions for every corruption at every strength. drop: positive is worse,
    whichever way the metric goes; low and high: over folds, NaN for fewer than two of them.
    """
    return pd.DataFrame([_dropped(found, arm) for arm in found.section.arms if found.runs(arm)], columns=DROPS)


def _dropped(found: RobustnessScores, arm: str) -> tuple:
    section, sign = found.section, found.section.sign
    runs = [run for run in found.runs(arm) if all(whole(found.predictions[run.cell.key], c) for c in found.corruptions)]
    runs = runs if found.corruptions else []
    clean = {run.place: found.score(run, CLEAN, 0) for run in runs}
    each = {c: {run.place: _mean(found, run, c) for run in runs} for c in found.corruptions}
    disturbed = {run.place: float(np.mean([each[c][run.place] for c in found.corruptions])) for run in runs}
    lost = evaluation.average_seeds({place: sign * (clean[place] - disturbed[place]) for place in clean})
    lost = {place: value for place, value in lost.items() if not math.isnan(value)}
    worse = {c: sign * (evaluation.fold_mean(clean) - evaluation.fold_mean(each[c])) for c in each} if runs else {}
    worst = max(worse, key=lambda name: -math.inf if math.isnan(worse[name]) else worse[name], default="")
    low, high = _interval(section, arm, lost)
    planned = len({run.place[:2] for run in section.of(arm)})
    return (
        section.name, section.kind, arm, section.task.primary,
        evaluation.fold_mean(clean), evaluation.fold_mean(disturbed),
        float(np.mean([*lost.values()])) if lost else math.nan, low, high, len(lost), planned, len(found.corruptions),
        worst, worse.get(worst, math.nan),
    )  # fmt: skip


def _mean(found: RobustnessScores, run: Run, corruption: str) -> float:
    return float(np.mean([found.score(run, corruption, strength) for strength in range(1, STRENGTHS + 1)]))


def _interval(section: DatasetResults, arm: str, lost: Mapping[tuple[int, int], float]) -> tuple[float, float]:
    if len(lost) < 2:
        return math.nan, math.nan
    train, test = fold_sizes(section, arm, "arm", tuple(lost))
    tested = evaluation.corrected_interval(
        np.array([*lost.values()]), train, test, people=unknown_people_variance(section)
    )
    return difference_bounds(section.metric, tested.low, tested.high)


def stress_body(found: SectionTables) -> TableBody:
    """The formatted table of the loss on corrupted scans; without rows if there are no predictions."""
    section, frame = found.section, found.frame("stress")
    digits = decimals(section.metric)
    columns = ("Arm", "Folds", "As they are", "Disturbed", "Loss", "95 %", "Worst of them", "Its loss")
    rows = tuple(
        (
            entry["arm"],
            f"{entry['folds']}/{entry['folds_planned']}",
            *(number(entry[name], digits) for name in ("clean", "disturbed")),
            signed(entry["drop"], digits),
            between(entry["low"], entry["high"], digits),
            entry["worst"].replace("_", " ") or NOTHING,
            signed(entry["worst_drop"], digits),
        )
        for entry in frame.to_dict("records")
    )
    return TableBody(columns, rows, _caption(section, frame), _notes(frame), (0, 6))


def _caption(section: DatasetResults, frame: pd.DataFrame) -> str:
    count = int(frame["corruptions"].max()) if len(frame) else 0
    over = "none, as all folds are tested on the same people" if section.external else OVER_FOLDS
    return (
        f"{captions.data(section)} {section.metric.title} of the test scans as they are and disturbed: the mean over "
        f"{count} corruptions at {STRENGTHS} strengths (version {robustness_cache.VERSION}), the same scans for "
        f"every arm, no network trained anew. Loss: positive is worse. Bounds: {over}; whether two arms "
        " lose unequally was not tested."
    )


def _notes(frame: pd.DataFrame) -> Sequence[str]:
    short = frame[frame["folds"] < frame["folds_planned"]]["arm"].tolist() if len(frame) else []
    return (
        (f"Not every fold of {', '.join(short)} was asked: weights were not kept, or it was stopped.",) if short else ()
    )


TABLE = TableSpec(
    "stress",
    "Disturbed scans",
    order=1400,
    frame=lambda found: drops(read(found.section)),
    layout=stress_body,
)
