"""Tests of the definition of searches: spaces, arms, folds, and errors before anything is trained."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from free_search import DATA, SPACE, STUDY

from bench import registry
from bench.core import Arm, BenchError, Choices, Floats, Ints, Labels, Recipe, Trial, Tuning
from bench.experiments import plan, search

FOUND = [plan.ResolvedData(DATA)]


def searches(study=STUDY, only=(), folds=(), **tuning):
    return search.define_searches("formula", replace(study, tuning=replace(study.tuning, **tuning)), FOUND, only, folds)


@pytest.mark.parametrize("name", [n for n in registry.names("methods") if registry.member("methods", n).space])
def test_every_declared_space_holds_the_defaults_and_is_taken_by_its_method(name):
    space = registry.member("methods", name).space
    one = search.Search("spaces", name, Trial(DATA, registry.spec("methods", name)), {}, space, Tuning())
    one.check()
    assert one.candidate(one.defaults) == one.trial
    assert set(one.defaults) == set(space)


def test_the_main_methods_can_be_searched():
    spaces = {name for name in registry.names("methods") if registry.member("methods", name).space}
    assert {"dclse", "timm2d", "monai3d", "xing2020", "unet3d", "sfcn"} <= spaces


def test_each_fold_of_each_arm_has_its_own_search():
    arms = {"one": Arm("xing2020"), "two": Arm("xing2020", {"dropout": 0.1}), "floor": Arm("constant")}
    study = replace(STUDY, arms=arms, reference="one", floors=["floor"], partitions=2, tuning=Tuning(trials=7))
    found, _ = searches(study)
    places = [(one.arm, one.trial.partition, one.trial.fold) for one in found]
    assert sorted(places) == sorted((arm, p, f) for arm in ("one", "two") for p in range(2) for f in range(2))
    assert len({one.identity for one in found}) == len(found)
    assert {one.tuning.trials for one in found} == {7}
    only, _ = searches(study, only=["two"], folds=[1])
    assert [(one.arm, one.trial.fold) for one in only] == [("two", 1), ("two", 1)]


def test_another_definition_is_another_search():
    (one, *_), _ = searches()
    changes = [
        {"seed": 1},
        {"pruner": "asha"},
        {"sampler": "random"},
        {"spaces": {"net": {**SPACE, "warmup": Floats(0.0, 0.3)}}},
        {"objectives": ("validation", "parameters"), "pruner": "none"},
    ]
    others = [searches(**change)[0][0].identity for change in changes]
    others.append(searches(replace(STUDY, recipe=Recipe(steps=9)))[0][0].identity)
    others.append(search.define_searches("formula", STUDY, FOUND, labels=Labels("permuted", 3))[0][0].identity)
    assert len({one.identity, *others}) == len(others) + 1
    assert searches(trials=99)[0][0].identity == one.identity, "more candidates go on with it"


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"lr": Floats(1e-2, 1e-4, log=True)}, "'net', lr: the range from 0.01 to 0.0001 is empty"),
        ({"lr": Floats(0.0, 1e-2, log=True)}, "a logarithmic range must begin above 0"),
        ({"lr": Floats(1e-2, 1e-1)}, "its default lr=0.0001 is outside"),
        ({"optimiser": Choices(("adam",))}, "Choices needs at least two different values"),
        ({"optimiser": Choices(("adam", ["a"]))}, "a choice must be a number, a bool, a string or None"),
        ({"optimiser": Choices(("adamw", "sgd"))}, "its default optimiser='adam' is outside"),
        ({"learning_rate": Floats(1e-4, 1e-2)}, "no parameter 'learning_rate'"),
        ({"optimiser": Choices(("adam", "adamx"))}, "optimiser has no 'adamx'"),
        ({"lr": Ints(1, 5)}, "its default lr=0.0001 is outside"),
        ({"view.plain": Choices(("axial", "sagittal"))}, "plain"),
        ({"warmup": Ints(0, 0.5)}, "the ends of Ints must be integers"),
        ({"lr": Floats(1e-5, math.inf)}, "lr: the ends of a range must be finite numbers, not inf"),
        ({"lr": Floats(math.nan, 1e-1)}, "lr: the ends of a range must be finite numbers, not nan"),
        ({"lr": Floats("1e-5", "1e-1")}, "lr: the ends of a range must be finite numbers, not '1e-5'"),
        ({"lr": Floats(1, 10**400)}, "lr: the ends of a range must be finite numbers, not 1000"),
        ({"lr": Floats(False, 1.0)}, "lr: the ends of a range must be finite numbers, not False"),
        ({"lr": Ints(1, None)}, "lr: the ends of Ints must be integers"),
        (
            {"lr": (1e-5, 1e-1)},
            "lr: a range must be Floats(low, high), Ints(low, high) or Choices(values), not (1e-05, 0.1)",
        ),
        (
            {"optimiser": Choices("adam")},
            "optimiser: choices must be a list of values, as in Choices((1, 2)), not 'adam'",
        ),
        ({"optimiser": Choices(5)}, "optimiser: choices must be a list of values"),
        ({"lr": Choices((1e-4, math.inf))}, "lr: a number among the choices must be finite, not inf"),
        (Floats(1e-5, 1e-1), "a search space must be a dict of parameters and their ranges"),
        ({}, "declares no search space"),
        ({}, "where Floats is from bench.core"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(space, words):
    with pytest.raises(BenchError, match="arm 'net'") as error:
        searches(spaces={"net": space})
    assert words in str(error.value)
    assert error.value.status == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sampler": "tpa"}, "no sampler 'tpa'; did you mean 'tpe'?"),
        ({"pruner": "hyperband"}, "no pruner 'hyperband'"),
        ({"objectives": ("validation", "second")}, "no objective 'second'"),
        ({"objectives": ("parameters",)}, "the first objective of a search must be 'validation'"),
        ({"objectives": ("validation", "parameters")}, "supports one objective"),
        ({"trials": 0}, "at least 1 trial"),
        ({"trials": "40"}, "at least 1 trial, not '40'"),
        ({"spaces": [SPACE]}, "spaces must be a dict of arms and their spaces"),
        ({"arms": ("nett",)}, "no arm 'nett'; did you mean 'net'?"),
        ({"spaces": {"nett": SPACE}}, "no arm 'nett'"),
        ({"arms": ("constant",)}, "the method constant declares no search space"),
    ],
)
def test_a_search_that_cannot_be_run_is_refused(change, words):
    with pytest.raises(BenchError) as error:
        searches(**change)
    assert words in str(error.value)
    assert error.value.status == 2


def test_a_study_without_tuning_an_arm_that_is_not_searched_and_a_fold_that_is_not_there():
    for call, words in (
        (lambda: search.define_searches("quickstart", registry.study("quickstart"), FOUND), "has no search"),
        (lambda: searches(only=["constant"]), "searches no arm 'constant'"),
        (lambda: searches(folds=[2]), "has no fold 2; there are 2"),
    ):
        with pytest.raises(BenchError) as error:
            call()
        assert words in str(error.value)


def test_a_student_is_not_searched_as_its_teacher_would_score_the_test_part():
    study = replace(STUDY, arms={"pupil": Arm("similarity_graph")}, reference="pupil", floors=[])
    with pytest.raises(BenchError, match="learns from another trial"):
        searches(study, spaces={"pupil": {"kd": Floats(0.1, 10.0, log=True)}})


def test_an_arm_that_its_method_refuses_is_skipped_with_a_note():
    study = replace(STUDY, arms={**STUDY.arms, "masks": Arm("unet3d")})
    found, notes = searches(study)
    assert {one.arm for one in found} == {"net"}
    assert notes == ["masks is not searched on phantom_ad: it predicts a mask, not one class or number for a scan"]
