"""An augmentation that cannot be carried out is refused by name; one that does nothing is never silent."""

from __future__ import annotations

import pytest
import torch

from bench import registry
from bench.core import Arm, Data, Recipe, Study, Task, Trial
from bench.data.prepare import prepare
from bench.experiments import run_trial
from bench.experiments.plan.resolve_data import ResolvedData
from bench.experiments.planned_study import plan_cells
from bench.method.augmentation_policies import POLICIES, transforms_of
from bench.storage.record_store import Store
from bench.training.augment.augmentation_checks import effect_note, transforms_without_effect, why_not_augmented
from bench.training.trial_data import RefusalError, load_trial_data
from bench.views import Dynamic, Image, Max, Mean, Slice, Volume

AUC, MAE, DICE = (
    Task("classification", "auc", ("a", "b")),
    Task("regression", "mae"),
    Task("segmentation", "dice", "ab"),
)
VOLUME, SPACING = (1, 20, 24, 22), (2.0, 2.0, 2.0)


def why(method, augment, task=AUC, view=None, **params):
    made = registry.make("methods", method, {"augment": augment, **params})
    return why_not_augmented(made, task, view or made.view_for(task), VOLUME, SPACING)


@pytest.mark.parametrize(
    ("method", "augment", "task", "view", "words"),
    [
        (
            "timm2d",
            "flip",
            AUC,
            Mean(plane="sagittal"),
            "augment=flip does nothing: flip leaves the view mean as it is",
        ),
        ("timm2d", "flip", AUC, Max(plane="sagittal"), "flip leaves the view max as it is"),
        ("timm2d", "contrast", AUC, Dynamic(channels=3), "contrast leaves the view dynamic as it is"),
        ("linear", "flip", AUC, None, "computed without training steps"),
        ("covariates", "flip", AUC, None, "no scan that could be augmented"),
        ("unet3d", "light+mixup", DICE, None, "two masks cannot be mixed"),
        ("distil", "mixup", AUC, None, "a teacher has no output for mixed scans"),
        ("dclse", "mixup", AUC, None, None),
        ("sfcn", "mixup", MAE, None, None),
        ("sfcn", "mixup", AUC, None, None),
        ("timm2d", "flip", AUC, None, None),
        ("timm2d", "flip", AUC, Slice(plane="sagittal"), None),
        ("unet3d", "nnunet", DICE, None, None),
    ],
)
def test_what_cannot_be_carried_out_is_refused_by_name(method, augment, task, view, words):
    reason = why(method, augment, task, view)
    assert reason is None if words is None else words in reason


def test_a_curriculum_that_needs_one_true_class_refuses_mixup_of_classes_only():
    params = {"auxiliary": True, "dcl": "cur"}
    assert "needs one true class" in why("dclse", "mixup", AUC, **params)
    assert why("dclse", "mixup", MAE, **params) is None


@pytest.mark.parametrize("policy", [name for name in POLICIES if name != "none"])
@pytest.mark.parametrize("view", [Volume(), Volume(mm=8.0), Image(), Slice()], ids=repr)
def test_every_transform_of_a_policy_reaches_these_views(policy, view):
    shape = (1, 30, 26) if isinstance(view, Image) else VOLUME
    assert transforms_without_effect(transforms_of(policy), view, shape, SPACING[: len(shape) - 1]) == ()


def test_a_part_that_does_nothing_is_noted():
    method = registry.make("methods", "timm2d", {"augment": "flip+noise", "view": {"kind": "mean"}})
    assert (
        effect_note(method, method.view, VOLUME, SPACING) == "of augment=flip+noise, flip leaves the view mean as it is"
    )


