"""Promises of bench.experiments.run_trial and bench.experiments.launch: every trial becomes a record, once, and the
same however it was run.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from bench import registry
from bench.core import Arm, BenchError, Data, RandomLabels, Recipe, plain
from bench.data.prepare import prepare
from bench.experiments import launch, plan, run_trial
from bench.storage.record_store import Store


class Quiet:
    """A watch that only remembers."""

    def __init__(self):
        self.statuses, self.steps = {}, []

    def began(self, trial):
        pass

    def moved(self, trial, fraction):
        self.steps.append(fraction)

    def lost(self, trial):
        pass

    def message(self, words):
        pass

    def deferred(self, trial):
        pass

    def ended(self, trial, status, notes):
        self.statuses[trial.key] = status


@pytest.fixture
def study(plugins):
    return registry.study("tiny")


def cells_of(study, **params):
    spec = prepare("tiny_volumes", params).spec
    return plan.cells(replace(study, datasets=[Data("tiny_volumes", params)]), [spec])


def run(cells, root, launcher="serial", **more):
    store, watch = Store(root), Quiet()
    launch.launch(launch.outstanding(cells, store, **more), store, launcher, watch)
    return store, watch


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_every_trial_becomes_a_complete_record(study, tmp_path, kind):
    study = replace(study, random_labels=None) if kind == "regression" else study
    cells = cells_of(study, kind=kind)
    store, watch = run(cells, tmp_path / "r")
    assert set(watch.statuses) == {cell.trial.key for cell in cells}
    for cell in cells:
        record = store.get(cell.trial.key)
        assert record.status == "done", record.error
        assert set(record.metrics) - {"bias", "operating"} == {"selected", "last", "validation", "audit"}
        assert ("operating" in record.metrics) == (kind == "classification")
        assert ("bias" in record.metrics) == (kind == "regression")
        assert record.cost["parameters"] > 0
        assert record.sizes["train"] + record.sizes["val"] + record.sizes["test"] == 32
        arrays = store.predictions(cell.trial.key)
        assert len(arrays["y"]) == record.sizes["test"] == len(arrays["selected"]) == len(set(arrays["ids"]))


def test_a_record_lists_the_time_of_each_stage(study, tmp_path):
    longer = replace(study, arms={"net": Arm("tiny_net")}, recipe=Recipe(steps=200, batch_size=4))
    cells = cells_of(replace(longer, floors=[], again=None, random_labels=None))
    record = run(cells, tmp_path / "r")[0].get(cells[0].trial.key)
    stages = {name.removesuffix("_seconds"): value for name, value in record.cost.items() if name.endswith("_seconds")}
    parts = [stages[name] for name in ("data", "forward", "backward", "update", "evaluation", "writing")]
    assert min(parts) > 0
    assert sum(parts) == pytest.approx(stages["train"])
    assert stages["train"] < record.provenance["seconds"]
    assert stages["step"] == pytest.approx((stages["forward"] + stages["backward"] + stages["update"]) / 200)


def test_a_network_learns_what_is_there_and_not_what_is_not(study, tmp_path):
    long = replace(study, arms={"net": Arm("tiny_net", {"lr": 0.02})}, again=None, random_labels=None)
    long = replace(long, recipe=Recipe(steps=60, batch_size=8), floors=[], folds=3)
    scores = {}
    for effect in (3.0, 0.0):
        cells = cells_of(long, effect=effect, people=60)
        store, _ = run(cells, tmp_path / "r")
        scores[effect] = np.mean([store.get(cell.trial.key).metrics["selected"]["auc"] for cell in cells])
    assert scores[3.0] > 0.9
    assert 0.25 < scores[0.0] < 0.75


def test_scores_are_those_of_the_saved_predictions(study, tmp_path):
    from sklearn.metrics import roc_auc_score

    cells = cells_of(study)
    store, _ = run(cells, tmp_path / "r")
    for cell in cells:
        arrays = store.predictions(cell.trial.key)
        auc = roc_auc_score(arrays["y"], arrays["selected"][:, 1])
        assert store.get(cell.trial.key).metrics["selected"]["auc"] == pytest.approx(auc)


def test_serial_and_ray_agree_to_the_byte(study, tmp_path):
    cells = cells_of(study)
    one, _ = run(cells, tmp_path / "serial")
    two, watch = run(cells, tmp_path / "ray", "ray")
    assert set(watch.statuses.values()) == {"done"}
    for cell in cells:
        key = cell.trial.key
        ours, theirs = one.get(key), two.get(key)
        assert json.dumps(plain(ours.metrics)) == json.dumps(plain(theirs.metrics))
        assert json.dumps(plain(ours.curve)) == json.dumps(plain(theirs.curve))
        mine, other = one.predictions(key), two.predictions(key)
        assert all(mine[name].tobytes() == other[name].tobytes() for name in mine)


def test_a_finished_study_trains_nothing(study, tmp_path):
    cells = cells_of(study)
    run(cells, tmp_path / "r")
    _, watch = run(cells, tmp_path / "r")
    assert watch.statuses == {}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("nan", "DivergenceError"), ("memory", "out of memory"), ("raise", "ValueError")],
)
def test_a_fault_of_the_run_is_a_record_and_the_rest_goes_on(study, tmp_path, fault, kind):
    broken = replace(study, arms={**study.arms, "net": Arm("tiny_net", {"fault": fault})}, again=None)
    broken = replace(broken, arms={**broken.arms, "student": Arm("tiny_student", {"fault": fault})})
    cells = cells_of(broken)
    store, _ = run(cells, tmp_path / "r")
    records = {cell.arm: store.get(cell.trial.key) for cell in cells}
    assert records["net"].status == "failed"
    assert records["net"].error["kind"] == kind
    assert "Traceback" in records["net"].error["traceback"]
    assert records["student"].status == "failed"
    assert "tiny_net" in records["student"].error["message"]
    assert records["fading"].status == records["constant"].status == "done"


def test_failed_trials_run_again_on_request(study, tmp_path, monkeypatch):
    failing = replace(study, arms={"net": Arm("tiny_net")}, floors=[], again=None, random_labels=None)
    cells = cells_of(failing)
    with monkeypatch.context() as patch:
        patch.setattr("bench.training.loop.fit", lambda *_: (_ for _ in ()).throw(MemoryError()))
        store, _ = run(cells, tmp_path / "r")
    assert store.get(cells[0].trial.key).status == "failed"
    _, again = run(cells, tmp_path / "r")
    assert again.statuses == {}
    _, again = run(cells, tmp_path / "r", retry=True)
    assert set(again.statuses.values()) == {"done"}


def test_a_method_that_cannot_do_a_task_is_refused_with_its_reason(study, tmp_path):
    requested = replace(
        study, arms={"net": Arm("tiny_net", {"fault": "refuse"})}, floors=[], again=None, random_labels=None
    )
    cells = cells_of(requested)
    store, _ = run(cells, tmp_path / "r")
    record = store.get(cells[0].trial.key)
    assert (record.status, record.error["message"]) == ("refused", "asked to refuse")


def test_weights_are_saved_if_a_student_needs_them(study, tmp_path):
    alone = replace(study, arms={"net": study.arms["net"]}, floors=[], again=None, random_labels=None)
    store, _ = run(cells_of(alone), tmp_path / "r")
    cells = cells_of(study)
    teachers = [cell.trial for cell in cells if cell.arm == "net"]
    assert all(store.weights(trial.key) is None for trial in teachers)
    before = store.get(teachers[0].key).metrics
    run(cells, tmp_path / "r")
    assert all(store.weights(trial.key) for trial in teachers)
    assert plain(store.get(teachers[0].key).metrics) == plain(before)


def test_permuted_labels_are_those_of_whole_groups(study, tmp_path):
    requested = replace(
        study, random_labels=RandomLabels("constant", permutations=1), arms={"constant": Arm("constant")}
    )
    requested = replace(requested, reference="constant", again=None)
    cells = [cell for cell in cells_of(requested) if cell.role == "random_labels"]
    store, _ = run(cells, tmp_path / "r")
    labels = {}
    for cell in cells:
        arrays = store.predictions(cell.trial.key)
        for group, y in zip(arrays["groups"], arrays["y"], strict=True):
            labels.setdefault(str(group), set()).add(float(y))
    assert all(len(values) == 1 for values in labels.values())
    assert [labels[f"p{at:02d}"] for at in range(24)] != [{float(at % 2)} for at in range(24)]


def test_segmentation_runs_from_masks_to_dice(study, tmp_path):
    requested = replace(study, arms={"net": Arm("tiny_net", {"view": {"kind": "volume", "mm": 0}, "lr": 0.05})})
    requested = replace(requested, floors=[], again=None, random_labels=None, recipe=Recipe(steps=60, batch_size=4))
    cells = cells_of(requested, kind="segmentation", effect=3.0)
    store, _ = run(cells, tmp_path / "r")
    record = store.get(cells[0].trial.key)
    assert record.status == "done", record.error["traceback"]
    assert record.metrics["selected"]["dice"] > 0.5


def test_images_are_read_unchanged(study, tmp_path):
    spec = prepare("tiny_images").spec
    requested = replace(study, arms={"net": Arm("tiny_net")}, floors=[], again=None, random_labels=None)
    cells = plan.cells(replace(requested, datasets=[Data("tiny_images")]), [spec])
    store, _ = run(cells, tmp_path / "r")
    record = store.get(cells[0].trial.key)
    assert record.resolved["view"] == {"kind": "image"}
    assert "encoding is skipped" in record.resolved["view_note"]


def test_data_that_were_prepared_again_do_not_match_an_old_plan(study, tmp_path):
    cells = cells_of(study)
    old = replace(cells[0].trial, data=replace(cells[0].trial.data, fingerprint="yesterday"))
    with pytest.raises(BenchError, match="prepared again"):
        run_trial.run(old, Store(tmp_path / "r"))


def test_a_launcher_that_is_not_there_is_named(study, tmp_path):
    with pytest.raises(BenchError, match="did you mean 'serial'"):
        launch.launch(launch.PendingTrials([], frozenset()), Store(tmp_path), "seral", Quiet())


def test_fit_is_given_no_test_scans(study, tmp_path, monkeypatch):
    cells = cells_of(study)
    given = []
    remaining = run_trial.loop.fit

    def spy(setup, shape):
        given.append({name for name, value in vars(setup).items() if isinstance(value, (run_trial.Part, torch.Tensor))})
        return remaining(setup, shape)

    monkeypatch.setattr(run_trial.loop, "fit", spy)
    run_trial.run(cells[0].trial, Store(tmp_path / "r"))
    assert given == [{"train", "val"}]
