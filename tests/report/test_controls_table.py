"""The controls: what they show, what they could have seen, and where they vouch for nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic_results import ArmSpec, DataSetSpec, write

from bench.evaluation import random_labels_verdict
from bench.report import tables
from bench.report.tables.control_verdicts import labels_verdict
from bench.storage.record_store import Store

PERMUTED = {"random_labels": {"arm": "base", "permutations": 20}}
TWICE = {"again": ["base", "base (A/A)"]}


def framed(root, arms, people=100, **plan):
    (found,) = tables.section_tables(
        tables.gather(write(root, arms, (DataSetSpec(people=people),), **plan), Store(root))
    )
    return found


def control(found, name):
    return next(row for row in found.controls.to_dict("records") if row["control"] == name)


def test_an_a_a_control_says_what_it_would_have_seen(tmp_path):
    row = control(framed(tmp_path, {"base": ArmSpec(1.0), "new": ArmSpec(1.0)}, people=400, **TWICE), "A/A")
    df = df_of(row)
    assert stats.nct.sf(stats.t.ppf(0.975, df), df, row["detectable"] / row["se"]) == pytest.approx(0.8, abs=0.002)
    assert row["detectable_low"] < row["detectable"] < row["detectable_high"]
    seen = f"a fault worth {row['detectable']:.3f} AUC or more would probably have been seen"
    assert (row["passes"], row["verdict"]) == (True, f"no difference shown; {seen}")


def df_of(row):
    """Degrees of freedom, from the interval of the difference."""
    reach = (row["high"] - row["low"]) / 2 / row["se"]
    return min(np.linspace(1.5, 500, 40_000), key=lambda df: abs(stats.t.ppf(0.975, df) - reach))


def test_random_labels_say_what_leak_they_would_have_seen():
    """Against simulated controls with the same error: four of five see a leak of that size."""
    rng = np.random.default_rng(0)
    found = random_labels_verdict(0.5 + stats.zscore(rng.normal(size=20), ddof=1) * 0.04, 0.5)
    size, low, high = found.detectable()
    draws = rng.normal(0.5 + size, 0.04, (20_000, 20))
    seen = [random_labels_verdict(scores, 0.5).verdict == "fails" for scores in draws[:4000]]
    assert np.mean(seen) == pytest.approx(0.8, abs=0.025)
    assert low < size < high


def test_the_verdict_on_random_labels_has_the_size_of_the_leak(tmp_path):
    row = control(framed(tmp_path, {"base": ArmSpec(0.3), "new": ArmSpec(0.8)}, **PERMUTED), "random labels")
    leak = f"a leak worth {row['detectable']:.3f} AUC or more would probably have been seen"
    assert (row["passes"], row["verdict"]) == (True, f"passes; {leak}")


def judged(found, score, sd, learnt="learnt"):
    """The verdict on permutations with a given spread, of an arm with a given AUC."""
    rows = pd.DataFrame([{"arm": "base", "verdict": learnt}])
    verdict = random_labels_verdict(0.5 + sd * stats.zscore(np.arange(20.0), ddof=1), 0.5)
    scored = {"learning": rows, "scores": found.scores, "contrasts": found.contrasts}
    section = found.section
    object.__setattr__(section, "scores", lambda arm, **_: {(0, 0, 0): score})
    return labels_verdict(replace(found, given=scored), "base", "auc", verdict)


@pytest.mark.parametrize(
    ("score", "sd", "learnt", "passes", "words"),
    [
        (0.7, 0.1, "learnt", True, "passes; a leak worth"),
        (0.55, 0.1, "learnt", None, "no verdict: only a leak worth"),
        (0.55, 0.1, "not shown to have learnt", True, "passes; a leak worth"),
        (0.9, 0.9, "learnt", None, "no verdict: even the largest possible effect of a leak"),
        (0.9, 0.0, "learnt", None, "no verdict: every permutation has the same score"),
    ],
)
def test_random_labels_vouch_for_nothing_that_they_could_not_have_seen(tmp_path, score, sd, learnt, passes, words):
    found = framed(tmp_path, {"base": ArmSpec(0.3), "new": ArmSpec(0.8)}, **PERMUTED)
    row = judged(found, score, sd, learnt)
    assert row["passes"] is passes
    assert row["verdict"].startswith(words)


def test_an_a_a_control_does_not_vouch_for_differences_that_it_could_not_see(tmp_path):
    arms = {"base": ArmSpec(1.0), "new": ArmSpec(1.0)}
    found = framed(tmp_path, arms, people=60, **TWICE)
    seen = control(found, "A/A")["detectable"]
    shown = found.contrasts.assign(p_holm=0.01, improvement=-seen / 2)
    row = control(replace(found, given={"contrasts": shown}), "A/A")
    assert row["passes"] is None
    assert row["verdict"].endswith(f"and the largest difference shown on it is {seen / 2:.3f}")
    above = control(replace(found, given={"contrasts": shown.assign(improvement=2 * seen)}), "A/A")
    assert above["passes"] is True


def test_the_table_and_the_caption_have_what_a_control_would_have_seen(tmp_path):
    found = framed(tmp_path, {"base": ArmSpec(0.5), "new": ArmSpec(0.5)}, **PERMUTED, **TWICE)
    table = next(table for table in tables.format_tables(found) if table.name == "controls")
    at = table.columns.index("Would see")
    for row, entry in zip(table.rows, found.controls.to_dict("records"), strict=True):
        low, high = (f"{entry[name]:.3f}" for name in ("detectable_low", "detectable_high"))
        assert row[at] == f"{entry['detectable']:.3f} [{low}, {high}]"
    assert "80 % of such controls" in table.caption


def test_a_control_that_was_not_run_could_have_seen_nothing(tmp_path):
    row = control(framed(tmp_path, {"base": ArmSpec(missing=range(5)), "new": ArmSpec()}, **TWICE), "A/A")
    assert math.isnan(row["detectable"])
    assert row["verdict"].startswith("not tested")
