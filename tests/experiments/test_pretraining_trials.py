"""A trial begins with the weights of a training on another data set that has never seen the people it is judged on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from finished_trials import carried_out
from record_comparison import without_times
from safetensors.torch import load_file

from bench import registry, run
from bench.core import (
    Arm,
    BenchError,
    Data,
    Labels,
    RandomLabels,
    Recipe,
    Split,
    Study,
    Trial,
    UnpreparedDataError,
    plain,
)
from bench.data import splits
from bench.data.loader import view_array
from bench.data.prepare import prepare
from bench.experiments import plan, run_trial
from bench.experiments.plan.dependencies import DependencyResolver
from bench.storage.record_store import Store
from bench.training import checkpoint, trial_data

AGES = {"kind": "regression", "people": 36}
PLAIN = {"channels": [4, 6], "view.mm": 4}
BEGUN = {**PLAIN, "pretrain_data": "tiny_volumes", "pretrain_data_params": AGES}
RECIPE = Recipe(steps=6, batch_size=4, points=3)


@pytest.fixture
def trial_of(plugins, monkeypatch):
    """A function that makes the resolved trial of a method on tiny volumes."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    prepare("tiny_volumes", AGES)
    data = prepare("tiny_volumes").spec

    def make(params, name="sfcn", **more):
        trial = Trial(data, registry.spec("methods", name, params), Split(folds=2), recipe=RECIPE)
        return DependencyResolver().resolve(replace(trial, **more))

    return make


def test_the_network_begins_with_all_weights_but_the_output_layer(trial_of, tmp_path):
    still = {"lr": 0.0, "weight_decay": 0.0, "train": "head"}  # frozen layers keep their batch statistics
    begun, scratch = trial_of({**BEGUN, **still}), trial_of({**PLAIN, **still})
    store, record = carried_out(begun, tmp_path / "r")
    carried_out(scratch, tmp_path / "r")
    (first,) = plan.upstream_of(begun)
    learnt, own, fresh = (load_file(store.weights(each.key)) for each in (first, begun, scratch))
    body = [name for name in own if not name.startswith("classifier") and name != "centres"]
    assert len(body) == 14
    assert all(torch.equal(own[name], learnt[name]) for name in body)
    assert any(not torch.equal(own[name], fresh[name]) for name in body)
    assert all(torch.equal(own[name], fresh[name]) for name in ("classifier.weight", "classifier.bias"))
    facts = record.resolved["pretraining"]
    assert facts["people"] + facts["validation_people"] + store.get(first.key).sizes["test_groups"] == 36
    assert facts["data"] == "tiny_volumes"


def test_the_output_layer_is_taken_over_for_the_same_task(trial_of, tmp_path):
    fewer = {"kind": "classification", "people": 30}
    prepare("tiny_volumes", fewer)
    begun = trial_of({**BEGUN, "pretrain_data_params": fewer, "lr": 0.0, "weight_decay": 0.0})
    store, _ = carried_out(begun, tmp_path / "r")
    first, own = (load_file(store.weights(each.key)) for each in (*plan.upstream_of(begun), begun))
    assert torch.equal(first["classifier.weight"], own["classifier.weight"])


@pytest.mark.parametrize("judged", [True, False])
def test_scans_of_judged_people_do_not_change_a_bit_of_the_pretraining(trial_of, tmp_path, judged, monkeypatch):
    trial = trial_of(BEGUN)
    (first,) = plan.upstream_of(trial)
    pool, tested = prepare("tiny_volumes", AGES), prepare("tiny_volumes")
    before = trained(first, tmp_path / "before")
    parts = splits.fold(tested, trial.split, 0, 0)
    people = {tested.groups[row] for row in (*parts.val, *parts.test)}
    poison = [row for row, group in enumerate(pool.groups) if (group in people) is judged]
    assert len(poison) > 3

    def poisoned(prepared, view):
        array = np.array(view_array(prepared, view))
        array[poison] = 1e3
        return array

    monkeypatch.setattr(trial_data, "view_array", poisoned)
    assert (trained(first, tmp_path / "after") == before) is judged


def trained(trial, root):
    store = Store(root)
    store.open()
    assert run_trial.run(trial, store, True).status == "done"
    return store.weights(trial.key).read_bytes()


