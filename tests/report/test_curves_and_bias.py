"""What is reported besides the score: the bias of predicted numbers, and training curves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench import registry
from bench.core import Recipe, Split, Trial
from bench.core.study_plan import PlannedCell
from bench.data.prepare import prepare
from bench.experiments import run_trial
from bench.storage.record_store import Store
from bench.training.evaluate import prediction_bias


def test_the_slope_of_the_gap_is_that_of_a_regression():
    rng = np.random.default_rng(0)
    y = rng.uniform(20, 90, 60)
    result = 30 + 0.5 * y + rng.normal(0, 3, 60)
    found = prediction_bias(y[:30], result[:30], y[30:], result[30:])
    assert found["slope"] == pytest.approx(stats.linregress(y[30:], result[30:] - y[30:]).slope)
    line = stats.linregress(y[:30], result[:30])
    expected = np.abs((result[30:] - line.intercept) / line.slope - y[30:]).mean()
    assert found["corrected_mae"] == pytest.approx(expected)


def test_a_constant_prediction_has_no_correction():
    y = np.arange(10.0)
    found = prediction_bias(y, np.full(10, 4.0), y, np.full(10, 4.0))
    assert found["slope"] == pytest.approx(-1)
    assert np.isnan(found["corrected_mae"])
    assert np.isnan(prediction_bias(y[:1], y[:1], y[:1], y[:1])["slope"])


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two trials of DCL-SE on a phantom of ageing, the full curriculum among them, and a floor."""
    made = prepare("phantom_age", {"subjects": 24, "mm": 8.0})
    store = Store(tmp_path_factory.mktemp("results"))
    full = {"auxiliary": True, "dcl": "cur", "gpconv": "dynamic"}
    records = {}
    for arm, params in (("dclse", {}), ("dclse", full), ("linear", {})):
        method = registry.spec("methods", arm, params)
        trial = Trial(made.spec, method, Split(folds=3), recipe=Recipe(steps=4, batch_size=4, points=2))
        records[arm + ("+" if params else "")] = run_trial.run(trial, store)
    return records


def test_a_record_contains_the_bias_and_an_uncorrected_score(results):
    for record in results.values():
        assert record.status == "done", record.error
        assert set(record.metrics["bias"]) == {"slope", "corrected_mae"}
    remaining = results["linear"].metrics
    assert remaining["selected"]["mae"] != pytest.approx(remaining["bias"]["corrected_mae"])


def test_every_evaluation_point_records_the_curriculum_and_the_groups(results):
    plain, full = results["dclse"], results["dclse+"]
    assert all("watched" not in point for point in plain.curve)
    for point in full.curve:
        watched = point["watched"]
        for stage in ("S1", "S4", "S6", "C1"):
            assert 0 <= watched[f"cur {stage}"] <= 1
            assert 0 <= watched[f"complexity {stage}"] <= 1
        for word in ("cur", "learnt"):
            shares = [watched[f"{word} {stage}"] for stage in ("S1", "S4", "S6", "C1")]
            assert shares == sorted(shares)
        assert sum(name.startswith("groups ") for name in watched) == 12
    assert "groups" in full.resolved["network"]
    assert "network" not in plain.resolved


def test_curves_and_biases_are_tables(results):
    from types import SimpleNamespace

    from bench.report.tables.learning_curves_table import curves
    from bench.report.tables.regression_bias_table import bias as table

    cell = PlannedCell(key="", data="x", arm="full", role="arm", partition=0, fold=0, seed=0)
    runs = [SimpleNamespace(cell=cell, done=True, record=results["dclse+"])]
    runs.append(SimpleNamespace(cell=replace(cell, arm="floor"), done=True, record=results["linear"]))
    section = SimpleNamespace(
        name="x", runs=runs, arms=("full", "floor"), task=SimpleNamespace(kind="regression"),
        of=lambda arm: [run for run in runs if run.cell.arm == arm],
        predictions=lambda run: {},
    )  # fmt: skip
    frame = curves(section)
    assert list(frame["step"]) == [2, 4, 0]
    assert frame["cur C1"].notna().tolist() == [True, True, False]
    assert isinstance(frame, pd.DataFrame)
    found = table(section).set_index("arm")
    record = results["dclse+"].metrics
    assert found.loc["full", "slope"] == pytest.approx(record["bias"]["slope"])
    assert found.loc["full", "mae"] == pytest.approx(record["selected"]["mae"])


def test_a_phantom_reports_how_close_the_arms_come_to_the_oracle(tmp_path):
    from synthetic_results import ArmSpec, DataSetSpec, with_data, write

    from bench.report import tables

    data = (DataSetSpec(name="phantom_ad", phantom=True),)
    plan = write(tmp_path, {"linear": ArmSpec(scores=[0.8] * 5), "base": ArmSpec(scores=[0.65] * 5)}, data)
    results = tables.gather(with_data(plan, 0, oracle=0.9), Store(tmp_path))
    (found,) = tables.section_tables(results)
    (note,) = [note for note in tables.format_tables(found)[0].notes if note.startswith("Oracle")]
    assert "Oracle 0.900" in note
    assert "linear 0.75, base 0.38" in note  # of the way from an AUC of a half
    assert not [
        note for note in tables.format_tables(_without(plan, tmp_path)[1])[0].notes if note.startswith("Oracle")
    ]


def _without(plan, root):
    from bench.report import tables

    results = tables.gather(plan, Store(root))
    return results, tables.section_tables(results)[0]
