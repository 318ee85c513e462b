"""Every form of a baseline learns a fixed batch, and judges each scan by itself. The default forms: test_contracts."""

from __future__ import annotations

import pytest
import torch
from learnable_methods import (
    AGE,
    FLAT,
    MASK,
    SHAPES,
    SMALL,
    TWO,
    batch_of,
    built,
    form,
    loss,
    shape_after_view,
    trained,
)

from bench.method import outputs
from bench.registry import make

VIT = {"patch_size": 8, "hidden_size": 24, "mlp_dim": 16, "num_layers": 1, "num_heads": 2}
THIN = {  # an EfficientNet of three stages: repeats, kernel, stride, expansion, channels
    "blocks_args_str": ["r1_k3_s11_e1_i32_o16_se0.25", "r2_k3_s22_e6_i16_o24_se0.25", "r2_k5_s22_e6_i24_o40_se0.25"],
    "width_coefficient": 0.5,
}
FORMS = {
    "densenet": ("monai3d", {"network": "DenseNet", "options": {"block_config": (2, 2), "init_features": 16}}),
    "se-resnet": ("monai3d", {"network": "SEResNet50", "options": {"layers": (1, 1, 1, 1)}}),
    "vit": ("monai3d", {"network": "ViT", "options": VIT}),
    "efficientnet": ("monai3d", {"network": "EfficientNet", "options": THIN}),
    "sfcn by the number": ("sfcn", {"channels": (8, 16, 16), "dropout": 0.0, "loss": "l1"}),
    "early fusion": ("fuseme", {**SMALL, "fusion": "early"}),
    "three networks": ("fuseme", {**SMALL, "shared": False}),
    "attention": ("slices", {**SMALL, "slices": 4, "aggregate": "attention"}),
    "transformer": ("slices", {**SMALL, "slices": 4, "aggregate": "transformer", "units": 32}),
    "inflated": ("timm3d", {**FLAT, "conversion": "inflated"}),
    "last stage": ("timm2d", {**SMALL, "train": "last"}),
    "linear probe": ("timm2d", {**SMALL, "train": "head"}),
    "dynunet": ("monaiseg", {"network": "DynUNet", "width": 8, "patch": (9, 16, 16)}),
    "patches": ("monaiseg", {"patch": (9, 99, 12), "options": {"blocks_down": (1, 1), "blocks_up": (1,)}}),
}
READERS = [case for case, (name, _) in FORMS.items() if name != "monaiseg"]


def scans(case, task):
    """The method of a case, and a batch of small volumes as its view shows them."""
    name, params = FORMS[case]
    method = make("methods", name, params)
    shape = SHAPES["image" if name == "timm2d" else "volume"]
    return method, batch_of(method, task, shape_after_view(method, task, shape), 2 if task is MASK else 4)


@pytest.mark.parametrize("case", FORMS)
def test_twenty_steps_on_one_batch_lower_its_loss_in_eval_mode(case):
    for task in (TWO, AGE) if case in READERS else (MASK,):
        method, batch = scans(case, task)
        model, before, _ = trained(method, batch, 20, 1e-2 if case == "linear probe" else None)
        assert loss(method, model, batch) < before, task.kind


@pytest.mark.parametrize("case", READERS)
def test_a_scan_is_judged_by_itself_when_it_is_evaluated(case):
    """No split is normalised by its own statistics, and no scan by those of its batch."""
    method, batch = scans(case, TWO)
    model = trained(method, batch, 1)[0].eval()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    with torch.no_grad():
        together, alone = model(batch.x), torch.cat([model(scan[None]) for scan in batch.x])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key


@pytest.mark.parametrize("case", [case for case in READERS if case != "linear probe"])
def test_the_features_that_are_handed_on_are_those_that_classify(case):
    """A loss of the features reaches the weights that the logits come from: nothing is a copy."""
    method, batch = scans(case, TWO)
    model = built(method, batch).train()
    result = outputs(model, batch.x)
    wanted = [one for one in model.parameters() if one.requires_grad]
    by_features = torch.autograd.grad(result.features.square().sum(), wanted, retain_graph=True, allow_unused=True)
    by_logits = torch.autograd.grad(result.logits.square().sum(), wanted, allow_unused=True)
    reached = [one is not None for one in by_features]
    assert sum(reached) >= sum(one is not None for one in by_logits) - 2  # all but the last layer's own two


@pytest.mark.parametrize("train", ["head", "last"])
def test_what_is_frozen_does_not_move_and_neither_do_its_statistics(train):
    method = make("methods", "timm2d", {**SMALL, "train": train})
    batch = batch_of(method, TWO, SHAPES["image"])
    model = built(method, batch)
    start = {key: value.clone() for key, value in model.state_dict().items()}
    descent = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-2)
    for _ in range(2):
        method.step(model.train(), batch).mean().backward()
        descent.step()
    moved = {key.partition(".")[0] for key, value in model.state_dict().items() if not torch.equal(value, start[key])}
    assert moved == {"fc"} | ({"layer4"} if train == "last" else set())


def test_all_layers_are_trained_by_default():
    model = built(form("timm2d"), batch_of(form("timm2d"), TWO, SHAPES["image"]))
    assert all(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("vit_tiny_patch16_224", {"depth": 2, "embed_dim": 24, "num_heads": 2}),
        ("convnext_atto", {"depths": (1, 1, 1, 1), "dims": (8, 12, 16, 24)}),
    ],
)
def test_the_last_stage_of_other_networks_is_found(network, options):
    model = make("methods", "timm2d", {"network": network, "options": options, "train": "last"}).build(TWO, (3, 32, 32))
    free = {name.rpartition(".")[0] for name, weight in model.named_parameters() if weight.requires_grad}
    last = "blocks.1" if "vit" in network else "stages.3"
    assert {name for name in free if name.startswith(last)}
    assert not {name for name in free if name.startswith(("blocks.0", "stages.2", "stem", "patch_embed"))}
