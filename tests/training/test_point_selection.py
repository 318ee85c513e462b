"""Promises of bench.training.point_selection: the chosen point, ties, undefined scores, and what gains nothing."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from bench.core import Task
from bench.training.checkpoint import EvaluationPoint
from bench.training.point_selection import select, select_among_last

TRAININGS = Path(__file__).parents[2] / "results" / "reference" / "selection" / "trainings.jsonl"
AUC, MAE = Task("classification", "auc", ("a", "b")), Task("regression", "mae")


def points(*values, losses=None):
    losses = losses or [1.0] * len(values)
    return [
        EvaluationPoint(at, 0.0, loss, value, Path())
        for at, (value, loss) in enumerate(zip(values, losses, strict=True))
    ]


def test_an_early_peak_is_chosen_among_twenty_points():
    values = [0.60, 0.68, 0.70, 0.66, *np.linspace(0.65, 0.55, 16)]
    assert select(points(*values), AUC) == 2


def test_a_course_that_still_rises_is_taken_at_its_end():
    assert select(points(*np.linspace(0.5, 0.9, 20)), AUC) == 19


def test_a_lonely_peak_loses_to_a_plateau():
    assert select(points(0.5, 0.5, 0.9, 0.5, 0.5, 0.8, 0.8, 0.8, 0.5), AUC) == 6


def test_lower_is_better_where_the_metric_says_so():
    assert select(points(5.0, 4.0, 3.0, 4.0, 6.0), MAE) == 2


def test_the_first_and_the_last_point_have_one_neighbour():
    """Worked by hand: means .7, .6333, .4667, .4, .3 forwards, the same backwards."""
    assert select(points(0.8, 0.6, 0.5, 0.3, 0.3), AUC) == 0
    assert select(points(0.3, 0.3, 0.5, 0.6, 0.8), AUC) == 4


def test_ties_are_broken_by_the_mean_loss_then_by_age():
    assert select(points(0.5, 0.5, 0.5, 0.5, losses=[0.3, 0.3, 0.2, 0.9]), AUC) == 1
    assert select(points(0.5, 0.5, 0.5), AUC) == 2


def test_the_same_numbers_in_another_order_have_the_same_mean():
    """Four windows have a mean of .2, which floating point gives in two forms; the losses decide."""
    values = points(0.1, 0.3, 0.2, 0.0, 0.0, 0.2, 0.3, 0.1, losses=[1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert select(values, AUC) == 1


def test_where_no_point_has_a_score_the_loss_decides():
    assert select(points(math.nan, math.nan, math.nan, losses=[0.1, 0.2, 0.9]), AUC) == 0


def test_a_point_without_a_score_is_not_chosen_while_another_has_one():
    assert select(points(math.nan, 0.2, 0.1, math.nan, 0.9, math.nan), AUC) == 4
    assert select(points(math.nan, math.nan, 0.1, losses=[0.1, 0.1, 5.0]), AUC) == 2


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_points_are_enough(count):
    assert select(points(*[0.5] * (count - 1), 0.9), AUC) == count - 1


def test_the_choice_is_that_of_a_moving_mean():
    rng = np.random.default_rng(0)
    for _ in range(200):
        values = rng.random(20)
        means = [values[max(0, at - 1) : at + 2].mean() for at in range(20)]
        assert select(points(*values), AUC) == int(np.argmax(means))


def test_the_former_rule_knows_the_last_five_points_alone():
    assert select_among_last(points(0.9, 0.1, 0.2, 0.3, 0.2, 0.1), AUC) == 3
    assert select_among_last(points(0.5, 0.5, 0.5, losses=[0.3, 0.2, 0.3]), AUC) == 1
    assert select_among_last(points(math.nan, math.nan, losses=[0.1, 0.2]), AUC) == 0


def test_noise_of_the_quality_itself_gains_less_than_under_the_former_rule():
    """A curriculum whose points differ at random, seen without error: what it gains by being chosen from."""
    rng = np.random.default_rng(0)
    gains = {rule: [] for rule in (select, select_among_last)}
    for _ in range(300):
        quality = rng.normal(0.7, 0.05, 20)
        for rule, found in gains.items():
            found.append(quality[rule(points(*quality), AUC)] - 0.7)
    assert 0 < np.mean(gains[select]) < 0.9 * np.mean(gains[select_among_last])


def test_in_the_stored_trainings_networks_that_over_fit_gain_and_others_lose_nothing_measurable():
    """105 trainings scored by AUC on brains and phantoms: the score on test under both rules."""
    gains = {True: [], False: []}
    for line in TRAININGS.read_text().splitlines():
        row = json.loads(line)
        if row["higher"]:
            found = points(*row["val"], losses=row["val_loss"])
            gain = row["test"][select(found, AUC)] - row["test"][select_among_last(found, AUC)]
            gains["over-fitted" in row["arm"]].append(gain)
    errors = {kind: np.std(found, ddof=1) / np.sqrt(len(found)) for kind, found in gains.items()}
    assert np.mean(gains[True]) > 2 * errors[True] > 0
    assert abs(np.mean(gains[False])) < 2 * errors[False] < 0.02
