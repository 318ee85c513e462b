"""DCL-SE on masks: slice by slice and by projection, windows, what a step learns from, what it reaches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from bench.core import BenchError, Task
from bench.data.prepare import prepare
from bench.data.readers.image_mask_pairs import project_mask
from bench.method import Batch
from bench.registry import make
from dclse.segmenter import SliceBySlice

TASK = Task("segmentation", "dice", ("rest", "artery"))


class Brightness(nn.Module):
    """Two logits that are the first channel and its opposite: what it says of a pixel depends on that pixel alone."""

    def forward(self, x):
        return torch.stack([-x[:, 0], x[:, 0]], 1)


@pytest.mark.parametrize("plane", ["sagittal", "coronal", "axial"])
@pytest.mark.parametrize("window", [0, 8, 64])
def test_slices_are_stacked_where_they_were(plane, window):
    x = torch.randn(2, 2, 11, 13, 9)
    result = SliceBySlice(Brightness(), plane, window).eval()(x)
    torch.testing.assert_close(result[:, 1], x[:, 0])
    torch.testing.assert_close(result[:, 0], -x[:, 0])


def test_half_of_the_slices_of_a_step_hold_a_structure():
    torch.manual_seed(0)
    y = torch.zeros(3, 6, 7, 20, dtype=torch.long)
    y[0, 2, 3, 4] = y[1, 5, 5, 17] = 1  # the third scan has none
    x = torch.stack([y.float(), torch.arange(20.0).expand(3, 6, 7, 20)], 1)
    slices, masks = SliceBySlice(Brightness(), "axial", 0).sample_slices(x, y, 8)
    assert slices.shape == (24, 2, 6, 7)
    assert masks.shape == (3, 8, 6, 7)
    torch.testing.assert_close(slices[:, 0].reshape(masks.shape).long(), masks)  # image and mask of one place
    assert masks[:2, :4].flatten(2).any(2).all()
    assert not masks[2].any()
    where = slices[:, 1, 0, 0].reshape(3, 8)
    assert (where[0, :4] == 4).all()
    assert len(where[:, 4:].unique()) > 4


def test_a_window_is_cut_from_image_and_mask_at_the_same_place():
    y = torch.randint(2, (2, 12, 14, 5))
    slices, masks = SliceBySlice(Brightness(), "axial", 6).sample_slices(y[:, None].float(), y, 4)
    assert slices.shape == (8, 1, 6, 6)
    torch.testing.assert_close(slices[:, 0].reshape(masks.shape).long(), masks)


def test_a_projection_predicts_the_same_for_every_voxel_of_a_line():
    method = make("methods", "dclse", {"masks": "projection"})
    assert method.view_for(TASK).kind_name == "volume"
    model, x = method.build(TASK, (1, 33, 36, 12)).eval(), torch.rand(2, 1, 33, 36, 12)
    with torch.no_grad():
        result = model(x)
    assert result.shape == (2, 2, 33, 36, 12)
    assert torch.equal(result, result[..., :1].expand_as(result))
    images, lines = model.sample_slices(x, torch.randint(2, (2, 33, 36, 12)), 8)
    assert images.shape[2:] == lines.shape[2:] == (33, 36)


def test_the_target_of_a_projection_marks_whole_lines():
    scan = make("datasets", "phantom_artery", {"subjects": 2}).samples(None)[0].read()
    lines = project_mask(scan, "projection").mask
    np.testing.assert_array_equal(lines, np.repeat(scan.mask.any(2, keepdims=True), scan.mask.shape[2], 2))
    assert project_mask(scan, "mask") is scan
    made = make("datasets", "phantom_artery", {"subjects": 2, "target": "projection"})
    np.testing.assert_array_equal(made.samples(None)[0].read().mask, lines)
    with pytest.raises(BenchError, match="projection of noisy masks"):
        make("datasets", "phantom_artery", {"target": "projection", "label_noise": 0.2})
    with pytest.raises(BenchError, match="overlap in a projection"):
        make("datasets", "artery_cas", {"target": "projection", "classes": "willis"})


@pytest.mark.parametrize(
    ("params", "steps"),
    [({"masks": "slabs", "mask_slices": 4}, 40), pytest.param({"masks": "projection"}, 80, marks=pytest.mark.slow)],
)
def test_it_learns_arteries(params, steps):
    """Some steps on four phantoms lower the loss of the network as it is used, in evaluation mode."""
    from bench.evaluation.metrics import metric

    target = "projection" if params["masks"] == "projection" else "mask"
    data = {"subjects": 4, "effect": 2.0, "size": 48, "target": target}
    prepared = prepare("phantom_artery", data)
    method = make("methods", "dclse", params)
    torch.manual_seed(0)
    x = method.view_for(TASK)(torch.from_numpy(np.array(prepared.images())), prepared.spacing)
    x = (x - x.mean()) / x.std()
    y = torch.from_numpy(np.array(prepared.masks())).long()
    model = method.build(TASK, tuple(x.shape[1:]))
    descent = torch.optim.AdamW(model.parameters(), lr=1e-3)
    batch, found = Batch(x, y, torch.arange(4), TASK), []
    for step in range(steps + 1):
        if step in (5, steps):
            with torch.no_grad():
                found.append(metric("dice")(y.numpy(), model.eval()(x).argmax(1).numpy()))
        descent.zero_grad()
        method.step(model.train(), batch).mean().backward()
        descent.step()
    assert found[1] > found[0] + 0.1, found
