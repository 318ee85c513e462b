"""Paced-curriculum distillation of masks against its equations worked out by hand, and the faults of released code."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from baselines import _distil_paced

RNG = np.random.default_rng(3)


def tensors(*arrays):
    return [torch.tensor(array) for array in arrays]


def softmax(z, temperature=1.0):
    e = np.exp(z / temperature)
    return e / e.sum(-1, keepdims=True)


def kl(p, q):
    return float(sum(a * np.log(a / b) for a, b in zip(p, q, strict=True)))


def test_svls_leaves_half_of_the_mass_where_it_was():
    for axes, neighbour in ((2, 0.0778), (3, 0.0308)):
        kernel = _distil_paced.kernel(axes)
        centre = (1,) * axes
        assert kernel[centre].item() == pytest.approx(0.5)
        assert kernel.sum().item() == pytest.approx(1)
        assert kernel[(0, *centre[1:])].item() == pytest.approx(neighbour, abs=5e-5)


def test_svls_smooths_labels_at_borders_only():
    y = torch.zeros(1, 5, 5, dtype=torch.int64)
    y[0, 2, 2] = 1
    soft = _distil_paced.spread_labels(y, 3)
    assert soft.shape == (1, 3, 5, 5)
    torch.testing.assert_close(soft.sum(1), torch.ones(1, 5, 5))
    assert soft[0, 1, 2, 2].item() == pytest.approx(0.5)  # alone among its neighbours
    assert soft[0, 1, 1, 2].item() == pytest.approx(0.0778, abs=5e-5)
    torch.testing.assert_close(soft[0, 0, :, 0], torch.ones(5))  # the border of the picture is none of the labels
    two = _distil_paced.spread_labels(torch.cat([y, 1 - y]), 3)
    torch.testing.assert_close(two[:1], soft)
    torch.testing.assert_close(two[1, 0], soft[0, 1])


def test_the_pace_falls_on_a_line_to_zero():
    assert _distil_paced.pace(0.6, 0.0, 0.8) == 0.6
    assert _distil_paced.pace(0.6, 0.4, 0.8) == pytest.approx(0.3)
    assert _distil_paced.pace(0.6, 0.8, 0.8) == 0
    assert _distil_paced.pace(0.6, 0.9, 0.8) == 0


def test_the_threshold_is_the_quantile_of_all_that_was_met():
    met, sure = _distil_paced.Confidences(), torch.tensor(RNG.random((4, 1000)))
    met.meet(sure[:2])
    met.meet(sure[2:])
    for share in (0.25, 0.7):
        threshold = met.threshold(share).item()
        assert threshold == pytest.approx(np.quantile(sure.numpy(), 1 - share), abs=2e-3)
        assert (sure > threshold).double().mean().item() == pytest.approx(share, abs=5e-3)
    certain = _distil_paced.Confidences()
    certain.meet(torch.ones(10))
    assert certain.threshold(0.7).item() < 1  # or nothing would be learnt from a teacher that is always sure


def test_voxel_losses_are_the_mean_over_classes_plus_cross_entropy():
    student, teacher = RNG.normal(size=(2, 3, 2, 2)), RNG.normal(size=(2, 3, 2, 2))
    y = RNG.integers(0, 3, size=(2, 2, 2))
    found = _distil_paced.voxel_losses(*tensors(student, teacher, y), 4.5)
    for scan, row, column in itertools.product(range(2), repeat=3):
        s, t = student[scan, :, row, column], teacher[scan, :, row, column]
        expected = 4.5**2 * kl(softmax(t, 4.5), softmax(s, 4.5)) / 3 - np.log(softmax(s)[y[scan, row, column]])
        assert found[scan, row, column].item() == pytest.approx(expected)


def test_the_weights_of_a_scan_weigh_that_scan_alone():
    losses = torch.arange(8.0).view(2, 2, 2)
    weights = torch.stack([torch.zeros(2, 2), torch.ones(2, 2)])
    torch.testing.assert_close(_distil_paced.paced(losses, weights), torch.tensor([0.0, 5.5]))
    with pytest.raises(ValueError, match="weights of"):
        _distil_paced.paced(losses, weights[:, None])


def test_as_many_voxels_come_first_by_lot_in_each_scan_and_others_at_every_step():
    torch.manual_seed(0)
    y, sure = torch.zeros(2, 40, 40, dtype=torch.int64), torch.full((2, 40, 40), 0.9)
    sure[0, :10], sure[1, :30] = 0.1, 0.1
    drawn = [_distil_paced.weights(sure, y, 2, 0.8, "random") for _ in range(2)]
    assert set(drawn[0].unique().tolist()) == {0.0, 1.0}
    assert drawn[0].mean((1, 2)).tolist() == pytest.approx([0.75, 0.25], abs=0.04)
    assert not torch.equal(*drawn)
    assert abs(float(drawn[0][0, :10].mean()) - 0.75) < 0.1  # also where the teacher doubts


def test_voxels_of_doubt_wait():
    y = torch.zeros(1, 5, 5, dtype=torch.int64)
    y[0, 2, 2] = 1
    sure = torch.full((1, 5, 5), 0.9)
    sure[0, 0, 0] = 0.3
    weights = _distil_paced.weights(sure, y, 2, 0.8)
    assert weights[0, 0, 0] == 0  # the teacher doubts
    assert weights[0, 2, 2] == 0  # its neighbours are of another class
    assert weights[0, 1, 1] == 1
    assert _distil_paced.weights(sure, y, 2, 0.0).all()
    by_teacher, by_labels = (_distil_paced.weights(sure, y, 2, 0.8, by) for by in ("teacher", "labels"))
    assert (by_teacher == 0).nonzero().tolist() == [[0, 0, 0]]
    assert (by_labels[0, 0, 0], by_labels[0, 2, 2]) == (1, 0)
    torch.testing.assert_close(by_teacher * by_labels, weights)
    assert _distil_paced.weights(sure, y, 2, 0.8, "all").all()
    logits = torch.tensor([[[[2.0]], [[0.0]]]])
    chance = _distil_paced.confidence(logits, torch.zeros(1, 1, 1, dtype=torch.int64), 2.0)
    assert chance.item() == pytest.approx(1 / (1 + np.exp(-1)))