def test_a_killed_trial_goes_on_to_the_bit(trial_of, tmp_path):
    trial = trial_of({**BEGUN, "train": "last"})
    whole, record = carried_out(trial, tmp_path / "whole")
    store = Store(tmp_path / "killed")
    store.open()
    run_trial.run(plan.upstream_of(trial)[0], store, True)

    def stop(fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial.run(trial, store, True, stop)
    again = run_trial.run(trial, store, True)
    assert again.resolved["resumed_at_step"] == 4
    assert plain(again.metrics) == plain(record.metrics)
    assert store.weights(trial.key).read_bytes() == whole.weights(trial.key).read_bytes()


def test_one_pretraining_serves_all_arms_controls_and_fractions_of_a_fold(plugins):
    wrapped = {"student": "sfcn", "student_params": BEGUN, "teacher": "sfcn", "teacher_params": PLAIN}
    arms = {"all": Arm("sfcn", BEGUN), "probe": Arm("sfcn", {**BEGUN, "train": "head", "lr": 0.01})}
    arms |= {"taught": Arm("distil", wrapped), "five": Arm("ensemble", {"member": "sfcn", "member_params": BEGUN})}
    study = Study(
        question="?",
        datasets=[Data("tiny_volumes"), Data("tiny_volumes", fraction=0.5)],
        arms=arms,
        reference="all",
        random_labels=RandomLabels("all", 2),
        folds=2,
        partitions=2,
        recipe=RECIPE,
    )
    prepare("tiny_volumes", AGES)
    spec = prepare("tiny_volumes").spec
    data = [plan.ResolvedData(spec, fraction=each.fraction) for each in study.datasets]
    cells = plan.cells(study, data)
    first = {cell.trial.key: cell.trial for cell in cells if cell.trial.held_out}
    assert sorted((trial.partition, trial.fold) for trial in first.values()) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert {cell.where for cell in cells if cell.trial.held_out} == {"tiny_volumes", "tiny_volumes@50"}
    assert all(set(cell.trial.upstream) & set(first) for cell in cells if cell.role != "upstream")
    assert {trial.labels for trial in first.values()} == {Labels()}  # those of its own data set, also for the control


@pytest.mark.slow
def test_ray_and_one_process_give_the_same_records(plugins, tmp_path):
    arms = {"all": Arm("sfcn", BEGUN), "probe": Arm("sfcn", {**BEGUN, "train": "head"}), "plain": Arm("sfcn", PLAIN)}
    arms |= {"without labels": Arm("sfcn", {**BEGUN, "pretrain_method": "self_supervised"})}
    study = Study("?", [Data("tiny_volumes")], reference="plain", arms=arms, folds=2, partitions=1, recipe=RECIPE)
    for launcher in ("serial", "ray"):
        run(study, name="begun", launcher=launcher, results=tmp_path / launcher)
    serial, parallel = (without_times(Store(tmp_path / launcher)) for launcher in ("serial", "ray"))
    assert len(serial) == 12  # eight, and for each fold a pretraining with labels and one without
    assert serial == parallel


def test_a_pretraining_has_the_network_of_its_arm_and_training_parameters_of_its_own(trial_of):
    trial = trial_of({**BEGUN, "lr": 0.5, "augment": "flip", "pretrain_params": {"loss": "l1"}, "pretrain_steps": 9})
    (first,) = plan.upstream_of(trial)
    params = first.method.params
    assert (params["channels"], params["loss"], params["lr"], params["augment"]) == ([4, 6], "l1", 0.001, "none")
    assert first.recipe == replace(RECIPE, steps=9)
    assert "pretrain_data" not in params


def test_other_people_make_another_trial_and_a_trial_is_read_back_from_its_record(trial_of):
    first, second = (plan.upstream_of(trial_of(BEGUN, fold=fold))[0] for fold in (0, 1))
    assert first.key != second.key
    assert first.held_out.people != second.held_out.people
    for trial in (first, replace(first, held_out=replace(first.held_out, external=first.data))):
        assert Trial.parse(plain(trial)).key == trial.key


def test_a_refused_pretraining_refuses_its_trial(trial_of, tmp_path):
    outlines = {"kind": "segmentation"}
    prepare("tiny_volumes", outlines)
    trial = trial_of({**BEGUN, "pretrain_data_params": outlines})
    store = Store(tmp_path / "r")
    store.open()
    first, record = (run_trial.run(each, store, True) for each in (*plan.upstream_of(trial), trial))
    assert first.status == record.status == "refused"
    assert record.error["message"].startswith("it begins with a pretraining on tiny_volumes, which was refused: ")


def test_a_pretraining_of_another_network_refuses_its_trial(trial_of, tmp_path):
    trial = trial_of({**BEGUN, "pretrain_params": {"channels": [8, 6]}})
    store = Store(tmp_path / "r")
    store.open()
    _, record = (run_trial.run(each, store, True) for each in (*plan.upstream_of(trial), trial))
    assert record.status == "refused"
    assert (
        "the network of the training on tiny_volumes is another one: features.0.0.weight is 8 x 1"
        in (record.error["message"])
    )


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({**PLAIN, "pretrain_steps": 3}, "pretrain_steps describes a pretraining, but pretrain_data is empty"),
        ({**BEGUN, "pretrain_params": {"train": "head"}}, "pretrain_params cannot contain 'train'"),
        ({**BEGUN, "pretrain_params": {"pretrain_data": "age_ixi"}}, "pretrain_params cannot contain 'pretrain_data'"),
        ({**BEGUN, "pretrain_params": {"chanels": [2]}}, "no parameter 'chanels'"),
        ({**PLAIN, "pretrain_data": "tiny_volumes"}, "with the labels that it is tested on"),
        ({**PLAIN, "pretrain_data": "nowhere"}, "no data set 'nowhere'"),
        ({**PLAIN, "pretrain_data": "ad_mri2d"}, "is a phantom, and ad_mri2d|cannot be pretrained on"),
    ],
)
def test_a_pretraining_that_makes_no_sense_is_refused_when_it_is_planned(trial_of, params, words):
    with pytest.raises(BenchError, match=words):
        trial_of(params)


def test_real_scans_are_not_pretrained_on_scans_that_are_not_prepared(plugins):
    trial = Trial(
        registry.spec("datasets", "ad_oasis"), registry.spec("methods", "sfcn", {"pretrain_data": "age_oasis"})
    )
    with pytest.raises(UnpreparedDataError, match="bench prepare age_oasis --from FOLDER"):
        DependencyResolver().resolve(trial)
