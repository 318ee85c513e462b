"""Primary tests: what a study may name as such, and what a factor stands for."""

from __future__ import annotations

import pytest
from factor_studies import study

from bench.core import Arm, BenchError, Design
from bench.experiments.plan.primary_tests import check_primary, primary_tests

FACTORIAL = Design("full")


def arms(**changes):
    return study(names="", factors={}, base=None, arms={name: Arm(name) for name in ("lin", "net")}, **changes)


def test_without_primary_tests_the_plan_has_none():
    assert primary_tests(study()) == []


def test_a_contrast_stands_for_itself():
    declared = arms(reference="lin", contrasts=[("net", "lin")], primary=[("net", "lin")])
    check_primary(declared, "toy")
    assert primary_tests(declared) == [("net", "lin")]


def test_a_factor_that_is_varied_alone_stands_for_its_levels_against_the_control():
    found = dict.fromkeys(primary_tests(study(primary=["b"])))
    pairs = [pair for pair in found if pair[1]]
    combinations = study().combinations()
    control = {"a": "a0", "b": "b0", "c": "c0"}
    assert [combinations[arm] for arm, _ in pairs] == [{**control, "b": "b1"}, {**control, "b": "b2"}]
    assert {combinations[against] == control for _, against in pairs} == {True}


def test_a_factor_of_a_factorial_design_stands_for_its_main_effects():
    assert primary_tests(study(FACTORIAL, primary=["b"])) == [("b: b1", ""), ("b: b2", "")]


@pytest.mark.parametrize("design", [Design(), FACTORIAL])
def test_an_unknown_factor_is_refused_with_the_nearest_one(design):
    words = "toy: primary names the factor 'bb', which it does not have; did you mean 'b'"
    with pytest.raises(BenchError, match=words):
        check_primary(study(design, primary=["bb"]), "toy")


def test_a_pair_that_is_no_contrast_is_refused_with_those_that_are():
    words = r"primary names \('lin', 'net'\), which is none of its contrasts; .* \('net', 'lin'\)"
    with pytest.raises(BenchError, match=words):
        check_primary(arms(reference="lin", contrasts=[("net", "lin")], primary=[("lin", "net")]), "toy")
