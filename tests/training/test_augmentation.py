"""Augmentation: flips of whole scans, small affine changes against scipy, the same numbers from the same seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform

from bench.method import Method
from bench.training import augmentation as module
from bench.training.augmentation import KINDS, augment

SHAPES = [(6, 2, 9, 12), (6, 1, 7, 10, 8)]


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_seed_gives_the_same_scans_and_leaves_the_input_alone(shape: tuple[int, ...], kind: str) -> None:
    x = torch.rand(shape)
    original = x.clone()
    once, again, other = (augment(x, kind, rng(seed), 0) for seed in (1, 1, 2))
    assert torch.equal(once, again)
    assert torch.equal(x, original)
    assert once.shape == x.shape
    assert torch.equal(once, other) == (kind == "none")


def test_the_kinds_are_those_a_method_may_name() -> None:
    assert Method.__dataclass_fields__["augment"].metadata["choices"] == KINDS
    with pytest.raises(ValueError, match="no augmentation 'flp'"):
        augment(torch.rand(1, 1, 4, 4), "flp", rng())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flip_turns_whole_scans_round_along_the_axis(axis: int) -> None:
    x = torch.rand(400, 1, 2, 3, 2)
    y = augment(x, "flip", rng(), axis)
    turned = (y == x.flip(2 + axis)).flatten(1).all(1)
    same = (y == x).flatten(1).all(1)
    assert bool((turned ^ same).all())
    assert 150 < int(turned.sum()) < 250


def test_a_view_without_left_and_right_is_not_flipped() -> None:
    x = torch.rand(8, 1, 4, 4)
    assert torch.equal(augment(x, "flip", rng(), None), x)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_change_at_all_gives_the_scan_itself(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROTATION", "SHIFT", "SCALE", "INTENSITY"):
        monkeypatch.setattr(module, name, 0.0)
    x = torch.rand(shape)
    torch.testing.assert_close(augment(x, "affine", rng()), x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_intensities_change_by_one_factor_a_scan(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROTATION", "SHIFT", "SCALE"):
        monkeypatch.setattr(module, name, 0.0)
    x = torch.rand(shape) + 1
    factors = (augment(x, "affine", rng()) / x).flatten(1)
    assert float((factors - factors[:, :1]).abs().max()) < 1e-4
    assert len(set(factors[:, 0].tolist())) == len(x)
    assert bool(((factors > 0.9) & (factors < 1.1)).all())


@pytest.mark.parametrize(("sizes", "angles"), [((9, 14), [0.5]), ((7, 10, 8), [0.4, -0.3, 0.2])], ids=["2d", "3d"])
def test_a_scan_is_rotated_scaled_and_moved_as_scipy_does_it(
    sizes: tuple[int, ...], angles: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rigid in voxels whatever the sizes: the matrix is a rotation over a scale, about the centre."""
    rank, scale, shift = len(sizes), 1.1, [0.06, -0.1, 0.03][: len(sizes)]
    dealt = iter([torch.tensor([angles]), torch.tensor([shift]), torch.tensor([[scale - 1]]), torch.zeros(1, 1)])
    monkeypatch.setattr(module, "_about_zero", lambda *_: next(dealt))
    x = np.random.default_rng(0).normal(size=sizes)
    moved = augment(torch.from_numpy(x).float()[None, None], "affine", rng())[0, 0].numpy()
    rotation = _rotation(angles)  # of (last axis, ..., first axis)
    assert np.allclose(rotation @ rotation.T, np.eye(rank))
    matrix = rotation[::-1, ::-1] / scale
    centre = (np.array(sizes) - 1) / 2
    offset = centre + np.array(shift[::-1]) * sizes - matrix @ centre
    np.testing.assert_allclose(moved, affine_transform(x, matrix, offset, order=1, mode="nearest"), atol=2e-4)


def _rotation(angles: list[float]) -> np.ndarray:
    planes = [(0, 1)] if len(angles) == 1 else [(1, 2), (0, 2), (0, 1)]
    size = 2 if len(angles) == 1 else 3
    turned = np.eye(size)
    for angle, (a, b) in zip(angles, planes, strict=True):
        one = np.eye(size)
        one[[a, b], [a, b]] = np.cos(angle)
        one[a, b], one[b, a] = -np.sin(angle), np.sin(angle)
        turned = turned @ one
    return turned
