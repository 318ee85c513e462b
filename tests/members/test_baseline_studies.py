"""The studies of the baselines ask what they say: every family, every control, and small enough to be proven."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from bench import registry
from bench.core import canonical
from bench.experiments import plan
from bench.method import FAMILIES
from bench.views import effective

ROWS = {
    "ResNet-50": "resnet50", "ConvNeXt-T": "convnext_tiny", "DeiT-S": "deit_small_patch16_224",
    "Swin-T": "swin_tiny_patch4_window7_224", "CAFormer-S18": "caformer_s18", "MobileNetV2": "mobilenetv2_100",
    "EfficientNet-B0": "efficientnet_b0", "VGG11": "vgg11",
}  # fmt: skip
MASKS = {"U-Net (3D)": "unet3d", "SegResNet": "monaiseg", "DynUNet": "monaiseg", "SwinUNETR": "monaiseg"}


def test_the_main_comparison_has_every_family_and_the_rows_of_the_paper():
    study = registry.study("main_comparison")
    plan.check(study, "main_comparison")
    families = {registry.member("methods", arm.method).family for arm in study.arms.values()}
    assert families == set(FAMILIES)
    assert {name: study.arms[name].params["network"] for name in ROWS} == ROWS
    assert {name: study.arms[name].method for name in MASKS} == MASKS
    floors = {registry.member("methods", study.arms[name].method).family for name in study.floors}
    assert floors == {"floor"}
    assert {study.arms[name].method for name in study.floors} >= {
        "svm", "boosting", "nearest_neighbour", "linear", "constant"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["curricula", "wrong_labels"])
def test_a_study_of_curricula_has_plain_training_and_both_controls_for_each_network(name):
    study = registry.study(name)
    requested: dict[str, set[str]] = {}
    for label, arm in study.rows():
        if registry.member("methods", arm.method).family != "floor":
            requested.setdefault(label.partition(",")[0], set()).add(arm.curriculum)
    assert {"2D", "DCL-SE"} <= set(requested)
    assert all({"none", "random_pacing", "anti_curriculum"} <= curricula for curricula in requested.values())
    missing = set(registry.names("curricula")) - {"patch_difficulty"} - requested["2D"]
    assert {each for each in missing if not each.startswith("tiny")} == set()
    noises: dict[str, set[float]] = {}
    for data in study.datasets:
        noises.setdefault(data.name, set()).add(data.noise)
    assert {0.0, 0.4} in noises.values()


@pytest.mark.parametrize("name", registry.names("studies"))
def test_what_is_known_without_a_scan_is_a_floor_wherever_a_data_set_has_it(name):
    study = registry.study(name)
    members = [registry.member("datasets", data.name) for data in study.datasets]
    known = [one for one in members if one.floor_covariates and one.task.kind != "segmentation"]
    if name == "hpo_dclse":  # a search of one method: it compares nothing
        known = []
    assert ("covariates" in {arm.method for _, arm in study.rows()}) == bool(known)


def test_every_network_of_the_study_of_curricula_reads_its_volumes():
    study = registry.study("curricula")
    arms = [arm for label, arm in study.rows() if label not in study.floors]
    networks = {(arm.method, canonical(arm.params)): arm for arm in arms}
    for data in study.datasets:
        one = registry.make("datasets", data.name, data.params)
        for arm in networks.values():
            method = registry.make("methods", arm.method, arm.params)
            if one.task.kind not in arm.tasks:
                continue
            assert method.refuses(one.task, one.shape) is None
            view = effective(method.view_for(one.task), one.shape)
            assert method.build(one.task, view.shape(one.shape, one.spacing)) is not None  # an error if it is too small


def test_the_study_of_distillation_has_every_loss_and_both_kinds_of_control():
    study = registry.study("distillation")
    taught = [arm.params for arm in study.arms.values() if arm.method == "distil"]
    losses = set(registry.member("methods", "distil").__dataclass_fields__["loss"].metadata["choices"])
    assert {params["loss"] for params in taught} == losses - {"l1", "paced_curriculum"}  # of numbers, of masks
    assert [params["loss"] for params in taught if params.get("teacher_weights") == "random"]
    assert [params["loss"] for params in taught if params.get("teacher") == ""]
    plan.check(study, "distillation")


def test_parts_of_the_people_are_nested_from_a_twentieth_to_all():
    assert [data.fraction for data in registry.study("data_efficiency").datasets] == [0.05, 0.1, 0.25, 0.5, 1.0]


@pytest.mark.slow
def test_the_main_comparison_is_proven_on_six_phantoms_in_ten_minutes_of_two_cores():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, "-m", "bench", "run", "--study", "main_comparison", "--smoke", "--phantoms"]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2 * 600
