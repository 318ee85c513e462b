"""No table contradicts itself: what is seen against what is detectable, and the range of a metric."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factor_studies import study
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_results import AGE, CLASSES, MASKS, ArmSpec, DataSetSpec, write

from bench import evaluation
from bench.core import Design
from bench.evaluation import metrics
from bench.evaluation.person_test import FoldDifference, people_test
from bench.experiments.plan.factors import planned_design
from bench.report import tables
from bench.report.conclusions import answer
from bench.report.tables.declared_tests import EXPLORATORY, corrected, verdict_cell
from bench.report.tables.table_catalog import of_kind
from bench.report.tables.table_spec import AcrossTableSpec, TableSpec
from bench.storage.record_store import Store

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
REASON = "before the correction"
EVERYBODY = 30


def differences(rng, folds, partitions, effect, noise):
    """Differences of a study, with an effect, noise of people, and noise of trainings."""
    own, found = rng.normal(size=EVERYBODY), []
    for partition in range(partitions):
        place = rng.permutation(EVERYBODY) % folds
        for fold in range(folds):
            who = np.flatnonzero(place == fold)
            values = effect + 0.3 * own[who] + 0.2 * rng.normal(size=len(who)) + noise * rng.normal()
            found.append(FoldDifference(partition, fold, values.mean(), values, np.zeros(len(who), int), who))
    return found


def declared(seed, folds, partitions, number, primary, margin):
    """A table of declared tests as `corrected` takes it, some of them without a test."""
    rng, rows = np.random.default_rng(seed), []
    for at in range(number):
        effect, noise = rng.choice([0.0, 0.1, 0.4]), rng.choice([0.0, 0.1, 0.5])
        found = people_test(differences(rng, folds, partitions, effect, noise), 1.8)
        lost = rng.random() < 0.05
        rows.append(
            {
                "data": "ad_toy", "data_kind": "real", "arm": f"arm {at}", "against": "base",
                "primary": bool(rng.random() < primary), "improvement": found.mean,
                **{name: math.nan if lost else getattr(found, name) for name in ("se", "df", "p")},
                "low": found.low, "high": found.high, "difference": found.mean,
                "p_equivalence": math.nan if lost else evaluation.equivalence(found, margin),
                "p_folds": rng.random(), "margin": math.nan if margin is None else margin,
                "folds": folds * partitions, "folds_planned": folds * partitions, "folds_undefined": 0,
                "complete": True, "reason": "", "missing_runs": 0,
            }
        )  # fmt: skip
    return corrected(pd.DataFrame(rows))[0].to_dict("records")


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    root = tmp_path_factory.mktemp("one")
    plan = write(root, {"base": ArmSpec(), "new": ArmSpec()}, margin=0.1)
    return tables.gather(plan, Store(root)).sections[0]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    folds=st.integers(2, 10),
    partitions=st.integers(1, 4),
    number=st.integers(1, 40),
    primary=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    margin=st.sampled_from([None, 0.02, 0.3]),
)
def test_what_is_seen_beyond_the_detectable_difference_is_shown(
    section, seed, folds, partitions, number, primary, margin
):
    for row in declared(seed, folds, partitions, number, primary, margin):
        words = row["verdict"].removeprefix(EXPLORATORY)
        if abs(row["improvement"]) > row["detectable"]:
            assert words.startswith(("better", "worse"))
        if words.startswith("no difference shown") and row["p"] < 0.05:
            assert REASON in verdict_cell(section, row)
        if words.startswith(("better", "worse", "no difference shown")):
            sentence = answer(section, row)
            assert ("no difference is shown" in sentence) == words.startswith("no difference shown")


TASKS = {"AUC": CLASSES, "MAE": AGE, "Dice": MASKS}
BOUNDED = ("low", "high", "flattery_low", "flattery_high")


@pytest.mark.parametrize("people", [7, 12])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_no_interval_leaves_the_range_of_the_metric(tmp_path, task, people):
    """Two to three folds of few people with extreme scores: the widest intervals that there are."""
    requested = study(Design("full", interactions=(("a", "b"),)), "ab")
    arms = {label: ArmSpec(skill, family="3d") for label, skill in zip(dict(requested.rows()), skills(), strict=False)}
    entries = {"design": planned_design(requested), "folds": 2 + people % 2, "random_labels": None}
    first = next(iter(arms))
    entries |= {"again": [first, f"{first} (A/A)"], "random_labels": {"arm": first, "permutations": 20}}
    data = [DataSetSpec("one", task, people=people), DataSetSpec("two", task, people=people + 1)]
    entries |= {"contrasts": [(arm, first) for arm in list(arms)[1:]], "floors": ["floor"]}
    found = tables.section_tables(tables.gather(write(tmp_path, arms, data, **entries), Store(tmp_path)))
    checked = 0
    for frame in frames_of(found):
        for row in frame.to_dict("records"):
            checked += inside(row, found[0].section.metric)
    assert checked > 20


def skills():
    return [0.0, 3.0, 8.0, 0.2, 5.0, 0.0, 0.5, 2.0, 0.0]


def frames_of(found):
    """Every table with numbers of a study."""
    specs = found[0].study.specs
    for frames in found:
        yield from (frames.frame(spec.name) for spec in of_kind(specs, TableSpec) if spec.frame or spec.tests)
    yield from (spec.frame(found) for spec in of_kind(specs, AcrossTableSpec))


def inside(row, primary) -> int:
    """Check the bounds of a row; the number of them."""
    judge = metrics.metric(row.get("metric") or primary.name)
    differs = "improvement" in row or "drop" in row or row.get("control") == "A/A"
    most = (judge.high - judge.low) * (2 if row.get("effect") == "interaction" else 1)
    bounds = [row[name] for name in BOUNDED if name in row and math.isfinite(row[name])]
    for name in (name for name in BOUNDED if name in row and math.isfinite(row[name])):
        low, high = (-most, most) if differs or name.startswith("flattery") else (judge.low, judge.high)
        assert low <= row[name] <= high, (name, row)
    if {"low", "high", "improvement"} <= set(row) and math.isfinite(row["low"]):
        assert row["low"] <= row["improvement"] <= row["high"]
    return len(bounds)


STORED = sorted(REFERENCE.rglob("*contrasts*.csv")) + sorted(REFERENCE.rglob("*effects*.csv"))


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_committed_tables_do_not_contradict_themselves_unexplained(path):
    """Tables of before protocol 2 print another size, `minimum_detectable`: their README explains such rows by name."""
    frame = pd.read_csv(path)
    size = "detectable" if "detectable" in frame else "minimum_detectable"
    hidden = frame["verdict"].str.contains("no difference shown") & (frame["improvement"].abs() > frame[size])
    if size == "detectable":
        assert not hidden.any()
    words = (path.parent / "README.md").read_text()
    explained = words.partition("`minimum_detectable`")[2]
    assert [arm for arm in frame["arm"][hidden] if f"`{arm}`" not in explained] == []
