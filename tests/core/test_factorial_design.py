"""Designs of factors: their combinations, what they cannot separate, and which designs are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factor_studies import study

from bench import registry
from bench.core import Arm, BenchError, Design, Factor
from bench.core.factorial_design import aliases, combinations, defining_words, resolution
from bench.experiments import plan


def test_a_fraction_is_the_one_of_the_textbook():
    names = {name: Factor({"off": {}, "on": {name: 1}}, "off") for name in "ABCDE"}
    half = Design("fractional", {"D": ("A", "B", "C")})
    four = {name: names[name] for name in "ABCD"}
    assert len(combinations(four, half)) == 8
    assert resolution(half) == 4
    assert aliases(half, ("A", "B")) == [("C", "D")]
    assert aliases(half, ("A",)) == []
    quarter = Design("fractional", {"D": ("A", "B"), "E": ("A", "C")})
    assert len(combinations(names, quarter)) == 8
    assert resolution(quarter) == 3
    assert {"".join(sorted(word)) for word in defining_words(quarter)} == {"ABD", "ACE", "BCDE"}
    assert aliases(quarter, ("A",)) == [("B", "D"), ("C", "E")]


@pytest.mark.parametrize("design", [Design(), Design("full"), Design("fractional", {"d": ("a", "c")})])
def test_every_design_holds_the_control_first_and_each_combination_once(design):
    made = combinations(study(names="acd").factors, design)
    assert set(made[0].values()) == {"a0", "c0", "d0"}
    assert len({tuple(levels.items()) for levels in made}) == len(made)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"design": Design("ful")}, "no kind 'ful'; did you mean 'full'"),
        ({"design": Design(interactions=[("a", "bb")])}, "no factor 'bb'; did you mean"),
        ({"design": Design(interactions=[("a", "a")])}, "two different factors"),
        ({"design": Design(interactions=[("a", "b"), ("b", "a")])}, "declared twice"),
        ({"design": Design("fractional")}, "needs generators if its kind is 'fractional'"),
        ({"design": Design("full", {"c": ("a",)})}, "needs generators if its kind is 'fractional'"),
        ({"design": Design("fractional", {"c": ("a", "b")})}, "'b' has 3 levels"),
        ({"factors": {}}, "has a design but no factors"),
    ],
)
def test_a_design_that_cannot_be_made_is_refused(changes, message):
    with pytest.raises(BenchError, match=message):
        plan.check(study(**{"design": Design("full"), **changes}), "toy")


@pytest.mark.parametrize(
    ("generators", "interactions", "message"),
    [
        ({"d": ("a", "x")}, (), "no factor 'x'"),
        ({"d": ("a", "a")}, (), "a product of different factors"),
        ({"d": ("a",)}, (), "cannot separate a from d"),
        ({"d": ("a", "c")}, (("a", "c"),), "cannot separate d from a x c"),
        ({"d": ("c",), "c": ("d",)}, (), "which has its own generator"),
    ],
)
def test_a_fraction_that_cannot_estimate_the_requested_effects_is_refused(generators, interactions, message):
    with pytest.raises(BenchError, match=message):
        plan.check(study(Design("fractional", generators, interactions), "acd"), "toy")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"lr": 0.1}, {"lr": 0.2}),
        ({"view": "mean"}, {"view.plane": "axial"}),
        ({"view.plane": "axial"}, {"view": "max"}),
    ],
)
def test_factors_that_set_one_parameter_differently_are_refused(first, second):
    clash = {"one": Factor({"off": first, "on": {}}, "off"), "two": Factor({"off": {}, "on": second}, "off")}
    with pytest.raises(BenchError, match="contradict each other in the arm 'two=on': one=off sets"):
        plan.check(study(factors=clash), "toy")


def test_a_level_that_changes_nothing_is_refused(plugins):
    same = {"rate": Factor({"as it is": {}, "spelled out": {"dropout": 0.0}}, "as it is")}
    requested = replace(registry.study("tiny"), base=Arm("tiny_net"), factors=same)
    with pytest.raises(BenchError, match="a level changes nothing"):
        plan.check(requested, "tiny")


def test_a_factor_with_one_level_and_a_wrong_control_are_refused():
    with pytest.raises(BenchError, match="has one level; give at least two"):
        plan.check(study(factors={"a": Factor({"on": {}}, "on")}), "toy")
    with pytest.raises(BenchError, match="no level 'of'; did you mean 'off'"):
        plan.check(study(factors={"a": Factor({"off": {}, "on": {}}, "of")}), "toy")
