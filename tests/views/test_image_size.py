"""Images of another size: every view that gives images, exactly where that is known, and back again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.core import BenchError, canonical
from bench.registry import make
from bench.views import VIEWS, Dynamic, Image, Mean, View, Volume, effective
from bench.views.backproject import backproject_dynamic
from bench.views.image_size import original_saliency, resized
from bench.views.layer import RankPooling

MM = (1.0, 1.0, 1.0)
IMAGES = sorted(
    kind for kind in VIEWS if kind not in ("volume", "sliding") and VIEWS[kind].__module__.startswith("bench.")
)


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("size", [0, 5, 40])
def test_every_view_of_images_has_the_size_that_is_set_and_states_it(kind, size):
    shape = (1, 12, 14) if kind == "image" else (1, 10, 12, 14)
    view, before = View.parse({"kind": kind, "size": size}), View.parse(kind)
    x = torch.randint(0, 255, (2, *shape), dtype=torch.uint8)
    made, plain = view(x, MM), before(x, MM)
    assert tuple(made.shape[1:]) == view.shape(shape, MM)
    assert max(made.shape[2:]) == size or (size == 0 and torch.equal(made, plain))
    ratio = made.shape[2] / made.shape[3], plain.shape[2] / plain.shape[3]
    assert abs(ratio[0] / ratio[1] - 1) < 0.2
    assert made.dtype == torch.float32


def test_a_view_at_its_own_size_has_the_key_that_it_had():
    assert "size" not in canonical(Dynamic())
    assert '"size":64' in canonical(Dynamic(size=64))


def test_larger_images_are_interpolated_and_smaller_ones_averaged():
    ramp = torch.arange(4.0).repeat(4, 1)[None, None]
    larger = resized(ramp, (8, 8))
    np.testing.assert_allclose(larger[0, 0, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])
    np.testing.assert_allclose(resized(ramp, (2, 2))[0, 0], [[0.5, 2.5], [0.5, 2.5]])
    noise = torch.randn(1, 2, 12, 8)
    np.testing.assert_allclose(resized(noise, (6, 4)).mean((2, 3)), noise.mean((2, 3)), atol=1e-6)


def test_images_of_a_data_set_of_images_are_resized_by_the_view_of_the_method():
    assert effective(Dynamic(size=64), (1, 20, 30)) == Image(size=64)
    assert not Image(size=64).keeps((1, 20, 30), ())
    assert Image().keeps((1, 20, 30), ())


def test_views_of_volumes_and_pooling_networks_refuse_a_size():
    with pytest.raises(BenchError, match="view volume gives volumes, and size is for images; set mm"):
        Volume(size=64).shape((1, 8, 8, 8), MM)
    with pytest.raises(BenchError, match="size must be 0 or more pixels, not -1"):
        Mean(size=-1).shape((1, 8, 8, 8), MM)
    with pytest.raises(BenchError, match="set size=0"):
        RankPooling(Dynamic(size=64), (1, 8, 8, 8))


def test_saliency_of_larger_images_goes_back_to_the_pixels_that_it_came_from():
    saliency = np.zeros((8, 8))
    saliency[2:4, 4:6] = 1
    expected = np.zeros((4, 4))
    expected[1, 2] = 4
    np.testing.assert_allclose(original_saliency(saliency, (4, 4)), expected)
    view, x = Dynamic(size=24), np.random.default_rng(0).random((1, 6, 8, 12)).astype(np.float32)
    spread = backproject_dynamic(view, np.ones(view.shape(x.shape, MM)), x)
    plain = backproject_dynamic(Dynamic(), np.ones(Dynamic().shape(x.shape, MM)), x)
    np.testing.assert_allclose(spread / spread.sum(), plain / plain.sum())


@pytest.mark.parametrize(
    ("name", "params", "shape", "few"),
    [
        ("timm2d", {}, (3, 32, 32), "1 x 1"),
        ("timm2d", {}, (3, 64, 64), ""),
        ("timm2d", {"network": "efficientnet_b0"}, (3, 32, 32), "1 x 1"),  # its gates read 1 x 1 means at any size
        ("timm2d", {"network": "efficientnet_b0"}, (3, 64, 64), ""),
        ("sfcn", {"channels": "4,4,4,4"}, (1, 15, 16, 8), "2 x 2 x 1"),
        ("sfcn", {"channels": "4,4,4,4"}, (1, 15, 16, 9), ""),
        ("dclse", {}, (3, 33, 40), ""),
        ("unet3d", {}, (1, 8, 8, 8), ""),
    ],
)
def test_a_last_stage_of_one_position_is_noted(name, params, shape, few):
    note = make("methods", name, params).note(shape)
    assert bool(note) == bool(few)
    assert few in note
    assert not few or ("view.size" if len(shape) == 3 else "finer voxels") in note


def test_a_network_that_cannot_read_such_scans_has_no_note():
    assert (
        make("methods", "monai3d").note((1, 24, 32, 32)) == ""
    )  # DenseNet-121; its trials are refused with the reason
