"""Every curriculum on every kind of task: it takes steps that teach, or is refused by name with the reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn

from bench import registry
from bench.core import Recipe, Spec, Split, Trial, task_kind
from bench.curriculum import Stage
from bench.data.prepare import prepare
from bench.method import Method, Outputs
from bench.training import loop
from bench.training.curriculum_hooks import apply_to_batch
from bench.training.trial_data import RefusalError, load_trial_data, training_setup

KINDS = {
    "classes": ("tiny_volumes", {"kind": "classification", "people": 12}),
    "numbers": ("tiny_volumes", {"kind": "regression", "people": 12}),
    "masks": ("tiny_volumes", {"kind": "segmentation", "people": 12}),
    "pairs": ("phantom_pairs", {"mm": 12.0, "subjects": 18}),
    "contrasts": ("phantom_modalities", {"mm": 10.0, "subjects": 6, "bending": 0.0}),
}
SMALL = {
    "progressive_resizing": {"smallest": 4, "increment": 2},
    "low_frequency_crop": {"smallest": 4},
    "patch_difficulty": {"patch": 2},
    "curriculum_dropout": {"maps": 0.1},
    **{name: {"start": 0.1, "end": 1.0} for name in ("random_pacing", "anti_curriculum")},
    "self_paced": {"start": 0.1, "end": 1.0, "weighting": "linear"},
}
ALIGNS = {"channels": (4, 4, 4, 4), "last": (4,), "similarity": "pearson"}
TRANSLATES = {"width": 2, "levels": 2, "terms": 2}
REFUSALS = {
    ("label_smoothing", "numbers"): "labels that are numbers cannot be smoothed over classes",
    ("label_smoothing", "pairs"): "the targets of registration are no classes",
    ("patch_difficulty", "classes"): "the target is not a mask",
    ("patch_difficulty", "numbers"): "the target is not a mask",
    ("patch_difficulty", "pairs"): "the target is not a mask",
    ("progressive_data_dropout", "numbers"): "the target is not a class; set kind=random",
    ("progressive_data_dropout", "masks"): "the target is not a class; set kind=random",
    ("progressive_data_dropout", "pairs"): "the target is not a class; set kind=random",
    ("curriculum_dropout", "pairs"): "no linear or 1x1 layer whose input could be dropped; set features to 0",
    ("transfer_teacher", "pairs"): "no network can teach another in registration",
    ("anti_curriculum", "pairs"): "no network can teach another in registration",
    ("label_smoothing", "contrasts"): "the targets of translation are no classes",
    ("patch_difficulty", "contrasts"): "the target is not a mask",
    ("progressive_data_dropout", "contrasts"): "the target is not a class; set kind=random",
    ("transfer_teacher", "contrasts"): "no network can teach another in translation",
    ("anti_curriculum", "contrasts"): "no network can teach another in translation",
}
RANDOM = {"kind": "random", "kept": 0.3, "revision": 0.0}  # of two scans, one has weight at the end
REMEDIES = {  # parameters with which a curriculum that is refused as it comes takes part
    ("progressive_data_dropout", "numbers"): RANDOM,
    ("progressive_data_dropout", "masks"): RANDOM,
    ("progressive_data_dropout", "pairs"): RANDOM,
    ("curriculum_dropout", "pairs"): {"features": 0.0},
    ("anti_curriculum", "pairs"): {"scores": "own"},
    ("progressive_data_dropout", "contrasts"): RANDOM,
    ("anti_curriculum", "contrasts"): {"scores": "own"},
}
SILENT = {"none"}


@dataclass(frozen=True, kw_only=True)
class Small(Method):
    """Two convolutions and a last layer, for every kind of task whose samples are single scans."""

    family: ClassVar[str] = "3d"

    def build(self, task, shape):
        layers = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 6, 3, padding=1), nn.ReLU())
        if task.kind == "segmentation":
            return layers.append(nn.Conv3d(6, task.outputs, 1))
        return layers.extend([nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(6, task.outputs)])


def method_for(kind: str) -> Method:
    own = {"pairs": ("voxelmorph", ALIGNS), "contrasts": ("seq2seq", TRANSLATES)}
    return registry.make("methods", *own[kind]) if kind in own else Small()


def trial_on(kind: str, name: str, params: dict) -> Trial:
    data = prepare(*KINDS[kind]).spec
    curriculum = registry.spec("curricula", name, params)
    return Trial(data, Spec("m"), Split(folds=3), curriculum=curriculum, recipe=Recipe(steps=6, batch_size=2, points=1))


def trained(kind: str, name: str, params: dict, folder) -> tuple[torch.Tensor, torch.Tensor]:
    """The first weight before and after six steps of finite losses; RefusalError if the trial is refused."""
    trial, method = trial_on(kind, name, params), method_for(kind)
    data, taught = load_trial_data(trial, method, torch.device("cpu")), []
    if registry.make("curricula", name, params).upstream(trial):
        torch.manual_seed(1)
        rest = data.shape[1:] if data.prepared.task.per_voxel else ()
        taught = [Outputs(torch.randn(len(data.fold.train), data.prepared.task.outputs, *rest), torch.ones(1))]
    folder.mkdir()
    setup = training_setup(trial, data, folder, taught)
    torch.manual_seed(trial.seed_for("init"))
    before = next(method.build(setup.task, data.shape).parameters()).detach().clone()
    fit = loop.fit(setup, data.shape)
    assert fit.points[-1].step == 6
    assert all(math.isfinite(point.train_loss) for point in fit.points)
    return before, next(fit.model.parameters()).detach().clone()


@pytest.mark.parametrize("kind", KINDS)
def test_every_curriculum_changes_the_training_or_is_refused_by_name_with_a_reason(kind, plugins, tmp_path):
    start, plain = trained(kind, "none", {}, tmp_path / "plain")
    assert not torch.equal(start, plain)

    def acts(name: str, params: dict, folder: str) -> bool:
        """Whether six steps end elsewhere than without a curriculum, from the same start."""
        before, after = trained(kind, name, params, tmp_path / folder)
        assert torch.equal(before, start)
        return not torch.equal(after, plain)

    for name in registry.names("curricula"):
        params = SMALL.get(name, {})
        if (name, kind) not in REFUSALS:
            assert acts(name, params, name) == (name not in SILENT), name
            continue
        with pytest.raises(RefusalError, match=f"the curriculum {name} cannot be used: ") as refusal:
            load_trial_data(trial_on(kind, name, params), method_for(kind), torch.device("cpu"))
        assert REFUSALS[name, kind] in str(refusal.value)
        if remedy := REMEDIES.get((name, kind)):
            assert acts(name, {**params, **remedy}, f"{name}-mended"), name


def test_the_label_maps_of_a_pair_are_resized_with_its_scans():
    maps = torch.zeros(2, 2, 8, 8, 8, dtype=torch.int64)
    maps[:, 1, 4:] = 3
    for stage in (Stage(size=(4, 4, 4)), Stage(band=(4, 4, 4))):
        x, y = apply_to_batch(maps.float(), maps, stage)
        assert x.shape == y.shape == (2, 2, 4, 4, 4)
        assert y[0, :, :, 0, 0].tolist() == [[0, 0, 0, 0], [0, 0, 3, 3]]
    rows = torch.arange(6).reshape(2, 3)
    assert torch.equal(apply_to_batch(maps.float(), rows, Stage(size=(4, 4, 4)))[1], rows)  # no axes of scans


@pytest.mark.parametrize("stage", [Stage(size=(5, 6, 4)), Stage(band=(5, 6, 4))])
def test_an_image_that_is_to_be_generated_is_resized_as_its_source_is(stage):
    source = torch.randn(2, 1, 9, 8, 7, generator=torch.Generator().manual_seed(0))
    x, y = apply_to_batch(torch.cat([source, torch.full_like(source, 6)], 1), source, stage)
    torch.testing.assert_close(y, x[:, :1])
    torch.testing.assert_close(x[:, 1], torch.full_like(x[:, 1], 6))  # the code of the contrasts


def test_all_kinds_of_task_are_tried(plugins):
    tried = {prepare(*data).task.kind for data in KINDS.values()}
    assert tried == {"classification", "regression", "segmentation", "registration", "translation"}
    assert task_kind("registration").part is not None
