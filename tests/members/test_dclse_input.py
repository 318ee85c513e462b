"""What DCL-SE and its encodings say of scans that they cannot read, and how they read the smallest."""

from __future__ import annotations

import pytest
import torch

from bench.core import Task
from bench.method import Batch
from bench.registry import make
from bench.views import VIEWS, Dynamic, View
from bench.views.layer import RankPooling

AD = Task("classification", "auc", ("healthy", "patient"))
MASKS = Task("segmentation", "dice", ("rest", "artery"))
SMALL = [(1, 1), (5, 7), (31, 3), (32, 32)]


def batch(shape: tuple[int, ...], task: Task, scans: int = 2) -> Batch:
    y = torch.arange(scans) % 2 if task is AD else torch.randint(2, (scans, *shape[1:]))
    return Batch(torch.rand(scans, *shape), y, torch.arange(scans), task)


@pytest.mark.parametrize("task", [AD, MASKS], ids=["classes", "masks"])
def test_a_volume_given_to_the_network_of_images_is_refused(task):
    model = make("methods", "dclse").build(task, (3, 40, 40)).eval()
    message = r"reads images \(B, 3, H, W\), not \(2, 3, 9, 40, 40\); volumes need a view"
    with pytest.raises(ValueError, match=message):
        model(torch.rand(2, 3, 9, 40, 40))
    with pytest.raises(ValueError, match=r"reads images \(B, 3, H, W\), not \(2, 1, 40, 40\)"):
        model(torch.rand(2, 1, 40, 40))


@pytest.mark.parametrize("name", [name for name in VIEWS if name != "image"])
def test_an_image_given_to_an_encoding_is_refused(name):
    view, message = View.parse(name), rf"view {name.replace('+', '.')} needs volumes .*, not scans of \(1, 20, 20\)"
    with pytest.raises(ValueError, match=message):
        view.shape((1, 20, 20), (1.0, 1.0))
    with pytest.raises(ValueError, match=message):
        view(torch.rand(2, 1, 20, 20), (1.0, 1.0))


def test_an_image_given_to_a_network_that_pools_volumes_is_refused():
    with pytest.raises(ValueError, match="view dynamic needs volumes"):
        RankPooling(Dynamic(), (1, 20, 20))
    pools = make("methods", "dclse", {"view": "volume"})
    with pytest.raises(ValueError, match=r"view dynamic needs volumes .*, not scans of \(1, 20, 20\)"):
        pools.build(AD, (1, 20, 20, 20)).eval()(torch.rand(2, 1, 20, 20))
    with pytest.raises(ValueError, match=r"slices of volumes .*, not \(2, 2, 20, 20\)"):
        make("methods", "dclse").build(MASKS, (2, 20, 20, 20)).eval()(torch.rand(2, 2, 20, 20))


@pytest.mark.parametrize("task", [AD, MASKS], ids=["classes", "masks"])
@pytest.mark.parametrize("side", SMALL)
def test_images_of_a_single_last_pixel_are_learnt_from_two_at_a_time(task, side):
    method = make("methods", "dclse", {"auxiliary": True, "fusion": "attention"})
    model = method.build(task, (1, *side)).train()
    losses = method.step(model, batch((1, *side), task))
    losses.mean().backward()
    assert losses.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())
    with torch.no_grad():
        assert model.eval()(torch.rand(1, 1, *side)).isfinite().all()
    message = f"one image of {side[0]} x {side[1]} has a single pixel after C1"
    with pytest.raises(ValueError, match=message):
        method.step(model.train(), batch((1, *side), task, scans=1))


def test_one_image_above_thirty_two_pixels_can_be_learnt_from():
    method = make("methods", "dclse")
    losses = method.step(method.build(AD, (1, 33, 3)).train(), batch((1, 33, 3), AD, scans=1))
    assert losses.isfinite().all()


@pytest.mark.parametrize("params", [{}, {"view": "volume"}], ids=["view", "layer"])
@pytest.mark.parametrize("volume", ["one slice", "zeros", "constant"])
def test_volumes_that_show_nothing_are_learnt_from(params, volume):
    """One slice, all slices zero, one value everywhere: finite losses and gradients, and no division by zero."""
    x = {"one slice": torch.rand(2, 1, 1, 40, 36), "zeros": torch.zeros(2, 1, 9, 40, 36)}
    x["constant"] = torch.full((2, 1, 9, 40, 36), 7.3)
    method = make("methods", "dclse", params)
    image = method.view(x[volume], (2.0,) * 3)
    model = method.build(AD, tuple(image.shape[1:])).train()
    losses = method.step(model, Batch(image, torch.tensor([0, 1]), torch.arange(2), AD))
    losses.mean().backward()
    assert losses.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize(
    ("params", "shape", "warned"),
    [
        ({}, (3, 32, 32), True),
        ({}, (3, 24, 32), True),
        ({}, (3, 33, 20), False),
        ({}, (3, 64, 64), False),
        ({"view": "volume"}, (1, 90, 28, 32), True),  # sagittal slices are pooled: 28 x 32 pixels
        ({"view": "volume"}, (1, 32, 48, 32), False),
        ({}, (7, 20, 30, 30), False),  # slabs of a scan with masks
    ],
)
def test_it_warns_of_images_that_are_too_small_for_it(params, shape, warned):
    assert ("at 32 pixels and below" in make("methods", "dclse", params).remark(shape)) == warned
