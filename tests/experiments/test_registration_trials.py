"""Registration in trials: pairs of people, killed and resumed, refused with a reason; a kind of task as a plug-in."""

from __future__ import annotations

import re
import textwrap

import numpy as np
import pytest
from killable_studies import trial_of
from record_comparison import without_times

import bench
from bench import registry
from bench.core import Arm, BenchError, Data, Recipe, Study, TaskKind, define_kind, kind_names, plain
from bench.data.prepare import open_prepared, prepare
from bench.experiments import plan, run_trial
from bench.storage.record_store import Store
from bench.training import checkpoint, trained_model

TINY = {"mm": 12.0, "subjects": 9}
SMALL = {"channels": (4, 4, 4, 4), "last": (4,), "similarity": "pearson"}
ARMS = {
    "identity": Arm("identity"),
    "voxelmorph": Arm("voxelmorph", SMALL),
    "blurred": Arm("voxelmorph", SMALL, "input_blur"),
    "classifier": Arm("vgg3d"),
    "taught": Arm("voxelmorph", SMALL, "transfer_teacher", {"teacher": "voxelmorph", "teacher_params": SMALL}),
    "flipped": Arm("voxelmorph", {**SMALL, "augment": "flip"}),
    "smoothed labels": Arm("voxelmorph", SMALL, "label_smoothing"),
}


@pytest.fixture
def cells(monkeypatch):
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    recipe = Recipe(steps=4, batch_size=2, points=2)
    study = Study("Does it align?", [Data("phantom_pairs", TINY)], reference="identity", arms=ARMS, folds=3,
                  partitions=1, recipe=recipe)  # fmt: skip
    return plan.cells(study, [prepare("phantom_pairs", TINY).spec])


def test_a_network_is_tested_on_the_pairs_of_couples_it_has_not_seen_and_resumes_to_the_bit(cells, tmp_path):
    trial, whole, killed = trial_of(cells, "voxelmorph"), Store(tmp_path / "whole"), Store(tmp_path / "killed")
    record = run_trial.run(trial, whole, True)
    assert record.status == "done", record.error
    kept, prepared = whole.predictions(trial.key), open_prepared("phantom_pairs", TINY)
    people = [set(name.split(" < ")) for name in kept["ids"]]
    assert {tuple(sorted(each)) for each in people} <= {tuple(group.split(" + ")) for group in prepared.groups} or any(
        group.count("+") == 2 for group in prepared.groups
    )
    assert record.sizes["test_groups"] == record.sizes["test"] == len(set().union(*people))
    assert kept["structure_dice"].shape == (len(kept["ids"]), 4)
    assert np.nanmean(kept["scan_scores"]) == pytest.approx(record.metrics["selected"]["endpoint_error"])
    assert record.metrics["selected"]["folded"] == 0

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial.run(trial, killed, True, stop)
    again = run_trial.run(trial, killed, True)
    assert again.resolved["resumed_at_step"] == 2
    assert plain(again.metrics) == plain(record.metrics)
    assert killed.weights(trial.key).read_bytes() == whole.weights(trial.key).read_bytes()
    with pytest.raises(BenchError, match="registration cannot be explained or stressed"):
        trained_model.load(whole, trial.key)


@pytest.mark.slow
def test_serial_and_ray_give_the_same_records(tmp_path):
    arms = {arm: ARMS[arm] for arm in ("identity", "voxelmorph", "blurred")} | {
        "demons": Arm("demons", {"iterations": 5})
    }
    study = Study("Does it align?", [Data("phantom_pairs", TINY)], reference="identity", arms=arms, folds=3,
                  partitions=1, recipe=Recipe(steps=4, batch_size=2, points=2))  # fmt: skip
    found = []
    for launcher in ("serial", "ray"):
        bench.run(study, name="same", launcher=launcher, results=tmp_path / launcher, progress=False)
        found.append(without_times(Store(tmp_path / launcher)))
    assert len(found[0]) == 12
    assert found[0] == found[1]


def test_the_page_shows_scans_before_and_after_and_says_couples_where_they_are_counted(tmp_path, one_format):
    arms = {"identity": Arm("identity"), "affine": Arm("affine", {"iterations": 10})}
    study = Study("Does it align?", [Data("phantom_pairs", TINY)], reference="identity", arms=arms, folds=3,
                  partitions=1, contrasts=[("affine", "identity")])  # fmt: skip
    results = bench.run(study, name="shown", launcher="serial", progress=False)
    page, text = results.path.read_text(), results.path.with_suffix(".md").read_text()
    assert "on top of each other before and after its registration" in page
    assert "9 scans of 9 people" in text
    assert "95 % interval over couples, for these trained models on new couples" in text
    assert "what each couple contributes" in text
    assert not re.search(r"over people|each person|their people", text)


