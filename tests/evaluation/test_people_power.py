"""What the test that decides finds of true differences, by simulation with refitting (slow).

`results/reference/deciding` has the same from a larger run, over more designs and with rivals.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from simulated_calibration import CALIBRATION, calibration_rows
from simulated_power import BETTER, OASIS, SIX, design, power_rows

pytestmark = pytest.mark.slow


def within(rate: float, number: int) -> float:
    """Three standard errors of a rate over so many studies."""
    return 3 * math.sqrt(rate * (1 - rate) / number)


def shares(world, difference: float, studies: int) -> dict[str, dict[str, float]]:
    frame = power_rows(world, difference, studies, seed=12).set_index("test")
    print(frame[["reference", "true_difference", "true_sd", "se", "alone", "six", "holm"]])
    assert frame["reference"].iloc[0] == pytest.approx(0.655, abs=0.015)
    return frame.to_dict("index")


@pytest.mark.parametrize(("partitions", "difference"), [(1, 0.21), (10, 0.15)])
def test_six_arms_that_are_better_are_found_in_four_fifths_of_studies_of_198_people(partitions, difference):
    studies = 200 if partitions == 1 else 100
    found = shares(replace(BETTER, partitions=partitions), difference, studies)
    assert found["people"]["holm"] >= 0.8 - within(0.8, studies)
    assert found["corrected t"]["holm"] < 0.6  # of the test that decided before


@pytest.mark.parametrize(("partitions", "difference"), [(1, 0.225), (4, 0.173), (10, 0.16)])
def test_one_better_arm_of_six_is_found_in_four_fifths_of_studies(partitions, difference):
    studies = 400 if partitions < 10 else 200
    found = shares(replace(OASIS, partitions=partitions), difference, studies)
    assert found["people"]["six"] >= 0.8 - within(0.8, studies)
    assert found["people"]["six"] > found["corrected t"]["six"] + 0.1


@pytest.mark.parametrize("world", CALIBRATION, ids=[design(world)["row"] for world in CALIBRATION])
def test_three_to_four_of_five_studies_find_what_plan_and_report_call_detectable(world):
    studies = 150
    for found in calibration_rows(replace(world, partitions=min(4, world.partitions)), studies).to_dict("records"):
        print(found)
        assert found["tests"] in (1, SIX)
        assert 0.75 - within(0.75, studies) <= found["found"] <= 0.85 + within(0.85, studies)
