"""The controls of a study: the floors, a method against itself, and permuted labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench import evaluation
from bench.evaluation import metrics
from bench.report.tables import captions
from bench.report.tables.control_verdicts import DETECTABLE, again_verdict, labels_verdict
from bench.report.tables.declared_tests import contrast_row
from bench.report.tables.metric_range import interval_cell, score_bounds
from bench.report.tables.number_format import NOTHING, between, decimals, number, plural, signed
from bench.report.tables.results import DatasetResults
from bench.report.tables.table import TableBody, runs_cell
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

PLANTED = "planted leak"
COLUMNS = (
    "data", "data_kind", "control", "arm", "metric", "estimate", "se", "low", "high", "expected", "p",
    *DETECTABLE, "done", "planned", "passes", "verdict",
)  # fmt: skip


def controls(found: SectionTables) -> pd.DataFrame:
    """A row for every floor, for A/A, for the random labels and for a planted leak, if the study has them.

    detectable: the difference, or the distance from chance, that 80 % of such controls would have seen, with its
    interval. passes: None where the control gives no verdict, also as it could have seen nothing of interest.
    """
    section, scores = found.section, found.scores
    rows = [_floor(section, entry) for entry in scores[scores["floor"]].to_dict("records")]
    rows += [_again(found)] if section.plan.again else []
    rows += [_random_labels(found, arm) for arm in _permuted_arms(section)]
    rows += [_planted(section)] if section.plan.planted_leak and section.name == _first_phantom(section) else []
    start = {"data": section.name, "data_kind": section.kind}
    return pd.DataFrame([{**start, **entry, "verdict": _so_far(entry)} for entry in rows], columns=COLUMNS)


def _so_far(entry: dict[str, Any]) -> str:
    final = entry["done"] == entry["planned"] or entry["passes"] is None
    return entry["verdict"] if final else f"{entry['verdict']}; not final, {entry['done']} of {entry['planned']} runs"


def _floor(section: DatasetResults, entry: dict[str, Any]) -> dict[str, Any]:
    kept = {name: entry[name] for name in ("arm", "low", "high", "done", "planned")}
    empty = {**dict.fromkeys(("se", "expected", "p", *DETECTABLE), math.nan), "passes": None}
    empty["verdict"] = "a floor to be beaten"
    return {"control": "floor", "metric": section.task.primary, "estimate": entry["score"], **kept, **empty}


def _again(tables: SectionTables) -> dict[str, Any]:
    section = tables.section
    arm, label = section.plan.again
    runs = section.of(label, "again")
    found = contrast_row(section, label, arm, "again")
    return {
        "control": "A/A",
        "arm": arm,
        "metric": section.task.primary,
        "estimate": found["improvement"],
        **{name: found[name] for name in ("se", "low", "high", "p")},
        "expected": 0.0,
        "done": sum(run.done for run in runs),
        "planned": len(runs),
        **again_verdict(tables, found),
    }


def _first_phantom(section: DatasetResults) -> str:
    return next((entry.name for entry in section.plan.data if entry.phantom), section.plan.data[0].name)


def _planted(section: DatasetResults) -> dict[str, Any]:
    """What the checks of the data did with the leak that the study planted; nothing was trained on it."""
    planted = section.plan.planted_leak
    words = f"caught, as it should be: {planted.refused}" if planted.refused else "fails: the checks did not find it"
    blank = dict.fromkeys(("estimate", "se", "low", "high", "expected", "p", *DETECTABLE), math.nan)
    counts = {"done": 1, "planned": 1, "passes": bool(planted.refused), "verdict": words}
    return {"control": PLANTED, "arm": planted.data, "metric": section.task.primary, **blank, **counts}


def _permuted_arms(section: DatasetResults) -> list[str]:
    """The arms that learn from permuted labels on this data set."""
    control = section.plan.random_labels
    return [arm for arm in control.arms if section.of(arm, "random_labels")] if control else []


def _random_labels(tables: SectionTables, arm: str) -> dict[str, Any]:
    section = tables.section
    runs = section.of(arm, "random_labels")
    base = {"control": "random labels", "arm": arm, "done": sum(run.done for run in runs), "planned": len(runs)}
    judge = judging(section)
    blank = dict.fromkeys(("estimate", "se", "low", "high", "expected", "p", *DETECTABLE), math.nan)
    if judge is None:
        words = "no verdict: no metric of this task has a level of chance that is known beforehand"
        return {**base, **blank, "metric": section.task.primary, "passes": None, "verdict": words}
    name, chance = judge
    found = evaluation.random_labels_verdict(permuted(section, arm, name), chance)
    low, high = score_bounds(metrics.metric(name), found.mean - 2 * found.se, found.mean + 2 * found.se)
    estimate = {"metric": name, "estimate": found.mean, "se": found.se, "low": low, "high": high}
    return {**base, **estimate, "expected": chance, "p": math.nan, **labels_verdict(tables, arm, name, found)}


def judging(section: DatasetResults) -> tuple[str, float] | None:
    """The metric that judges random labels, and its level of chance: the primary one if that is known, else another."""
    known = ((m.name, metrics.chance(section.task, m.name)) for m in metrics.of_task(section.task))
    return next(((name, level) for name, level in known if level is not None), None)


def permuted(section: DatasetResults, arm: str, name: str) -> list[float]:
    """A score of an arm for each permutation of the labels, over the folds it has."""
    numbers: dict[int, dict] = {}
    for run in section.of(arm, "random_labels"):
        numbers.setdefault(run.cell.number, {})[run.place] = run.score(name)
    return [evaluation.fold_mean(scores) for _, scores in sorted(numbers.items())]


def controls_body(found: SectionTables) -> TableBody:
    """The formatted table of the controls."""
    section = found.section
    rows = []
    for entry in found.controls.to_dict("records"):
        metric = metrics.metric(entry["metric"])
        digits = decimals(metric)
        again = entry["control"] == "A/A"
        planned = {**entry, "folds": section.folds * section.partitions}
        bounds = interval_cell(section, planned) if again else between(entry["low"], entry["high"], digits)
        estimate = (signed if again else number)(entry["estimate"], digits), bounds
        seen = f"{number(entry['detectable'], digits)} {between(*(entry[name] for name in DETECTABLE[1:]), digits)}"
        seen = NOTHING if math.isnan(entry["detectable"]) else seen
        numbers = *estimate, number(entry["se"], digits), number(entry["expected"], digits), seen
        rows.append((entry["control"], entry["arm"], metric.title, *numbers, runs_cell(entry), entry["verdict"]))
    columns = ("Control", "Arm", "Metric", "Found", "Bounds", "SE", "Expected", "Would see", "Runs", "Verdict")
    return TableBody(columns, tuple(rows), _caption(section), (), (0, 1, 2, 9))


def _caption(section: DatasetResults) -> str:
    parts = [f"Floors: scores with the 95 % interval over {captions.over(section)}, for these trained models."]
    if section.plan.again:
        parts.append("A/A: the same method with other seeds, tested like any contrast; it should show nothing.")
    if section.plan.random_labels:
        count = section.plan.random_labels.permutations
        where = " in the first partition" if section.partitions > 1 else ""
        parts.append(
            f"Random labels: {plural(count, 'permutation')} of the labels of whole people{where}, folds averaged "
            "first; people whose scans look like one person's exchange theirs as one. Brackets: mean ± 2 standard "
            "errors over permutations, which should hold chance. It cannot see a person under two names whose scans do "
            "not look alike."
        )
    if section.plan.again or section.plan.random_labels:
        parts.append(
            "Would see: the smallest true difference, or distance from chance, that 80 % of such controls would find,"
            " with its 95 % interval; a smaller fault or leak would probably have been missed."
        )
    return " ".join((captions.data(section), *parts, captions.selection(section), captions.design(section)))


TABLE = TableSpec(
    "controls",
    "Controls",
    order=400,
    frame=controls,
    layout=controls_body,
    csv="controls",
    about="the controls",
    csv_if_empty=True,
)
