"""Every trained baseline learns a fixed batch, is the same under a seed, and stays itself when it is stored."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_model, save_model

from bench.core import Task
from bench.method import Batch, Method, label_losses, outputs
from bench.registry import make

TWO = Task("classification", "auc", ("a", "b"))
AGE = Task("regression", "mae", unit="years")
MASK = Task("segmentation", "dice", ("background", "vessel"))
SMALL = {"network": "resnet10t", "options": {"channels": (16, 24, 32, 48), "stem_width": 8}}
PLAIN = {"network": "resnet18", "options": {"layers": (1, 1, 1, 1), "channels": (16, 24, 32, 48)}}
MOVED = ("batch", {"momentum": 0.1})  # its own is 0.01: statistics of twenty steps would hardly count in eval mode
VIT = {"patch_size": 8, "hidden_size": 24, "mlp_dim": 16, "num_layers": 1, "num_heads": 2}
VOLUME, IMAGE = (1, 16, 18, 15), (3, 32, 30)
CASES = {
    "resnet": ("monai3d", {"network": "resnet10"}, VOLUME, ()),
    "densenet": ("monai3d", {"network": "DenseNet121", "options": {"block_config": (2, 2)}}, VOLUME, ()),
    "se-resnet": ("monai3d", {"network": "SEResNet50", "options": {"layers": (1, 1, 1, 1)}}, VOLUME, ()),
    "vit": ("monai3d", {"network": "ViT", "options": VIT}, VOLUME, ()),
    "efficientnet": (
        "monai3d",
        {"network": "EfficientNetBN", "options": {"model_name": "efficientnet-b0", "norm": MOVED}},
        (1, 32, 36, 32),
        (),
    ),
    "sfcn": ("sfcn", {"channels": (8, 16, 16), "dropout": 0.0}, VOLUME, ()),
    "sfcn by the number": ("sfcn", {"channels": (8, 16, 16), "dropout": 0.0, "loss": "l1"}, VOLUME, ()),
    "vgg": ("vgg3d", {"dropout": 0.0}, VOLUME, ()),
    "weighted pooling": ("weighted_pooling", SMALL, VOLUME, ()),
    "early fusion": ("fuseme", {**SMALL, "fusion": "early"}, VOLUME, ()),
    "joint fusion": ("fuseme", SMALL, VOLUME, ()),
    "three networks": ("fuseme", {**SMALL, "shared": False}, VOLUME, ()),
    "gated attention": ("slices", {**SMALL, "slices": 4}, VOLUME, ()),
    "transformer": ("slices", {**SMALL, "slices": 4, "aggregate": "transformer", "units": 32}, VOLUME, ()),
    "acs": ("timm3d", PLAIN, VOLUME, ()),
    "inflated": ("timm3d", {**PLAIN, "conversion": "inflated"}, VOLUME, ()),
    "timm2d": ("timm2d", SMALL, IMAGE, ()),
    "last stage": ("timm2d", {**SMALL, "train": "last"}, IMAGE, ()),
    "segresnet": ("monaiseg", {}, VOLUME, (0,)),
    "dynunet": ("monaiseg", {"network": "DynUNet", "width": 8}, VOLUME, (0,)),
    "patches": ("monaiseg", {"patch": (8, 99, 12)}, VOLUME, (0,)),
    "unet": ("unet3d", {"channels": (8, 16)}, VOLUME, (0,)),
}


def batch_of(shape, task: Task) -> Batch:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(4, *shape, generator=draw)
    y = torch.tensor([0, 1, 1, 0])
    if task is MASK:
        y = (x[:, 0] > 0.5).long()
    else:
        x = x + y.reshape(-1, *[1] * len(shape))
    return Batch(x, y.float() - 0.5 if task is AGE else y, torch.arange(4), task)


def trained(method: Method, batch: Batch, steps: int, lr: float = 1e-3) -> tuple[torch.nn.Module, float]:
    """The network after so many steps on one batch, and its loss in eval mode before them."""
    torch.manual_seed(1)
    model = method.build(batch.task, tuple(batch.x.shape[1:]))
    torch.manual_seed(2)
    before = loss(method, model, batch)
    descent = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=lr)
    for _ in range(steps):
        model.train()
        descent.zero_grad()
        method.step(model, batch).mean().backward()
        descent.step()
    return model, before


def loss(method: Method, model: torch.nn.Module, batch: Batch) -> float:
    """The method's own loss; of masks that of the whole scans, which patches are drawn from."""
    with torch.no_grad():
        model.eval()
        own = label_losses(model(batch.x), batch) if batch.task is MASK else method.step(model, batch)
        return float(own.mean())


@pytest.mark.parametrize("case", CASES)
def test_twenty_steps_on_one_batch_lower_its_loss_in_eval_mode(case):
    name, params, shape, masks = CASES[case]
    method = make("methods", name, params)
    for task in (MASK,) if masks else (TWO, AGE):
        batch = batch_of(shape, task)
        model, before = trained(method, batch, 20)
        assert loss(method, model, batch) < before, task.kind


@pytest.mark.parametrize("case", CASES)
def test_a_seed_decides_all_and_a_stored_network_is_the_same(case, tmp_path):
    name, params, shape, masks = CASES[case]
    method = make("methods", name, params)
    batch = batch_of(shape, MASK if masks else AGE)
    model, _ = trained(method, batch, 2)
    again, _ = trained(method, batch, 2)
    with torch.no_grad():
        said = model.eval()(batch.x)
        torch.testing.assert_close(again.eval()(batch.x), said, rtol=0, atol=0)
        save_model(model, str(tmp_path / "m.safetensors"))
        torch.manual_seed(9)
        fresh = method.build(batch.task, shape)
        load_model(fresh, str(tmp_path / "m.safetensors"))
        torch.testing.assert_close(fresh.eval()(batch.x), said, rtol=0, atol=0)


@pytest.mark.parametrize("case", [case for case, (_, _, _, masks) in CASES.items() if not masks])
def test_a_scan_is_judged_by_itself_when_it_is_evaluated(case):
    """No split is measured by its own statistics, and no scan by those that happen to lie beside it."""
    name, params, shape, _ = CASES[case]
    batch = batch_of(shape, TWO)
    model, _ = trained(make("methods", name, params), batch, 1)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    with torch.no_grad():
        together, alone = model.eval()(batch.x), torch.cat([model(scan[None]) for scan in batch.x])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key


@pytest.mark.parametrize("case", [case for case, (_, _, _, masks) in CASES.items() if not masks])
def test_the_features_that_are_handed_on_are_those_that_classify(case):
    """A loss of the features reaches the weights that the logits come from: nothing is a copy."""
    name, params, shape, _ = CASES[case]
    batch = batch_of(shape, TWO)
    torch.manual_seed(0)
    model = make("methods", name, params).build(TWO, shape).train()
    said = outputs(model, batch.x)
    wanted = [one for one in model.parameters() if one.requires_grad]
    by_features = torch.autograd.grad(said.features.square().sum(), wanted, retain_graph=True, allow_unused=True)
    by_logits = torch.autograd.grad(said.logits.square().sum(), wanted, allow_unused=True)
    reached = [one is not None for one in by_features]
    assert sum(reached) >= sum(one is not None for one in by_logits) - 2  # all but the last layer's own two