REASONS = {
    "classifier": "aligns two",
    "taught": "no network can teach another",
    "flipped": "augmentation changes single scans",
    "smoothed labels": "are no classes",
}


@pytest.mark.parametrize("arm", REASONS)
def test_what_cannot_be_done_with_pairs_is_refused_with_a_reason(cells, tmp_path, arm):
    store = Store(tmp_path / "results")
    record = run_trial.run(trial_of(cells, arm), store)
    assert record.status == "refused"
    assert REASONS[arm] in record.error["message"]


def test_the_floor_and_a_curriculum_run_and_the_floor_is_the_distance_between_people(cells, tmp_path):
    store = Store(tmp_path / "results")
    floor, blurred = (run_trial.run(trial_of(cells, arm), store) for arm in ("identity", "blurred"))
    assert (floor.status, blurred.status) == ("done", "done"), (floor.error, blurred.error)
    assert floor.metrics["selected"]["endpoint_error"] > 5  # millimetres
    assert floor.metrics["selected"]["log_jacobian_sd"] == 0


def test_pairs_of_one_person_are_refused():
    made = registry.make("datasets", "phantom_pairs", TINY)
    names = [sample.group for sample in made.samples(None)][:1]
    with pytest.raises(BenchError, match="one person"):
        plan_units(names)


def plan_units(names):
    from bench.data.registration_kind import REGISTRATION

    return REGISTRATION.units(names, names, [""] * len(names))


COUNTING = '''
"""Counts of bright voxels: a kind of task of its own, with its data, its loss and its metric."""

from dataclasses import dataclass

import numpy as np

from bench.core import Dataset, Sample, Scan, Task, TaskKind

def losses(outputs, batch):
    from torch.nn import functional as F

    return F.poisson_nll_loss(outputs[:, 0], batch.y, reduction="none")

COUNTS = TaskKind("counts", outputs=lambda task: 1, losses=losses, unfit="it has no counts",
                  predictions=lambda outputs: outputs[:, 0].exp().double().cpu().numpy())

@dataclass(frozen=True)
class Counted(Dataset):
    """Cubes with bright voxels."""

    title = source = licence = citation = layout = "counted"
    phantom = True
    task = Task(COUNTS, "count_error")
    shape, spacing = (1, 4, 4, 4), (1.0, 1.0, 1.0)

    def samples(self, root):
        return [Sample(f"s{at}", f"s{at}", float(at % 5), "x", lambda at=at: self.read(at)) for at in range(12)]

    def read(self, at):
        image = np.random.default_rng(at).normal(size=self.shape).astype(np.float32)
        image.reshape(-1)[: at % 5] = 9.0
        return Scan(image, self.spacing)

DATASET = Counted
'''
ERROR = '''
"""The mean error of a count."""

import numpy as np
from bench.evaluation.metrics import Metric

METRIC = Metric("count_error", "Error", "counts", "lower", "", 0, float("inf"), each=lambda y, p, s: np.abs(y - p))
'''
NETWORK = '''
"""One layer for counts."""

from dataclasses import dataclass
from typing import ClassVar
from bench.method import Method

@dataclass(frozen=True, kw_only=True)
class Counter(Method):
    """One layer."""

    family: ClassVar[str] = "3d"
    kinds: ClassVar[tuple[str, ...]] = ("counts",)

    def build(self, task, shape):
        from torch import nn

        return nn.Sequential(nn.Flatten(), nn.Linear(64, task.outputs))

METHOD = Counter
'''


def test_a_kind_of_task_is_a_plug_ins_business(tmp_path, monkeypatch):
    own = tmp_path / "own"
    own.mkdir()
    for name, text in {"counted": COUNTING, "count_error": ERROR, "counter": NETWORK}.items():
        (own / f"{name}.py").write_text(textwrap.dedent(text))
    monkeypatch.setenv("BENCH_PLUGINS", str(own))
    registry.clear_cache()
    arms = {"counter": Arm("counter"), "linear": Arm("linear")}
    study = Study("How many?", [Data("counted")], reference="linear", arms=arms, folds=2, partitions=1,
                  recipe=Recipe(steps=3, batch_size=2, points=1))  # fmt: skip
    cells, store = plan.cells(study, [prepare("counted").spec]), Store(tmp_path / "results")
    record, refused = (run_trial.run(trial_of(cells, arm), store) for arm in arms)
    assert record.status == "done", record.error
    assert record.metrics["selected"]["count_error"] >= 0
    assert refused.status == "refused"
    assert "it has no counts" in refused.error["message"]
    registry.clear_cache()


def test_a_built_in_kind_cannot_be_replaced():
    with pytest.raises(BenchError, match="built in"):
        define_kind(TaskKind("regression"))
    assert kind_names()[:3] == ("classification", "segmentation", "regression")
