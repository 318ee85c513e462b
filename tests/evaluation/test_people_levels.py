"""The levels of the test that decides, by simulation with refitting (slow): alone, in families, and in the verdicts.

`results/reference/deciding` has the same from a larger run, over more worlds and with rivals.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from simulated_draws import draw
from simulated_families import WORLDS, family_rates
from simulated_rivals import deciding, p_values
from simulated_studies import FAMILIES, NULL, QUICKSTART, run

pytestmark = pytest.mark.slow

STUDIES, IN_FAMILIES = 500, 200
KNOWN = {world.name: world for world in NULL}
CHOSEN = (
    "stable", "nothing to learn, one partition", "very noisy, one partition", "a fifth fail, one partition",
    "a fifth fail, two partitions", "nearest neighbours", "ten partitions", "two folds, one partition", "ten folds",
    "30 people", "1,000 people, one partition", "five scans of a third of the people", "one class rare",
    "AUC of three classes", "balanced accuracy, second scans", "F1", "average precision", "calibration error",
    "MAE, common errors, one partition", "MAE, second scans", "correlation", "R2", "mean gap",
    "Dice, second scans, one partition", "external test, 30 people, stable",
    "external test, a fifth fail, one partition", "three sites", "five unequal sites, noisy",
)  # fmt: skip


def at_most(rate: float, number: int) -> float:
    """A rate and two standard errors of it over so many studies."""
    return rate + 2 * math.sqrt(rate * (1 - rate) / number)


def rejected(name: str, test: str) -> float:
    """The share of studies in which a test rejects a true null."""
    world, rng = replace(KNOWN[name], nested=False), np.random.default_rng([13, *name.encode()])
    studies = (draw(world, rng) for _ in range(STUDIES))
    if test == "people":
        return float(np.mean([deciding(world, study.differences[0]).p < 0.05 for study in studies]))
    return float(np.mean([p_values(world, study, 0, rng)[test][0] < 0.05 for study in studies]))


@pytest.mark.parametrize("name", CHOSEN)
def test_equally_good_arms_are_told_apart_in_at_most_five_percent_of_studies(name: str) -> None:
    rate = rejected(name, "people")
    print(name, rate)
    assert rate <= at_most(0.05, STUDIES)


@pytest.mark.parametrize(
    ("name", "test"),
    [("nothing to learn, one partition", "bootstrap"), ("a fifth fail, one partition", "people, no training")],
)
def test_the_simulations_can_tell_a_test_that_leaves_something_out(name: str, test: str) -> None:
    assert rejected(name, test) > at_most(0.05, STUDIES)


@pytest.mark.parametrize("world", [*FAMILIES, QUICKSTART], ids=lambda world: world.name)
def test_six_contrasts_of_equally_good_arms_claim_a_difference_in_at_most_five_percent(world) -> None:
    (found,) = run(world, IN_FAMILIES, seed=10).query("test == 'people'").to_dict("records")
    print(world.name, found["family"])
    assert found["family"] <= at_most(0.05, IN_FAMILIES)


@pytest.mark.parametrize(("world", "margin"), WORLDS, ids=[world.name for world, _ in WORLDS])
def test_differences_and_equivalences_claim_together_at_most_five_percent_that_is_false(world, margin) -> None:
    found = family_rates(world, margin, IN_FAMILIES, seed=11)
    print(found)
    assert found["false_primary"] <= at_most(0.05, IN_FAMILIES)
    assert found["false_discovery"] <= at_most(0.05, IN_FAMILIES)
    assert found["equivalence_shown"] > 0.1, "the family is so wide that nothing true is shown"
    assert found["difference_shown"] > 0.1, "the family is so wide that nothing true is shown"
