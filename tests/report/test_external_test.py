"""Tests on another data set: every fold's models meet the same people, who are counted once."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats as oracle

from bench.core import DataSpec, Recipe, Record, Spec, Split, Task, Trial
from bench.core.study_plan import DataEntry, ExternalData, PlannedCell, StudyPlan
from bench.evaluation import area_interval
from bench.evaluation.metrics import metric
from bench.report.tables import arm_selection
from bench.report.tables.above_chance_table import learning
from bench.report.tables.declared_tests import contrast_row
from bench.report.tables.external_test import VarianceTerm, people_variance
from bench.report.tables.model_comparison_table import trained
from bench.report.tables.results import DatasetResults, Run
from bench.report.tables.scores_table import interval

FOLDS, PEOPLE = 5, 40
Y, WHO = np.repeat(np.arange(PEOPLE) % 2, 2), np.repeat(np.arange(PEOPLE), 2)
TASK = Task("classification", "auc", ("a", "b"))
AUC = metric("auc")


def probabilities(arm: str, fold: int) -> np.ndarray:
    """Probabilities (N, 2): what a person is like is the same for all models."""
    person = np.random.default_rng(0 if arm != "b" else 1).standard_normal(PEOPLE)[WHO]
    own = np.random.default_rng([ord(arm[0]), fold]).standard_normal(len(Y))
    high = np.full(len(Y), 0.5) if arm == "constant" else 1 / (1 + np.exp(-(0.8 * (Y - 0.5) + person + 0.3 * own)))
    return np.stack([1 - high, high], axis=1)


def section(external: bool = True, kept: bool = True) -> DatasetResults:
    predictions, runs = {}, []
    for arm in ("a", "b", "constant"):
        for fold in range(FOLDS):
            p, key = probabilities(arm, fold), f"{arm} {fold}"
            predictions[key] = {"ids": np.arange(len(Y)), "groups": WHO, "y": Y, **({"selected": p} if kept else {})}
            cell = PlannedCell(arm=arm, role="arm", data="d", partition=0, fold=fold, seed=0, key=key)
            trial = Trial(DataSpec("d"), Spec("m"), Split(), fold=fold)
            sizes = {"train": 64, "val": 16, "test": len(Y)}
            runs.append(Run(cell, Record(trial, "done", {"selected": {"auc": AUC(Y, p)}}, sizes=sizes)))
    other = ExternalData(data=DataSpec("e")) if external else None
    entry = DataEntry(name="d", phantom=False, task=TASK, external=other)
    plan = StudyPlan(
        study="s", protocol=1, reference="b", contrasts=(("a", "b"),), floors=("constant",), blind=("constant",),
        folds=FOLDS, partitions=1, seeds=1, recipe=Recipe(), data=(entry,), cells=tuple(run.cell for run in runs),
    )  # fmt: skip
    store = SimpleNamespace(predictions=lambda key, record, names: predictions[key])
    return DatasetResults(plan, entry, tuple(runs), store)


def test_the_variance_from_people_is_that_of_a_bootstrap_written_as_a_loop() -> None:
    made = section()
    found, people = people_variance(terms(made), [(0, fold) for fold in range(FOLDS)])
    rng, drawn = np.random.default_rng(5), []
    for _ in range(1000):
        rows = np.concatenate([np.flatnonzero(who == WHO) for who in rng.integers(0, PEOPLE, PEOPLE)])
        drawn.append(
            np.mean(
                [
                    AUC(Y[rows], probabilities("a", f)[rows]) - AUC(Y[rows], probabilities("b", f)[rows])
                    for f in range(FOLDS)
                ]
            )
        )
    assert people == PEOPLE
    assert found == pytest.approx(np.var(drawn, ddof=1), rel=0.15)


def terms(made: DatasetResults) -> tuple[VarianceTerm, VarianceTerm]:
    return VarianceTerm(made, "a", "arm", 1.0), VarianceTerm(made, "b", "arm", -1.0)


def test_a_contrast_accounts_for_shared_test_people() -> None:
    made = section()
    found, inside = contrast_row(made, "a", "b"), contrast_row(section(external=False), "a", "b")
    d = np.array([made.scores("a")[0, f, 0] - made.scores("b")[0, f, 0] for f in range(FOLDS)])
    folds = d.var(ddof=1) * (1 / FOLDS + 20 / 64)  # a fold of its own set leaves out 20 scans
    people, number = people_variance(terms(made), [(0, fold) for fold in range(FOLDS)])
    df = (folds + people) ** 2 / (folds**2 / 4 + people**2 / (number - 1))
    se = math.sqrt(folds + people)
    assert found["se_folds"] == pytest.approx(se)
    assert found["p_folds"] == pytest.approx(2 * oracle.t.sf(abs(d.mean()) / se, df))
    assert found["se"] == pytest.approx(se, rel=0.1)  # the bootstrap and the variance of placements
    assert found["se_folds"] > 1.5 * inside["se_folds"]


def test_without_predictions_nothing_is_claimed() -> None:
    found = contrast_row(section(kept=False), "a", "b")
    assert math.isnan(found["p"])
    assert "no predictions are saved" in found["reason"]


def test_the_interval_of_a_score_is_that_of_one_model_on_all_people() -> None:
    low, high, _ = interval(section(), "a")
    each = [area_interval([(Y, probabilities("a", fold), WHO)]) for fold in range(FOLDS)]
    assert high - low == pytest.approx(np.mean([one.high - one.low for one in each]))
    inside = interval(section(external=False), "a")
    assert high - low > 1.3 * (inside[1] - inside[0])  # five times as many people, were they others


def test_learnt_or_not_uses_each_person_once() -> None:
    found = learning(section()).set_index("arm")
    variance = np.mean([oracle_variance(probabilities("a", fold)) for fold in range(FOLDS)])
    assert found.loc["a", "by_chance"] == pytest.approx(1.96 * math.sqrt(variance), rel=0.05)


def oracle_variance(p: np.ndarray) -> float:
    rng = np.random.default_rng(0)
    return float(np.var([AUC(np.repeat(rng.permutation(Y[::2]), 2), p) for _ in range(2000)]))


def test_figures_of_people_and_model_comparisons_contain_each_person_once() -> None:
    made = section()
    assert [run.place for run in arm_selection.one_pass(made, "a")] == [(0, 0, 0)]
    assert trained(made)["scans"].tolist() == [len(Y)]
    assert len(arm_selection.one_pass(section(external=False), "a")) == FOLDS