@pytest.mark.parametrize(
    ("augment", "share"),  # of nnunet: 1 - .8 x .8 x .9 x .875 by itself, half as many scans stay sharp beside a crop
    [("affine+blur", None), ("nnunet", None), ("strong", None), ("light+mixup", None), ("nnunet+crop", "75%")],
)
def test_a_combination_that_smooths_most_training_scans_is_noted(augment, share):
    method = registry.make("methods", "sfcn", {"augment": augment})
    note = effect_note(method, Volume(), VOLUME, SPACING)
    assert note == (
        f"of augment={augment}, {share} of the training scans lose detail that tested scans have" * bool(share)
    )


def test_no_scan_is_flipped_where_exchanging_left_and_right_changes_the_target():
    method = registry.make("methods", "timm2d", {"augment": "flip"})
    scans = (method.view, VOLUME, SPACING)
    assert "exchanging left and right changes the target" in why_not_augmented(method, AUC, *scans, True)
    light = registry.make("methods", "sfcn", {"augment": "light"})
    assert why_not_augmented(light, AUC, Volume(), VOLUME, SPACING, True) is None
    assert "flip is left out" in effect_note(light, Volume(), VOLUME, SPACING, True)
    made = prepare("phantom_order", {"subjects": 12, "slices": 8, "size": 16})
    trial = Trial(made.spec, registry.spec("methods", "sfcn", {"augment": "flip"}), recipe=Recipe(steps=1))
    with pytest.raises(RefusalError, match="exchanging left and right"):
        load_trial_data(trial, registry.make("methods", "sfcn", trial.method.params), torch.device("cpu"))


def study(**arms):
    return Study(
        question="Does it help?", datasets=[Data("tiny_volumes")], reference=next(iter(arms)), arms=arms, folds=2,
        recipe=Recipe(steps=3, batch_size=4),
    )  # fmt: skip


def test_the_plan_names_refused_and_idle_augmentations(plugins):
    arms = {
        "plain": Arm("constant"),
        "idle": Arm("timm2d", {"augment": "flip", "view": {"kind": "mean"}}),
        "half idle": Arm("timm2d", {"augment": "flip+gamma", "view": {"kind": "mean"}}),
    }
    notes = plan_cells("tiny", study(**arms), [ResolvedData(prepare("tiny_volumes").spec)], []).method_notes
    assert any(": idle: " in note and "it will be refused: augment=flip does nothing" in note for note in notes)
    lost = "of augment=flip+gamma, flip leaves the view mean as it is"
    assert any(": half idle: " in note and lost in note for note in notes)


def trial(method, params, kind="classification"):
    spec = registry.spec("methods", method, params)
    return Trial(prepare("tiny_volumes", {"kind": kind}).spec, spec, recipe=Recipe(steps=3, batch_size=4, points=1))


@pytest.mark.parametrize(("augment", "kind"), [("nnunet", "segmentation"), ("light+mixup", "regression")])
def test_a_trial_records_what_was_drawn_and_how_long_it_took(plugins, tmp_path, augment, kind):
    view = {"kind": "volume", "mm": 0.0 if kind == "segmentation" else 8.0}
    record = run_trial.run(trial("tiny_net", {"augment": augment, "view": view}, kind), Store(tmp_path / "r"))
    assert record.status == "done", record.error
    assert record.resolved["augmentation"].startswith("flip p=0.5; ")
    assert 0 < record.cost["augment_seconds"] < record.cost["train_seconds"]


def test_a_plugin_whose_own_step_may_need_one_true_class_refuses_mixup(plugins, tmp_path):
    record = run_trial.run(trial("tiny_net", {"augment": "strong+mixup"}), Store(tmp_path / "r"))
    assert record.status == "refused"
    assert "its loss needs one true class" in record.error["message"]


def test_a_refused_augmentation_is_a_refused_trial(plugins):
    made = trial("tiny_net", {"augment": "mixup"}, "segmentation")
    with pytest.raises(RefusalError, match="two masks cannot be mixed"):
        load_trial_data(made, registry.make("methods", "tiny_net", made.method.params), torch.device("cpu"))
