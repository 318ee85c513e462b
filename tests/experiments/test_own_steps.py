"""An arm's own steps are fewer than those of its study, or the study is refused: nothing is shortened silently."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench import registry
from bench.core import Arm, BenchError, Recipe
from bench.experiments import plan


@pytest.fixture
def study(plugins):
    return replace(registry.study("tiny"), recipe=Recipe(steps=20, batch_size=2, points=2))


def with_arm(study, arm):
    return replace(study, arms={**study.arms, "asked": arm})


@pytest.mark.parametrize("steps", [0, 5, 20])
def test_as_many_steps_as_the_study_or_fewer_are_planned(study, steps):
    plan.check(with_arm(study, Arm("tiny_net", {"steps": steps})), "tiny")


def test_more_steps_than_the_study_has_are_refused_with_both_numbers(study):
    with pytest.raises(
        BenchError, match="arm 'asked' of the study tiny: it has steps=21, more than the 20 of the study"
    ):
        plan.check(with_arm(study, Arm("tiny_net", {"steps": 21})), "tiny")


def test_more_steps_of_a_student_or_of_its_teacher_are_refused(study):
    nets = {"student": "tiny_net", "teacher": "tiny_net"}
    for given, who in (("student_params", "it has"), ("teacher_params", "its teacher tiny_net has")):
        with pytest.raises(BenchError, match=f"{who} steps=21, more than the 20"):
            plan.check(with_arm(study, Arm("distil", {**nets, given: {"steps": 21}})), "tiny")
        plan.check(with_arm(study, Arm("distil", {**nets, given: {"steps": 20}})), "tiny")


def test_an_untrained_teacher_has_few_steps_whatever_it_asks_for(study):
    nets = {"student": "tiny_net", "teacher": "tiny_net", "teacher_weights": "random"}
    plan.check(with_arm(replace(study, recipe=Recipe(steps=80, batch_size=2)), Arm("distil", nets)), "tiny")


def test_more_steps_of_a_pretraining_than_it_takes_are_refused_with_what_sets_them(study):
    begins = {"pretrain_data": "age_oasis", "pretrain_params": {"steps": 30}}
    with pytest.raises(
        BenchError, match=r"pretrain_params has steps=30, but the pretraining takes 20; set pretrain_steps"
    ):
        plan.check(with_arm(study, Arm("sfcn", begins)), "tiny")
    plan.check(with_arm(study, Arm("sfcn", {**begins, "pretrain_steps": 30})), "tiny")


def test_the_smallest_form_of_a_study_runs_arms_with_steps_of_their_own(study):
    asked = with_arm(study, Arm("tiny_net", {"steps": 10}))
    plan.check(asked, "tiny")
    assert plan.smoke(asked).recipe.steps < 10
