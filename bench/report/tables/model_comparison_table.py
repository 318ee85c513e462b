"""The trained models of two arms on the same scans: do *these models* differ on new people? No claim about methods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench import evaluation
from bench.core import seed_of
from bench.evaluation import Fold, is_area, metrics
from bench.report.tables import captions
from bench.report.tables.metric_range import difference_bounds
from bench.report.tables.number_format import NOTHING, between, decimals, probability, signed
from bench.report.tables.results import DatasetResults
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

COLUMNS = (
    "data", "data_kind", "arm", "against", "metric", "improvement", "low", "high", "test", "p", "right_alone",
    "right_alone_against", "p_mcnemar", "folds", "scans", "people",
)  # fmt: skip
DELONG, PERMUTATION = "DeLong", "permutation"
PERMUTATIONS = 1999  # of a mean over scans
FEWER = 499  # for a score that is computed again for each permutation


def trained(section: DatasetResults) -> pd.DataFrame:
    """A row for every declared contrast if the models of one pass over the folds have saved their predictions.

    The pass is the first partition with the first seed, and for external tests the first fold: it tests each person
    once. McNemar: for two classes or more, if no person has two scans.
    """
    pairs = [tuple(pair) for pair in section.plan.contrasts if set(pair) <= set(section.arms)]
    rows = [row for pair in pairs if (row := _row(section, *pair))]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(section: DatasetResults, arm: str, against: str) -> dict[str, Any]:
    ours, theirs = _both(_folds(section, arm), _folds(section, against))
    if not ours:
        return {}
    groups = np.concatenate([groups for _, _, groups in ours])
    start = {"data": section.name, "data_kind": section.kind, "arm": arm, "against": against}
    sizes = {"folds": len(ours), "scans": len(groups), "people": len(set(groups))}
    return {**start, "metric": section.task.primary, **_tested(section, arm, ours, theirs), **sizes} | _right(
        section, ours, theirs, len(set(groups)) == len(groups)
    )


def _folds(section: DatasetResults, arm: str) -> dict[int, tuple[np.ndarray, Fold]]:
    """Fold -> ids and (targets, predictions, groups), of the first pass."""
    found = {}
    for run in section.of(arm):
        if not any(section.one_pass(run)) and "selected" in (kept := section.predictions(run)):
            found[run.place[1]] = kept["ids"], (kept["y"], kept["selected"], kept["groups"])
    return found


def _both(ours: Mapping, theirs: Mapping) -> tuple[list, list]:
    """The folds in which both were tested on the same scans, with predictions that are numbers."""
    usable = [
        fold
        for fold in ours
        if fold in theirs
        and np.array_equal(ours[fold][0], theirs[fold][0])
        and all(np.isfinite(each[fold][1][1]).all() for each in (ours, theirs))
    ]
    return [ours[fold][1] for fold in usable], [theirs[fold][1] for fold in usable]


def _tested(section: DatasetResults, arm: str, ours: list, theirs: list) -> dict[str, Any]:
    if is_area(section.metric, len(section.task.classes)):
        gap = evaluation.area_difference(ours, theirs)
        low, high = difference_bounds(section.metric, gap.low, gap.high)
        return {"improvement": gap.difference, "low": low, "high": high, "test": DELONG, "p": gap.p}
    rng = np.random.default_rng(seed_of(section.name, arm, "permutation"))
    repeats = PERMUTATIONS if section.metric.each else FEWER
    found = evaluation.permutation_test(section.metric, ours, theirs, rng, repeats)
    sides = {"low": math.nan, "high": math.nan}
    return {"improvement": section.sign * found.difference, **sides, "test": PERMUTATION, "p": found.p}


def _right(section: DatasetResults, ours: list, theirs: list, alone: bool) -> dict[str, Any]:
    if section.task.kind != "classification" or not alone:
        return {"right_alone": None, "right_alone_against": None, "p_mcnemar": math.nan}
    correct = metrics.metric("accuracy")
    found = evaluation.mcnemar(
        *(np.concatenate([correct.values(y, p) == 1 for y, p, _ in arm]) for arm in (ours, theirs))
    )
    return {"right_alone": found.ours, "right_alone_against": found.theirs, "p_mcnemar": found.p}


def trained_body(found: SectionTables) -> TableBody:
    """The formatted table of the model comparisons."""
    section, frame = found.section, found.trained
    digits = decimals(section.metric)
    classes = section.task.kind == "classification"
    columns = ("Arm", "Against", "Improvement", "95 %", "Test", "p")
    columns += ("Right alone", "Against alone", "McNemar p") if classes else ()
    rows = []
    for entry in frame.to_dict("records"):
        sizes = signed(entry["improvement"], digits), between(entry["low"], entry["high"], digits)
        right = (_count(entry["right_alone"]), _count(entry["right_alone_against"]), probability(entry["p_mcnemar"]))
        shown = (entry["arm"], entry["against"], *sizes, entry["test"], probability(entry["p"]))
        rows.append((*shown, *(right if classes else ()), str(entry["folds"]), str(entry["scans"])))
    columns += ("Folds", "Scans")
    return TableBody(columns, tuple(rows), _caption(section, classes), (), (0, 1, 4))


def _count(value: float | None) -> str:
    return NOTHING if value is None or math.isnan(value) else f"{value:.0f}"


def _caption(section: DatasetResults, classes: bool) -> str:
    how = (
        "DeLong: the areas within each fold, averaged; over people where they have several scans."
        if is_area(section.metric, len(section.task.classes))
        else "Permutation: the models of whole people change places, fold by fold."
    )
    right = (
        " Right alone: scans that one model alone calls by the right class, with the exact test of McNemar; it is left"
        " out where people have several scans."
        if classes
        else ""
    )
    return (
        f"{captions.data(section)} Two models a fold, of the first partition and the first seed, on the same scans:"
        " would these very models differ on new people? Models of other folds, seeds or scans may not: whether a"
        f" method is better, the contrasts decide, and nothing here. {captions.improvement(section)}. {how}{right} p"
        f" values are not corrected for their number. {captions.selection(section)} {captions.design(section)}"
    )


TABLE = TableSpec(
    "trained",
    "These trained models (no claim about methods)",
    order=1000,
    frame=lambda found: trained(found.section),
    layout=trained_body,
    csv="trained",
    about="the trained models on new people",
    csv_if_empty=True,
)
