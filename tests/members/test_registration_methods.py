"""Methods of registration: their losses, their fields, the networks of MONAI that they hold, and their order."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from monai.losses import BendingEnergyLoss, DiffusionLoss, GlobalMutualInformationLoss
from monai.networks.blocks import Warp
from monai.networks.nets import LocalNet as MonaiLocalNet
from monai.networks.nets import VoxelMorph, VoxelMorphUNet

from bench import registry
from bench.core import Task
from bench.data.registration_kind import REGISTRATION
from bench.evaluation.metrics import metric
from bench.method import Batch, label_losses, why_refused
from bench.method.registration_losses import (
    SIMILARITIES,
    bending_energy,
    composed,
    integrated,
    mutual_information,
    pearson,
    squared_gradient,
    warped,
)

PAIRS = Task(REGISTRATION, "region_dice", ("background", "structure"))
SHAPE = (2, 13, 12, 11)
NAMES = [
    name
    for name in registry.names("methods")
    if why_refused(registry.make("methods", name), PAIRS, (1, 13, 12, 11)) is None
]
LEARNT = [name for name in NAMES if not registry.member("methods", name).solves]
SMALL = {
    "affine": {"iterations": 3},
    "demons": {"iterations": 3},
    "bspline": {"iterations": 1, "cells": 2},
    "syn": {"iterations": 3, "shrink": (1,), "radius": 1},
    "localnet": {"levels": (0, 1), "width": 4},
    "recursive_cascade": {"width": 4},
}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def smooth(size=12, strength=3.0):
    field = torch.nn.functional.interpolate(draw(1, 3, 4, 4, 4), (size,) * 3, mode="trilinear", align_corners=True)
    return strength * field


def built(name, **params):
    torch.manual_seed(0)
    method = registry.make("methods", name, SMALL.get(name, {}) | params)
    return method, method.build(PAIRS, SHAPE)


def batch(pairs=2):
    return Batch(draw(pairs, *SHAPE), torch.zeros(pairs, 2, *SHAPE[1:], dtype=torch.int64), torch.arange(pairs), PAIRS)


@pytest.mark.parametrize("name", NAMES)
def test_a_method_returns_a_displacement_of_three_axes_and_the_same_again(name):
    _, model = built(name)
    with torch.no_grad():
        one, again = (model.eval()(batch().x) for _ in range(2))
    assert one.shape == (2, 3, *SHAPE[1:])
    torch.testing.assert_close(one, again, rtol=0, atol=0)


@pytest.mark.parametrize("name", LEARNT)
def test_every_weight_gets_a_gradient_and_steps_make_the_scans_more_alike(name):
    method, model = built(name)
    some, descent = batch(), torch.optim.Adam(model.parameters(), 1e-3)
    some.x[:, 1] = torch.roll(some.x[:, 0], 1, 1)
    some.x.copy_(torch.nn.functional.avg_pool3d(some.x, 3, 1, 1))
    losses = []
    for _ in range(6):
        loss = method.step(model, some)
        assert loss.shape == (2,)
        losses.append(float(loss.detach().mean()))
        descent.zero_grad()
        loss.mean().backward()
        descent.step()
    assert not [key for key, weight in model.named_parameters() if weight.grad is None]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_method_of_registration_refuses_single_scans_and_images(name):
    method = registry.make("methods", name)
    for task in (Task("classification", "auc", ("a", "b")), Task("segmentation", "dice", ("a", "b"))):
        assert "one scan to a sample" in method.refuses(task, (1, 12, 12, 12))
        assert why_refused(method, task, (1, 12, 12, 12))
    assert "volumes" in why_refused(method, PAIRS, (1, 32, 32))
    assert why_refused(method, PAIRS, (1, 12, 12, 12)) is None


@pytest.mark.parametrize(
    ("kind", "params", "shape", "says"),
    [
        ("localnet", {"levels": [0, 9]}, (2, 20, 24, 20), "divide each axis by 512, and the volumes have 20 voxels"),
        ("voxelmorph", {"channels": [4] * 20}, (2, 20, 24, 20), "divide each axis by 1024"),
        *((name, {}, (2, 9, 3, 9), "SimpleITK blurs volumes of 4 voxels") for name in ("affine", "demons", "bspline")),
    ],
)
def test_volumes_that_are_too_small_are_refused_before_any_is_aligned(kind, params, shape, says):
    assert says in registry.make("methods", kind, params).refuses(PAIRS, shape)
    assert registry.make("methods", kind).refuses(PAIRS, (2, 12, 12, 12)) is None


@pytest.mark.parametrize("name", [name for name in registry.names("methods") if name not in (*NAMES, "syn")])
def test_every_other_method_refuses_pairs_with_a_reason(name):
    method = registry.make("methods", name)
    assert "aligns two" in why_refused(method, PAIRS, (1, 32, 32, 32))


def test_the_default_u_net_has_as_many_weights_as_that_of_monai():
    def count(model):
        return sum(weight.numel() for weight in model.parameters())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the warp has no compiled form
        twin = VoxelMorph(VoxelMorphUNet(3, 2, 32, (16, 32, 32, 32, 32, 32), (16, 16)), integration_steps=0)
    assert count(built("voxelmorph")[1]) == count(twin)


def test_the_default_local_net_has_as_many_weights_as_that_of_monai():
    ours, theirs = registry.make("methods", "localnet").build(PAIRS, SHAPE), MonaiLocalNet(3, 2, 16, (0, 1, 2, 3))
    assert sum(each.numel() for each in ours.parameters()) == sum(each.numel() for each in theirs.parameters())


def test_a_deep_displacement_of_local_net_has_no_blocks_of_equal_voxels():
    torch.manual_seed(0)
    network = registry.make("methods", "localnet", {"levels": (2,), "width": 4}).build(PAIRS, (2, 16, 16, 16))
    field = network(draw(1, 2, 16, 16, 16))
    inner = field[..., 2:-2]  # where linear interpolation does not end at a border
    assert (inner.diff(dim=-1) == 0).float().mean() < 0.01  # voxels repeated four times: 3 of 4 neighbours are equal


def test_scans_are_warped_as_by_monai():
    image, field = draw(2, 1, 9, 8, 7), 0.7 * draw(2, 3, 9, 8, 7, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the warp has no compiled form
        expected = Warp("bilinear", "border")(image, field)
    torch.testing.assert_close(warped(image, field), expected, rtol=1e-4, atol=1e-5)


def test_penalties_are_those_of_monai_and_correlation_that_of_numpy():
    field = draw(2, 3, 9, 8, 7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, on how it indexes
        for ours, theirs in ((squared_gradient, DiffusionLoss()), (bending_energy, BendingEnergyLoss())):
            expected = [float(theirs(each[None])) for each in field]
            torch.testing.assert_close(ours(field), torch.tensor(expected))
        one, other = draw(1, 1, 9, 8, 7).sigmoid(), draw(1, 1, 9, 8, 7, seed=1).sigmoid()
        unit = [(each - each.min()) / (each.max() - each.min()) for each in (one, other)]
        expected = float(GlobalMutualInformationLoss()(unit[1], unit[0]))
    assert float(mutual_information(one, other)) == pytest.approx(expected, rel=1e-4)
    expected = 1 - np.corrcoef(one.numpy().ravel(), other.numpy().ravel())[0, 1]
    assert float(pearson(one, other)) == pytest.approx(expected, rel=1e-4)


def test_penalties_of_fields_whose_derivatives_are_known():
    x, y, _ = np.indices((7, 8, 9)).astype(np.float32)
    field = torch.zeros(1, 3, 7, 8, 9)
    field[0, 0] = torch.from_numpy(3 * x)
    assert float(squared_gradient(field)) == pytest.approx(9 / 3)  # a mean over three components
    assert float(bending_energy(field)) == pytest.approx(0, abs=1e-9)
    field[0, 0] = torch.from_numpy(x * y)
    assert float(bending_energy(field)) == pytest.approx(2 / 3)  # the mixed derivative, 1, counts twice


@pytest.mark.parametrize("name", SIMILARITIES)
def test_a_scan_is_most_alike_to_itself(name):
    image = torch.nn.functional.avg_pool3d(draw(2, 1, 14, 14, 14), 3, 1)
    same, other = (SIMILARITIES[name](image, each) for each in (image, image.flip(2)))
    assert same.shape == (2,)
    assert (same < other).all()


def test_a_velocity_gives_a_deformation_without_folds_that_the_negative_velocity_undoes():
    velocity = smooth()
    there, back = integrated(velocity), integrated(-velocity)
    y = np.zeros((1, 5, 12, 12, 12), np.float32)
    assert metric("folded")(y, velocity.numpy()) > 0  # as a displacement it would fold
    assert metric("folded")(y, there.numpy()) == 0
    both = composed(there, back)
    inner = (slice(None), slice(None), *[slice(4, -4)] * 3)
    assert float(both[inner].abs().mean()) < 0.2 * float(there[inner].abs().mean())


def test_one_deformation_after_another_warps_as_both_do():
    first, second = smooth(12, 0.5), smooth(12, 0.5).flip(2)
    image = torch.nn.functional.interpolate(draw(1, 1, 3, 3, 3), (12,) * 3, mode="trilinear", align_corners=True)
    inner = (slice(None), slice(None), *[slice(3, -3)] * 3)
    once = warped(image, composed(first, second))[inner]
    torch.testing.assert_close(once, warped(warped(image, first), second)[inner], atol=0.1, rtol=0)


def test_a_wrong_output_is_named_and_labels_do_not_enter_the_loss():
    some = batch()
    with pytest.raises(ValueError, match="must be a displacement"):
        label_losses(torch.zeros(2, 2, 13, 12, 11), some)
    losses = label_losses(torch.zeros(2, 3, 13, 12, 11), some)
    some.y.fill_(1)
    torch.testing.assert_close(label_losses(torch.zeros(2, 3, 13, 12, 11), some), losses)


def test_flat_scans_stay_where_they_are():
    for name in ("affine", "demons", "bspline"):
        assert float(built(name)[1](torch.ones(1, *SHAPE)).abs().max()) == 0


STARTED = {
    "voxelmorph": ({"channels": (4, 4, 4, 4), "last": (4,)}, "affine"),
    "localnet": ({"levels": (0, 1), "width": 4}, "affine"),
    "recursive_cascade": ({"width": 4, "levels": 2, "affine": False}, "solved"),
}


@pytest.mark.parametrize("name", STARTED)
def test_an_affine_start_is_the_affine_map_and_what_the_network_adds_to_it(name):
    made = registry.make("datasets", "phantom_pairs", {"mm": 12.0, "effect": 1.5, "subjects": 2})
    scans = torch.from_numpy(np.stack([sample.read().image for sample in made.samples(None)]).astype(np.float32))
    x = ((scans - scans.mean()) / scans.std()).reshape(1, 2, *made.shape[1:])
    params, start = STARTED[name]
    plain, started = (registry.make("methods", name, {**params, start: on}) for on in (False, True))
    torch.manual_seed(0)
    bare = plain.build(made.task, x.shape[1:]).eval()
    torch.manual_seed(0)
    model = started.build(made.task, x.shape[1:]).eval()
    assert bare.state_dict().keys() == {key.removeprefix("aligner.") for key in model.state_dict()}
    first = torch.from_numpy(registry.make("methods", "affine").build(made.task, x.shape[1:])(x).numpy())
    with torch.no_grad():
        torch.testing.assert_close(model(x), first, atol=0.02, rtol=0)  # voxels; untrained, it adds nearly nothing
        for weight, other in zip(bare.parameters(), model.parameters(), strict=True):
            weight.copy_(other.copy_(other + 0.05))
        moved = torch.cat([x[:, :1], warped(x[:, 1:], first)], dim=1)
        torch.testing.assert_close(model(x), composed(first, bare(moved)), atol=0.02, rtol=0.01)
    loss = started.step(model.train(), Batch(x, torch.zeros(1, 2), torch.arange(1), made.task))
    loss.mean().backward()
    assert not [key for key, weight in model.named_parameters() if weight.grad is None]
