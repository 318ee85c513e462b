"""Burduja and Ionescu's curricula and base network as published, and faults of released code that are absent here."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from baselines._vtn_network import affine_field, determinant_loss, orthogonality_loss
from bench import registry
from bench.core import Task
from bench.curriculum import Signals, Stage
from bench.data.registration_kind import REGISTRATION
from bench.method import Batch
from bench.method.registration_losses import warped
from bench.training.curriculum_hooks import apply_to_batch, encoder_convolutions, stage_hooks

PAIRS = Task(REGISTRATION, "region_dice", ("background", "structure"))
SHAPE = (2, 17, 18, 16)
NOTHING = Signals(torch.zeros(1))
STEPS = 40_000  # two epochs of 20,000


def stage(name, step, **params) -> Stage:
    return registry.make("curricula", name, params).at(step / STEPS, NOTHING)


@pytest.mark.parametrize("step", [0, 1, 5_000, 10_000, 19_999, 20_000, 39_999])
def test_blur_and_smoothing_fall_in_a_line_over_the_first_half(step):
    published = max(0.0, 1 - step / 20_000)
    assert stage("input_blur", step).blur == pytest.approx(published)
    smooth = stage("feature_smoothing", step, course="linear", where="encoder")
    assert (smooth.map_blur, smooth.encoder_only) == (pytest.approx(published), True)


@pytest.mark.parametrize("step", [0, 4_000, 20_000, 39_999])
def test_dropout_grows_as_published_and_the_annealed_control_is_the_reverse(step):
    params = {"features": 0.0, "maps": 0.25}
    published = 0.25 * (1 - math.exp(-10 * step / STEPS))
    assert stage("curriculum_dropout", step, **params).drop_maps == pytest.approx(published)
    annealed = stage("curriculum_dropout", step, **params, schedule="annealed").drop_maps
    assert annealed == pytest.approx(0.25 - published)
    assert stage("curriculum_dropout", 0, **params).drop_maps == 0


def test_the_controls_of_the_blur_grow_or_stay():
    assert [stage("input_blur", step, course="growing").blur for step in (0, 20_000, 30_000)] == [0, 0, 0.5]
    assert {stage("input_blur", step, course="constant").blur for step in (0, 39_999)} == {1.0}


@pytest.mark.parametrize("step", [0, 4_000, 20_000, 30_000, 39_000])
def test_the_control_of_smoothing_is_the_same_course_in_reverse(step):
    growing = stage("feature_smoothing", step, course="growing", where="encoder")
    falling = stage("feature_smoothing", STEPS - step, course="linear", where="encoder")
    assert (growing.map_blur, growing.encoder_only) == (pytest.approx(falling.map_blur), True)


def test_both_scans_of_a_pair_are_blurred_alike():
    one = torch.randn(1, 1, 9, 9, 9)
    x, _ = apply_to_batch(torch.cat([one, one], 1), torch.zeros(1, 2, 9, 9, 9), stage("input_blur", 0))
    torch.testing.assert_close(x[:, 0], x[:, 1])
    assert float(x.std()) < 0.5 * float(one.std())


def cascade(**params):
    torch.manual_seed(0)
    method = registry.make("methods", "recursive_cascade", {"width": 2, **params})
    return method, method.build(PAIRS, (2, 128, 128, 128) if "levels" in params else SHAPE)


def test_ten_convolutions_of_the_encoder_are_smoothed_and_none_of_the_stem_or_the_decoder():
    _, model = cascade(levels=6)
    inside = {id(layer) for layer in model.stages[0].encoder.modules()}
    layers = encoder_convolutions(model)
    assert len(layers) == 10
    assert {id(layer) for layer in layers} <= inside


@pytest.mark.parametrize("name", ["voxelmorph", "localnet", "recursive_cascade"])
def test_smoothing_of_the_encoder_changes_the_training_step_and_not_the_evaluated_network(name):
    torch.manual_seed(0)
    model = registry.make("methods", name).build(PAIRS, SHAPE)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    x, seen = torch.randn(1, *SHAPE), []
    with torch.no_grad():
        plain = model.eval()(x)
        with stage_hooks(model, Stage(map_blur=1.0, encoder_only=True)):
            seen.append(model(x))
        torch.testing.assert_close(model(x), plain, rtol=0, atol=0)
    assert float((seen[0] - plain).abs().max()) > 1e-6
    curriculum = registry.make("curricula", "feature_smoothing", {"where": "encoder"})
    assert curriculum.refuses(registry.make("methods", name), PAIRS, SHAPE) is None


def test_a_network_that_names_no_encoder_is_refused():
    curriculum, method = registry.make("curricula", "feature_smoothing", {"where": "encoder"}), "vgg3d"
    task = Task("classification", "auc", ("a", "b"))
    reason = curriculum.refuses(registry.make("methods", method), task, (1, 32, 32, 32))
    assert "does not say which" in reason


def test_every_cascade_has_weights_of_its_own_and_reads_what_the_others_warped():
    sizes = [sum(weight.numel() for weight in cascade(cascades=count)[1].parameters()) for count in (1, 2, 3)]
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0] > 0
    _, model = cascade(cascades=2)
    seen = []
    model.stages[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.02)
    x = torch.randn(1, 2, 16, 16, 16)
    model.train()(x)
    matrix, fields = model.take_parts()
    assert (matrix.shape, len(fields)) == ((1, 3, 3), 2)
    _, shift = model.stem(x)
    first = warped(affine_field(matrix, shift, x.shape[2:]), fields[0]) + fields[0]
    torch.testing.assert_close(seen[0][:, 1:], warped(x[:, 1:], first), atol=1e-5, rtol=1e-4)


def test_only_the_last_warped_scan_is_compared_and_the_affine_matrix_is_kept_near_a_rotation():
    turn = torch.from_numpy(Rotation.from_euler("xyz", [0.3, -0.2, 0.5]).as_matrix()).float()[None]
    assert float(determinant_loss(turn)) == pytest.approx(0, abs=1e-6)
    assert float(orthogonality_loss(turn)) == pytest.approx(0, abs=1e-3)
    stretched = turn @ torch.diag(torch.tensor([2.0, 1.0, 1.0]))
    assert float(determinant_loss(stretched)) == pytest.approx(1, abs=1e-5)
    assert float(orthogonality_loss(stretched)) == pytest.approx(4 + 1 / 4 - 2, abs=1e-2)  # squared singular value 4
    method, model = cascade()
    batch = Batch(torch.randn(2, *SHAPE), torch.zeros(2, 2, *SHAPE[1:]), torch.arange(2), PAIRS)
    losses = method.step(model.train(), batch)
    expected = batch.terms["unlikeness"] + batch.terms["roughness"]
    torch.testing.assert_close(losses.detach(), expected, atol=1e-4, rtol=1e-4)  # the matrix is the identity at first


def test_an_affine_field_moves_voxels_about_the_middle():
    matrix = torch.eye(3)[None] * 1.5
    field = affine_field(matrix, torch.tensor([[0.0, 0.5, 0.0]]), torch.Size((5, 7, 9)))
    assert field.shape == (1, 3, 5, 7, 9)
    np.testing.assert_allclose(field[0, :, 2, 3, 4], [0, 1.5, 0], atol=1e-6)  # half of half an edge of six voxels
    np.testing.assert_allclose(field[0, :, 4, 3, 4], [1, 1.5, 0], atol=1e-6)
