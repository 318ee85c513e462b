"""The phantom of registration: the true displacement aligns two people, and can be inverted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from bench import registry
from bench.datasets import _deformation
from bench.evaluation.metrics import metric

MM = 8.0


@pytest.fixture(scope="module")
def strong():
    made = registry.make("datasets", "phantom_pairs", {"mm": MM, "effect": 2.0, "noise": 0.0, "subjects": 4})
    return made, {sample.id: sample.read() for sample in made.samples(None)}


def pair(strong, fixed, moving):
    made, scans = strong
    one, other = f"phantom-{fixed:04d}", f"phantom-{moving:04d}"
    return scans[one], scans[other], made.true_displacement(one, other)


@pytest.mark.parametrize("people", [(0, 1), (1, 0), (2, 3)])
def test_the_true_displacement_makes_one_person_of_another(strong, people):
    fixed, moving, truth = pair(strong, *people)
    here = np.indices(truth.shape[1:])
    warped = map_coordinates(moving.image[0].astype(float), here + truth, order=1, mode="nearest")
    apart, left = (float(np.abs(fixed.image[0] - each).mean()) for each in (moving.image[0].astype(float), warped))
    assert left < apart / 4
    y = np.concatenate([fixed.mask[None], moving.mask[None], truth])[None].astype(np.float32)
    oracle, identity = y[:, 2:], np.zeros_like(y[:, 2:])
    assert metric("endpoint_error")(y, oracle, (MM,) * 3) == 0
    assert metric("endpoint_error")(y, identity, (MM,) * 3) > 1.5 * MM
    assert metric("region_dice")(y, oracle) > 1.3 * metric("region_dice")(y, identity)
    assert metric("folded")(y, oracle) == 0


def test_the_way_there_and_back_ends_where_it_began(strong):
    _, _, there = pair(strong, 0, 1)
    _, _, back = pair(strong, 1, 0)
    here = np.indices(there.shape[1:])
    ends = there + _deformation.at(back, here + there)
    inner = (slice(None), *[slice(5, -5)] * 3)
    assert np.abs(ends[inner]).max() < 0.25  # voxels, of displacements of several


def test_without_effect_all_heads_are_alike():
    made = registry.make("datasets", "phantom_pairs", {"mm": 12.0, "effect": 0.0, "noise": 0.0, "subjects": 2})
    one, other = (sample.read() for sample in made.samples(None))
    np.testing.assert_array_equal(one.image, other.image)
    assert np.abs(made.true_displacement("phantom-0000", "phantom-0001")).max() == 0


def test_an_affine_velocity_flows_as_the_matrix_exponential_says():
    from scipy.linalg import expm

    matrix = np.array([[0.02, -0.05, 0.01], [0.04, -0.03, 0.02], [0.0, 0.03, 0.05]])
    shape, shift = (9, 10, 11), (0.3, -0.2, 0.1)
    places = _deformation.flow(_deformation.linear_velocity(matrix, shift, shape))
    whole = np.zeros((4, 4))
    whole[:3, :3], whole[:3, 3] = matrix, shift
    middle = (np.array(shape) - 1) / 2
    away = np.indices(shape)[:, 3:6, 3:7, 3:8].reshape(3, -1) - middle[:, None]
    expected = (expm(whole)[:3, :3] @ away + expm(whole)[:3, 3:]) + middle[:, None]
    np.testing.assert_allclose(places[:, 3:6, 3:7, 3:8].reshape(3, -1), expected, atol=2e-3)
