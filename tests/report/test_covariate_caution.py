"""The caution that no network beats what is known of a person without the scan."""

from __future__ import annotations

import pytest
from synthetic_results import AGE, ArmSpec, DataSetSpec, write

from bench.report import tables
from bench.report.covariate_caution import covariates_not_beaten
from bench.storage.record_store import Store

FLOOR = ArmSpec(0.5, family="floor", covariates=("age", "nwbv"))


ONE = (DataSetSpec(people=200),)


def caution(root, arms, data=ONE):
    plan = write(root, arms, data, floors=["table"] if "table" in arms else [])
    return covariates_not_beaten(tables.section_tables(tables.gather(plan, Store(root)))[0])


def test_where_no_mean_is_above_it_no_network_beats_the_covariates(tmp_path):
    words = caution(tmp_path, {"net": ArmSpec(0.3), "worse": ArmSpec(0.1), "table": FLOOR})
    assert words.startswith("No network beats age and nwbv: the floor table reads these and no scan and has AUC 0.")
    assert "the best network, net, has 0." in words


def test_a_network_that_is_shown_to_be_better_needs_no_caution(tmp_path):
    assert caution(tmp_path, {"net": ArmSpec(4.0), "worse": ArmSpec(0.1), "table": FLOOR}) == ""


def test_of_a_network_that_is_better_within_chance_it_says_that_it_was_tested(tmp_path):
    words = caution(tmp_path, {"net": ArmSpec(0.6), "worse": ArmSpec(0.1), "table": FLOOR})
    assert words.startswith(
        "No network is shown to beat age and nwbv (tested over people, with Holm's correction over 2"
    )


def test_of_numbers_lower_is_better(tmp_path):
    data = (DataSetSpec("years", AGE),)
    assert caution(tmp_path, {"net": ArmSpec(0.05), "table": FLOOR}, data).startswith("No network beats age and nwbv")
    assert caution(tmp_path / "x", {"net": ArmSpec(9.0), "table": FLOOR}, data) == ""


@pytest.mark.parametrize("arms", [{"net": ArmSpec(0.1), "table": ArmSpec(1.0, family="floor")}, {"table": FLOOR}])
def test_without_such_a_floor_or_a_network_nothing_is_said(tmp_path, arms):
    assert caution(tmp_path, arms) == ""
