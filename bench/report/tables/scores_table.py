"""What every arm scored, how sure that is, what choosing on the test part would have flattered, and what it cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench import evaluation
from bench.core import seed_of
from bench.evaluation import metrics
from bench.report.tables import score_interval
from bench.report.tables.contrasts_table import sizes, unknown
from bench.report.tables.results import POINTS, DatasetResults, Run

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
        "method": runs[0].cell["method"],
        "family": runs[0].cell["family"],
        "floor": arm in section.plan["floors"],
        "reference": arm == section.plan["reference"],
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
        **{name: mean_cost(runs, name) for name in COSTS},
        "upstream_seconds": _upstream_seconds(section, runs),
        "tuning_trials": _mean_tuning(runs, "trials"),
        "tuning_seconds": _mean_tuning(runs, "seconds"),
    }


def interval(section: DatasetResults, arm: str) -> tuple[float, float, float]:
    """Low, high, and the share of resampled folds without a score: see `people.interval`. NaN without predictions."""
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
        said = kept.get("scan_scores" if section.task.kind == "segmentation" else "selected")
        if said is not None and np.isfinite(said).all():
            passes.setdefault(section.one_pass(run), []).append((kept.get("y", said), said, kept["groups"]))
    return list(passes.values())


def _audit(section: DatasetResults, arm: str) -> dict[str, float]:
    """The score under other ways to choose the evaluation point; flattery: what the best of all on test adds."""
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


def _bounds(section: DatasetResults, arm: str, gains: evaluation.Scores) -> tuple[float, float]:
    """The interval of a mean over folds and partitions, corrected as that of a contrast is."""
    folds = evaluation.average_seeds(gains)
    train, test = sizes(section, arm, "arm", tuple(folds))
    found = evaluation.corrected_interval(np.array(list(folds.values())), train, test, people=unknown(section))
    return found.low, found.high


def mean_cost(runs: Sequence[Run], name: str) -> float:
    """The mean of a cost over the finished runs; NaN where it was not measured."""
    values = [run.record.cost.get(name) for run in runs if run.done]
    values = [value for value in values if value is not None]
    return float(np.mean(values)) if values else math.nan


def not_measurable(runs: Sequence[Run], name: str) -> bool:
    """Whether finished runs say that a cost could not be measured, and none has it: older records do not know of it."""
    costs = [run.record.cost for run in runs if run.done and name in run.record.cost]
    return bool(costs) and all(cost[name] is None for cost in costs)


def _upstream_seconds(section: DatasetResults, runs: Sequence[Run]) -> float:
    """Seconds that training what an arm learns from took, a run; NaN where the plan names nothing upstream."""
    keys = [run.cell.get("upstream") or [] for run in runs if run.done]
    if not any(keys):
        return math.nan
    seconds = {run.cell["key"]: run.record.cost.get("train_seconds") or 0.0 for run in section.runs if run.done}
    return float(np.mean([sum(seconds.get(key, 0.0) for key in needed) for needed in keys]))


def _mean_tuning(runs: Sequence[Run], name: str) -> float:
    """What the search for a run's parameters took; NaN where the plan names none."""
    values = [run.cell["tuning"][name] for run in runs if run.cell.get("tuning")]
    return float(np.mean(values)) if values else math.nan


def predictions(section: DatasetResults) -> pd.DataFrame:
    """A row for every scan that an arm or its A/A repeat was tested on, at the selected evaluation point.

    Columns: the place of the run, id, group, target, prediction (class index or number), and for classes the
    probability of each. The runs with permuted labels are left out: their targets are not the scans'.
    """
    parts = [_predicted(section, run) for run in section.runs if run.done and run.cell["role"] in ("arm", "again")]
    parts = [part for part in parts if part is not None]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _predicted(section: DatasetResults, run: Run) -> pd.DataFrame | None:
    kept = section.predictions(run)
    if "selected" not in kept:
        return None
    said = kept["selected"]
    classes = said.ndim == 2
    place = {name: run.cell[name] for name in ("data", "arm", "role", "partition", "fold", "seed")}
    columns = {"id": kept["ids"], "group": kept["groups"], "target": kept["y"]}
    columns["prediction"] = said.argmax(axis=1) if classes else said
    columns |= {f"probability_{k}": said[:, k] for k in range(said.shape[1])} if classes else {}
    return pd.DataFrame({**{name: [value] * len(said) for name, value in place.items()}, **columns})
