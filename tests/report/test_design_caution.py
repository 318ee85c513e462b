"""Studies of the same arms on the same scans under other designs are named in a report, and others are not."""

from __future__ import annotations

import json

import pytest
from synthetic_results import ArmSpec, DataSetSpec, write

from bench.core import Recipe
from bench.report.design_caution import other_designs
from bench.report.tables import read

ARMS = {"base": ArmSpec(0.8), "new": ArmSpec(1.0)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"folds": 2}, "other (2 folds x 1 partition x 1 seed, 1000 steps)"),
        ({"recipe": Recipe(steps=7)}, "other (5 folds x 1 partition x 1 seed, 7 steps)"),
        ({}, ""),
    ],
    ids=["folds", "steps", "the same design"],
)
def test_the_same_arms_under_another_design_are_named(tmp_path, changes, words):
    write(tmp_path, ARMS, [DataSetSpec("scans")], study="toy")
    write(tmp_path, ARMS, [DataSetSpec("scans")], study="other", **changes)
    caution = other_designs(read("toy", tmp_path).sections[0])
    assert (f"under other designs: {words}." in caution) if words else caution == ""


def test_an_arm_with_other_parameters_in_another_study_is_named_with_the_study(tmp_path):
    write(tmp_path, ARMS, [DataSetSpec("scans")], study="toy")
    tuned = {**ARMS, "new": ArmSpec(1.0, params={"depth": 3})}
    write(tmp_path, tuned, [DataSetSpec("scans")], study="other")
    caution = other_designs(read("toy", tmp_path).sections[0])
    assert caution.startswith("The same arms were run on the same scans with other parameters: other (new).")
    assert "bench tune" in caution


@pytest.mark.parametrize("other", [{"third": ArmSpec()}, {}], ids=["another arm", "an arm less"])
def test_other_arms_are_another_study(tmp_path, other):
    write(tmp_path, ARMS, [DataSetSpec("scans")], study="toy")
    write(tmp_path, {"base": ArmSpec(0.8), **other}, [DataSetSpec("scans")], study="other", folds=2)
    assert other_designs(read("toy", tmp_path).sections[0]) == ""


def test_a_damaged_plan_beside_it_does_not_stop_the_report(tmp_path):
    write(tmp_path, ARMS, [DataSetSpec("scans")], study="toy")
    whole = json.loads((tmp_path / "toy" / "plan.json").read_text())
    for name, text in (
        ("e", json.dumps({**whole, "recipe": []})),
        ("a", "{"),
        ("b", "[]"),
        ("c", '{"data": 3}'),
        ("d", '{"recipe": []}'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plan.json").write_text(text)
    assert other_designs(read("toy", tmp_path).sections[0]) == ""
