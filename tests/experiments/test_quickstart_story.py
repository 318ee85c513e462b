"""Every line of the quickstart's story is true in its tables, with margins, whichever random numbers it draws."""

from __future__ import annotations

from dataclasses import replace

import pytest

import bench
from bench import registry
from bench.report.headline import summary

SEERS = ["ResNet-18 (dynamic)", "ResNet (3D)", "student of ResNet (3D)"]
BLIND = "ResNet-18 (mean)"


def check_what_is_there(scores, contrasts, learning, arms):
    """The effect is found, by every arm that sees the order, far from chance, and by no arm that does not."""
    assert (scores.loc[arms, "score"] > 0.80).all()
    assert scores.loc["linear (voxels)", "score"] > 0.9
    assert 0.25 < scores.loc[BLIND, "score"] < 0.75
    assert scores.loc["constant", "score"] == 0.5
    assert (contrasts.loc[arms, "improvement"] > 0.25).all()
    assert (contrasts.loc[arms, "p_holm"] < 0.05).all()
    assert (contrasts.loc[arms, "verdict"] == "better").all()
    assert (learning.loc[arms, "verdict"] == "learnt").all()
    assert learning.loc[BLIND, "verdict"] != "learnt"


def check_what_is_not_there(scores, contrasts, learning, arms):
    """Nothing is found where the slices are shuffled."""
    assert scores.loc[[BLIND, *arms, "linear (voxels)"], "score"].between(0.2, 0.8).all()
    assert (contrasts.loc[arms, "p_holm"] > 0.05).all()
    assert not (learning["verdict"] == "learnt").any()


def told(results, arms):
    scores, contrasts = results.scores.set_index(["data", "arm"]), results.contrasts.set_index(["data", "arm"])
    learning = results.frame("learning").set_index(["data", "arm"])
    check_what_is_there(scores.loc["ordered"], contrasts.loc["ordered"], learning.loc["ordered"], arms)
    check_what_is_not_there(scores.loc["shuffled"], contrasts.loc["shuffled"], learning.loc["shuffled"], arms)
    entries = {entry.name: entry.oracle for entry in results.report_data.results.plan.data}
    assert entries["ordered"] > 0.98
    assert entries["shuffled"] == 0.5
    leak = results.controls.set_index("control").loc["planted leak"]
    assert leak["passes"]
    assert "divides 9 groups" in leak["verdict"]


@pytest.mark.slow
def test_the_quickstart_has_the_answer_that_is_known_beforehand(tmp_path):
    results = bench.run("quickstart", results=tmp_path)
    told(results, SEERS)
    words = summary(results.report_data.results, results.report_data.tables)
    assert words[0].startswith(
        "On ordered (phantom), 3 of 3 planned comparisons were significant after Holm's correction"
    )
    assert words[1].startswith(f"On shuffled (phantom), no arm differed detectably from {BLIND}: 0 of 3 planned")
    assert "On shuffled, 0 of 4 arms learnt where there is nothing to learn, as it should be." in words
    assert any(each.startswith("The planted leak was caught before training") for each in words)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_other_random_numbers_give_the_same_answer(seed, tmp_path):
    """Without the student, which takes a third of the time and sees what the 3D network sees."""
    usual = registry.study("quickstart")

    def drawn(data):
        return replace(data, params={**data.params, "seed": seed})

    arms = {label: arm for label, arm in usual.arms.items() if label != SEERS[2]}
    data = [drawn(each) for each in usual.datasets]
    study = replace(usual, arms=arms, datasets=data, planted_leak=drawn(usual.planted_leak))
    told(bench.run(study, name="drawn", results=tmp_path, launcher="serial"), SEERS[:2])
