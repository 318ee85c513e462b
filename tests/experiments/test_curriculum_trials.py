"""Curricula in trials: teachers first, killed and resumed, refused with a reason before training."""

from __future__ import annotations

import os

import numpy as np
import pytest
from killable_studies import trial_of

import bench
from bench import registry
from bench.core import Arm, Data, Recipe, Study, plain
from bench.data.prepare import open_prepared, prepare
from bench.experiments import plan, run_trial
from bench.storage.record_store import Store
from bench.training import checkpoint

REFUSING = {"fault": "refuse"}
ARMS = {
    "none": Arm("tiny_net", {"dropout": 0.5}),
    "teacher": Arm("tiny_net", {"dropout": 0.5}, "transfer_teacher"),
    "anti": Arm("tiny_net", {"dropout": 0.5}, "anti_curriculum", {"by": "weights"}),
    "random": Arm("tiny_net", {"dropout": 0.5}, "random_pacing"),
    "dropped": Arm("tiny_net", {"dropout": 0.5}, "progressive_data_dropout", {"kind": "matched"}),
    "dropout": Arm("tiny_net", {"dropout": 0.5}, "curriculum_dropout", {"own": True}),
    "student": Arm("tiny_student", {}, "transfer_teacher", {"teacher": "linear"}),
    "smoothed": Arm("tiny_net", {}, "feature_smoothing"),
    "floor": Arm("constant", {}, "self_paced"),
    "student of none": Arm("tiny_student", {"fault": "refuse"}),
    "ordered by none": Arm("tiny_net", {}, "transfer_teacher", {"teacher": "tiny_net", "teacher_params": REFUSING}),
}

STANDING = '''"""Steps of no size: the network stays as it was built."""

from dataclasses import dataclass

from bench.curriculum import Curriculum, Stage


@dataclass(frozen=True)
class Standing(Curriculum):
    """No step moves the weights."""

    def at(self, progress, signals):
        return Stage(lr_scale=0.0)


CURRICULUM = Standing
'''
STUDY = '''"""Does a network that stands still learn?"""

from bench.core import Arm, Data, Recipe, Study

STUDY = Study(
    "Does a network that stands still learn?", [Data("tiny_volumes")], reference="plain",
    arms={"plain": Arm("tiny_net"), "standing": Arm("tiny_net", {}, "standing")},
    folds=2, partitions=1, recipe=Recipe(steps=20, batch_size=4, points=5),
)
'''


@pytest.fixture
def trials(plugins, monkeypatch):
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    recipe = Recipe(steps=60, batch_size=4, points=6)
    study = Study(
        "Do curricula run?", [Data("tiny_volumes")], reference="none", arms=ARMS, folds=2, partitions=1, recipe=recipe
    )
    return plan.cells(study, [prepare("tiny_volumes").spec])


def stop(fraction):
    if fraction >= 0.3:
        raise KeyboardInterrupt


def carried_out(trial, store):
    for each in plan.upstream_of(trial):
        run_trial.run(each, store, True)
    return run_trial.run(trial, store, True)


@pytest.mark.parametrize("arm", ["teacher", "anti", "random", "dropped", "dropout", "student"])
def test_a_killed_trial_goes_on_to_the_bit_and_takes_as_many_steps(trials, tmp_path, arm):
    trial, whole, killed = trial_of(trials, arm), Store(tmp_path / "whole"), Store(tmp_path / "killed")
    record = carried_out(trial, whole)
    assert (record.status, record.resolved["optimiser_steps"]) == ("done", 60)
    for each in plan.upstream_of(trial):
        run_trial.run(each, killed, True)
    with pytest.raises(KeyboardInterrupt):
        run_trial.run(trial, killed, True, stop)
    again = run_trial.run(trial, killed, True)
    assert again.resolved["resumed_at_step"] == 20
    assert plain(again.metrics) == plain(record.metrics)
    assert whole.weights(trial.key).read_bytes() == killed.weights(trial.key).read_bytes()
    for name, array in whole.predictions(trial.key).items():
        np.testing.assert_array_equal(array, killed.predictions(trial.key)[name])


def test_the_teacher_of_a_curriculum_is_the_arm_without_one_trained_once(trials):
    plainly = {cell.trial.key for cell in trials if cell.arm == "none"}
    for arm in ("teacher", "anti"):
        assert {key for cell in trials if cell.arm == arm for key in cell.trial.upstream} == plainly
    needed = plan.needed_by(trial_of(trials, "student"))
    assert [each.method.name for each in needed] == ["tiny_net", "linear"]  # the method's own comes first


@pytest.mark.parametrize(("arm", "reason"), [("smoothed", "no convolutions"), ("floor", "takes no steps")])
def test_what_cannot_act_is_a_refused_record_with_the_reason(trials, tmp_path, arm, reason):
    record = run_trial.run(trial_of(trials, arm), Store(tmp_path / "r"))
    assert record.status == "refused"
    assert reason in record.error["message"]


@pytest.mark.parametrize("arm", ["student of none", "ordered by none"])
def test_a_trial_whose_teacher_is_refused_is_refused_with_the_same_reason(trials, tmp_path, arm):
    record = carried_out(trial_of(trials, arm), Store(tmp_path / "r"))
    assert record.status == "refused", record.error
    assert record.error["message"] == "it learns from tiny_net, which was refused: asked to refuse"


def test_a_curriculum_of_a_plug_in_folder_acts_on_the_training_of_a_study(plugins, tmp_path, monkeypatch, one_format):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "standing.py").write_text(STANDING)
    (tmp_path / "more" / "stands.py").write_text(STUDY)
    monkeypatch.setenv("BENCH_PLUGINS", f"{plugins}{os.pathsep}{tmp_path / 'more'}")
    prepare("tiny_volumes")
    summary = bench.run("stands", launcher="serial").summary
    assert (summary.failed, sum(summary.refused.values())) == (0, 0)
    store, losses = Store(tmp_path / "results"), {"plain": [], "standing": []}
    for cell in plan.cells(registry.study("stands"), [open_prepared("tiny_volumes").spec]):
        losses[cell.arm].append({point["val_loss"] for point in store.get(cell.trial.key).curve})
    assert [len(each) for each in losses["standing"]] == [1, 1]
    assert [len(each) for each in losses["plain"]] == [5, 5]
