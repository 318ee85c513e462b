"""Contrasts that are declared or left out when their results are there are marked, for good."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.core import Arm, Data, Recipe, Study
from bench.experiments import plan
from bench.experiments.plan import plan_file
from bench.experiments.prepare_study import StudyRequest, plan_study
from bench.experiments.run_monitor import SilentMonitor
from bench.experiments.study_data import make_phantoms
from bench.storage.record_store import Store

STUDY = Study(
    question="Which?",
    datasets=[Data("tiny_volumes")],
    reference="a",
    arms={"a": Arm("constant"), "b": Arm("tiny_net"), "c": Arm("tiny_net", {"dropout": 0.1})},
    contrasts=[("b", "a")],
    folds=2,
    partitions=1,
    recipe=Recipe(steps=2, batch_size=4, points=1),
)


def written(study: Study, root):
    planned = make_phantoms(plan_study(StudyRequest("late", built=study), root=root), SilentMonitor())
    return plan.write("late", planned.study, planned.data, planned.cells, root=root)


def finish(entry, arms: str, root) -> None:
    """As if every trial of some arms were done: a folder of its key is there."""
    for cell in entry.cells:
        if cell.arm in arms:
            (Store(root).trials / cell.key).mkdir(parents=True, exist_ok=True)


def test_a_contrast_whose_results_are_there_is_exploratory_from_then_on(plugins, tmp_path):
    finish(written(STUDY, tmp_path), "abc", tmp_path)
    more = replace(STUDY, contrasts=[("b", "a"), ("c", "a")])
    for _ in range(2):
        entry = written(more, tmp_path)
        assert entry.late == (("c", "a"),)
        assert [entry.is_primary(*pair) for pair in entry.contrasts] == [True, False]
        assert [note for note in entry.notes if "was declared" in note] == [
            "After results were there, a contrast was declared, so it is exploratory: c against a."
        ]
    assert plan_file.read("late", tmp_path) == entry


@pytest.mark.parametrize("arms", ["", "a", "c"])
def test_a_contrast_is_in_time_while_one_of_its_arms_has_no_result(arms, plugins, tmp_path):
    finish(written(STUDY, tmp_path), arms, tmp_path)
    entry = written(replace(STUDY, contrasts=[("b", "a"), ("c", "a")]), tmp_path)
    assert entry.late == ()
    assert all(entry.is_primary(*pair) for pair in entry.contrasts)
    assert entry.notes == ()


def test_a_contrast_that_is_left_out_is_noted_and_cannot_come_back_as_primary(plugins, tmp_path):
    both = replace(STUDY, contrasts=[("b", "a"), ("c", "a")])
    finish(written(both, tmp_path), "abc", tmp_path)
    assert written(STUDY, tmp_path).notes == (
        "After results were there, a declared contrast was left out: c against a.",
    )
    again = written(both, tmp_path)
    assert again.late == (("c", "a"),)
    assert len(again.notes) == 2
