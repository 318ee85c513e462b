"""Finished trials on the same scans that no study has any more are counted, and others are not."""

from __future__ import annotations

import shutil

import pytest
from synthetic_results import ArmSpec, DataSetSpec, write

from bench.report.tables import read
from bench.report.unlisted_trials import unlisted_trials

ARMS = {"base": ArmSpec(0.8), "new": ArmSpec(1.0)}
TUNED = {**ARMS, "new": ArmSpec(1.0, params={"depth": 3})}


def caution(root) -> str:
    return unlisted_trials(read("toy", root).sections[0])


def test_trials_of_a_study_that_was_run_again_with_another_parameter_are_counted(tmp_path):
    write(tmp_path, TUNED)
    write(tmp_path, ARMS)
    assert caution(tmp_path).startswith(
        "5 finished trials on these scans (5 of new) belong to no study in this folder:"
    )


def test_trials_of_a_study_that_was_removed_are_counted(tmp_path):
    write(tmp_path, ARMS, study="other", folds=3)
    write(tmp_path, ARMS)
    assert caution(tmp_path) == ""
    shutil.rmtree(tmp_path / "other")
    assert "(3 of base and 3 of new)" in caution(tmp_path)


@pytest.mark.parametrize("which", ["other scans", "another method", "permuted labels"])
def test_other_trials_are_not(tmp_path, which):
    from bench.core.study import RandomLabels

    if which == "other scans":
        write(tmp_path, TUNED, [DataSetSpec("ad_more")], study="other")
        for path in tmp_path.glob("trials/*/record.json"):  # the synthetic sets have one fingerprint
            path.write_text(path.read_text().replace('"fingerprint": "f"', '"fingerprint": "g"'))
    if which == "another method":
        write(tmp_path, {"base": ArmSpec(0.8), "third": ArmSpec(1.0)}, study="other")
    if which == "permuted labels":
        write(tmp_path, ARMS, random_labels=RandomLabels("new", permutations=2), study="other")
    shutil.rmtree(tmp_path / "other")
    write(tmp_path, ARMS)
    assert caution(tmp_path) == ""


def test_damaged_records_and_plans_do_not_stop_a_report(tmp_path):
    write(tmp_path, TUNED)
    for path in tmp_path.glob("trials/*/record.json"):
        path.write_text("{")
    write(tmp_path, ARMS, study="toy", folds=3)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "plan.json").write_text("[3]")
    assert caution(tmp_path) == ""
