"""The score of every arm, its interval, the optimism of selection on the test part, and the cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench import evaluation
from bench.core import seed_of
from bench.evaluation import is_area, metrics
from bench.evaluation.segmentation import EMPTY
from bench.report.tables import captions, score_interval
from bench.report.tables.declared_tests import fold_sizes, unknown_people_variance
from bench.report.tables.metric_range import difference_bounds
from bench.report.tables.number_format import between, decimals, number
from bench.report.tables.oracle import oracle_note
from bench.report.tables.outside_notes import below_chance_notes, outside_notes
from bench.report.tables.pretraining_notes import pretraining_notes
from bench.report.tables.results import POINTS, DatasetResults, Run
from bench.report.tables.table import TableBody, arm_cell, incomplete_notes, metric_column, runs_cell, score_cell
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

REPEATS = 2000  # of the bootstrap for one pass over the folds; fewer for each where several passes are averaged
FEWEST = 400
COSTS = (
    "parameters",
    "forward_flops",
    "step_seconds",
    "train_seconds",
    "inference_seconds",
    "peak_memory_mb",
    "train_joules",
    "activation_mb",
)


def scores(section: DatasetResults) -> pd.DataFrame:
    """A row for every arm of the plan, run or not. A missing run is counted, never filled in."""
    return pd.DataFrame([_row(section, arm) for arm in section.arms])


def _row(section: DatasetResults, arm: str) -> dict[str, object]:
    runs = section.of(arm)
    counts = Counter(run.status for run in runs)
    named = [m.name for m in metrics.of_task(section.task)]
    low, high, undefined = interval(section, arm)
    return {
        "data": section.name,
        "data_kind": section.kind,
        "arm": arm,
        "method": runs[0].cell.method,
        "family": runs[0].cell.family,
        "floor": arm in section.plan.floors,
        "reference": arm == section.plan.reference,
        **{status: counts[status] for status in ("done", "failed", "refused", "open")},
        "planned": len(runs),
        "complete": counts["done"] == len(runs),
        "primary": section.task.primary,
        "score": evaluation.fold_mean(section.scores(arm)),
        "low": low,
        "high": high,
        "undefined_resamples": undefined,
        **{name: evaluation.fold_mean(section.scores(arm, name=name)) for name in named},
        **_audit(section, arm),
        "chosen_at": _chosen_at(runs),
        **{name: mean_cost(runs, name) for name in COSTS},
        "upstream_seconds": _upstream_seconds(section, runs),
        "upstream_activation_mb": _upstream_activations(section, runs),
        "tuning_trials": _mean_tuning(runs, "trials"),
        "tuning_seconds": _mean_tuning(runs, "seconds"),
    }


def interval(section: DatasetResults, arm: str) -> tuple[float, float, float]:
    """Low, high, and the share of resampled folds without a score: see `score_interval`. NaN without predictions."""
    passes = _passes(section, arm)
    repeats = max(FEWEST, REPEATS // max(1, len(passes)))
    rng = np.random.default_rng(seed_of(section.name, arm, "bootstrap"))
    return score_interval.interval(section, evaluation.fold_mean(section.scores(arm)), passes, rng, repeats)


def _passes(section: DatasetResults, arm: str) -> list[list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """For each pass the targets, predictions and groups of its folds; those without a score left out."""
    passes: dict[tuple[int, ...], list] = {}
    for run in section.of(arm):
        if math.isnan(run.score(section.task.primary)):
            continue
        kept = section.predictions(run)
        predictions = kept.get("scan_scores" if section.task.per_voxel else "selected")
        if predictions is not None and np.isfinite(predictions).all():
            passes.setdefault(section.one_pass(run), []).append(
                (kept.get("y", predictions), predictions, kept["groups"])
            )
    return list(passes.values())


def _audit(section: DatasetResults, arm: str) -> dict[str, float]:
    """The score under other ways to choose the evaluation point; flattery: the gain from the best point on test."""
    found = {point: section.scores(arm, point=point) for point in POINTS}
    gains = {
        place: section.sign * (score - found["selected"].get(place, math.nan))
        for place, score in found["best_of_all"].items()
    }
    low, high = _bounds(section, arm, gains)
    means = {point: evaluation.fold_mean(found[point]) for point in POINTS[1:]}
    validation = evaluation.fold_mean(section.scores(arm, point="validation"))
    return {
        "validation": validation,
        **means,
        "flattery": evaluation.fold_mean(gains),
        "flattery_low": low,
        "flattery_high": high,
    }


def _chosen_at(runs: Sequence[Run]) -> float:
    """The mean share of the steps that were done at the selected point; NaN for models without steps."""
    shares = [
        run.record.resolved["selected_step"] / run.record.resolved["optimiser_steps"]
        for run in runs
        if run.done and run.record.resolved.get("optimiser_steps") and "selected_step" in run.record.resolved
    ]
    return float(np.mean(shares)) if shares else math.nan


def _bounds(section: DatasetResults, arm: str, gains: evaluation.Scores) -> tuple[float, float]:
    """The interval of a mean over folds and partitions, corrected as that of a contrast is."""
    folds = evaluation.average_seeds(gains)
    train, test = fold_sizes(section, arm, "arm", tuple(folds))
    found = evaluation.corrected_interval(
        np.array(list(folds.values())), train, test, people=unknown_people_variance(section)
    )
    return difference_bounds(section.metric, found.low, found.high)


def mean_cost(runs: Sequence[Run], name: str) -> float:
    """The mean of a cost over the finished runs; NaN if it was not measured."""
    values = [run.record.cost.get(name) for run in runs if run.done]
    values = [value for value in values if value is not None]
    return float(np.mean(values)) if values else math.nan


def not_measurable(runs: Sequence[Run], name: str) -> bool:
    """Whether finished runs say that a cost could not be measured, and none has it; older records lack the field."""
    costs = [run.record.cost for run in runs if run.done and name in run.record.cost]
    return bool(costs) and all(cost[name] is None for cost in costs)


def _upstream_seconds(section: DatasetResults, runs: Sequence[Run]) -> float:
    """Seconds to train the upstream networks of an arm, per run; NaN if the plan has none."""
    keys = [run.cell.upstream for run in runs if run.done]
    if not any(keys):
        return math.nan
    seconds = {run.cell.key: run.record.cost.get("train_seconds") or 0.0 for run in section.runs if run.done}
    return float(np.mean([sum(seconds.get(key, 0.0) for key in needed) for needed in keys]))


def _upstream_activations(section: DatasetResults, runs: Sequence[Run]) -> float:
    """The largest memory of activations in the upstream trainings of a run, on average; NaN if it was not measured."""
    known = {run.cell.key: mb for run in section.runs if run.done and (mb := run.record.cost.get("activation_mb"))}
    needed = [[known[key] for key in run.cell.upstream if key in known] for run in runs if run.done]
    most = [max(each) for each in needed if each]
    return float(np.mean(most)) if most else math.nan


def _mean_tuning(runs: Sequence[Run], name: str) -> float:
    """Seconds of the search for the parameters of a run; NaN if the plan names no search."""
    values = [run.cell.tuning[name] for run in runs if run.cell.tuning]
    return float(np.mean(values)) if values else math.nan


def scores_body(found: SectionTables) -> TableBody:
    """The primary score with its interval, and the other metrics of the task."""
    section, frame = found.section, found.scores
    digits = decimals(section.metric)
    others = metrics.of_task(section.task)[1:]
    titles = [metric_column(section, metric) for metric in others]
    columns = ("Arm", "Family", "Runs", metric_column(section, section.metric), "95 %", *titles)
    rows = []
    for entry in frame.to_dict("records"):
        rest = (number(entry[metric.name], decimals(metric)) for metric in others)
        score = score_cell(entry, digits), between(entry["low"], entry["high"], digits)
        rows.append((arm_cell(entry), entry["family"], runs_cell(entry), *score, *rest))
    notes = (*incomplete_notes(frame), *_view_notes(section), *_undefined(frame), *oracle_note(section, frame))
    notes = (*notes, *pretraining_notes(section), *outside_notes(section), *below_chance_notes(section, frame))
    return TableBody(columns, tuple(rows), _caption(section), notes, (0, 1))


def _undefined(frame: pd.DataFrame) -> tuple[str, ...]:
    share = frame["undefined_resamples"].max()
    if not share > 0.005:
        return ()
    return (f"In up to {share:.0%} of the resampled folds one class only was drawn; the interval leaves them out.",)


def _view_notes(section: DatasetResults) -> tuple[str, ...]:
    notes: dict[str, list[str]] = {}
    for arm in section.arms:
        for note in {run.record.resolved.get("view_note", "") for run in section.of(arm) if run.done} - {""}:
            notes.setdefault(note, []).append(arm)
    return tuple(f"{', '.join(arms)}: {note}." for note, arms in notes.items())


def _caption(section: DatasetResults) -> str:
    kind = (
        f"Brackets: 95 % interval over {captions.over(section)}, for these trained models on new"
        f" {captions.over(section)} ({interval_words(section)}); it"
        " compares no methods."
    )
    ranks = " Computed within each fold and averaged, never pooled." if section.metric.ranks else " Means over folds."
    empty = f" {EMPTY}" if section.task.kind == "segmentation" else ""
    first = f"{captions.primary(section)}.{ranks}{empty}"
    return " ".join((captions.data(section), first, kind, captions.selection(section), captions.design(section)))


def interval_words(section: DatasetResults) -> str:
    """How the interval beside a score is computed."""
    area = is_area(section.metric, len(section.task.classes))
    bootstrap = f"percentile interval of the bootstrap over {captions.over(section)}"
    made = "logit interval with the variance of DeLong" if area else bootstrap
    if section.external:
        return f"{made}, of each model on all of them; the mean of their widths"
    more = ", wider by what folds can have in common whose models learn from each other's test parts"
    return f"{made} within each fold{more if section.correlation else ''}"


TABLE = TableSpec(
    "scores",
    "Scores",
    order=100,
    frame=lambda found: scores(found.section),
    layout=scores_body,
    csv="scores",
    about="the score of every arm, with all metrics and costs, in full precision",
    csv_if_empty=True,
)
