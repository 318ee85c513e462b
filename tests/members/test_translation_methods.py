"""Methods that generate a contrast from another one: what they read, what they learn, and their controls."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines._translation_networks import pair_of, with_pair
from bench import registry
from bench.core import BenchError, Task
from bench.curriculum import Stage
from bench.data.loader import Normaliser
from bench.data.modality_pairs import ModalityPart
from bench.data.translation_kind import TRANSLATION
from bench.method import Batch, why_refused
from bench.training.curriculum_hooks import last_layer, stage_hooks

TASK = Task(TRANSLATION, "psnr", ("a", "b", "c"))
NETWORK = {"width": 4, "levels": 2}


@pytest.fixture
def part():
    rng = np.random.default_rng(0)
    first = rng.uniform(0, 1, (5, 7, 6, 8)).astype(np.float32)
    scans = np.stack([first, 1 - first, first**2], axis=1)
    return ModalityPart(scans, np.arange(5), TASK.classes, None, Normaliser.none(3), "cpu")


def everything(part):
    return part.take(np.arange(len(part)))


def batch(part):
    x, y = everything(part)
    return Batch(x, y, torch.arange(len(x)), TASK)


def fitted(name, part, **params):
    method = registry.make("methods", name, params)
    model = method.build(TASK, (2, 7, 6, 8))
    if method.learns:
        x, y = everything(part)
        method.solve(model, x.numpy(), y.numpy(), TASK, 0)
    return model


def test_a_sample_is_the_source_with_the_code_of_the_pair_and_its_target_is_the_other_contrast(part):
    x, y = everything(part)
    assert x.shape == (30, 2, 7, 6, 8)
    source, target = pair_of(x, 3)
    assert sorted(set(zip(source.tolist(), target.tolist(), strict=True))) == [
        (one, other) for one in range(3) for other in range(3) if one != other
    ]
    scan = part.take(np.array([0]))[0][0, 0]  # contrast a of the first scan
    chosen = (source[:6] == 0) & (target[:6] == 1)
    torch.testing.assert_close(y[:6][chosen][0, 0], 1 - scan)
    assert part.names(np.array(["s0", "s1", "s2", "s3", "s4"]))[-1] == "s4: c > b"


def test_floors_copy_the_source_return_the_mean_and_read_single_voxels(part):
    x, y = everything(part)
    torch.testing.assert_close(fitted("copy_source", part)(x), x[:, :1])
    mean = fitted("mean_image", part)(x)
    target = pair_of(x, 3)[1]
    torch.testing.assert_close(mean[target == 1][0], y[target == 1].mean(0))
    curves = fitted("grey_values", part)(x)
    source = pair_of(x, 3)[0]
    known = (source == 0) & (target == 2)  # a square, which a curve can follow
    assert (curves[known] - y[known]).abs().max() < 0.02
    moved = x[:, :, torch.randperm(7)]
    assert fitted("grey_values", part)(moved).flatten().sort().values.allclose(curves.flatten().sort().values)


def test_the_network_returns_another_image_for_another_target_and_with_the_source_off_the_same_for_another_source():
    torch.manual_seed(0)
    image = torch.rand(1, 1, 7, 6, 8)
    for source_counts in (True, False):
        model = registry.make("methods", "seq2seq", {**NETWORK, "source": source_counts}).build(TASK, (2, 7, 6, 8))
        made = {
            pair: model(with_pair(image, *(torch.tensor([one]) for one in pair), 3))
            for pair in ((0, 1), (0, 2), (2, 1))
        }
        assert made[0, 1].shape == image.shape
        assert not torch.allclose(made[0, 1], made[0, 2])
        assert torch.equal(made[0, 1], made[2, 1]) == (not source_counts)


def test_every_sample_of_a_batch_has_its_own_kernels(part):
    torch.manual_seed(0)
    model = registry.make("methods", "seq2seq", NETWORK).build(TASK, (2, 7, 6, 8))
    x, _ = everything(part)
    together = model(x[:6])
    for at in range(6):
        torch.testing.assert_close(model(x[at : at + 1])[0], together[at], rtol=1e-4, atol=1e-5)


def test_the_loss_has_three_terms_of_equal_kind_and_each_can_be_left_out(part):
    """The cycle goes back to the source, from what was generated; the source is generated from itself."""
    losses, terms = {}, {}
    for name, weights in {"all": {}, "alone": {"cycle": 0.0, "reconstruction": 0.0}}.items():
        torch.manual_seed(0)
        method = registry.make("methods", "seq2seq", {**NETWORK, **weights})
        model, one = method.build(TASK, (2, 7, 6, 8)), batch(part)
        losses[name], terms[name] = method.step(model, one), dict(one.terms)
    assert set(terms["alone"]) == {"translation"}
    torch.testing.assert_close(losses["all"], sum(terms["all"].values()))
    torch.testing.assert_close(terms["all"]["translation"], losses["alone"])
    x, _ = everything(part)
    source, target = pair_of(x, 3)
    again = model(with_pair(model(x), target, source, 3))
    torch.testing.assert_close(
        terms["all"]["cycle"],
        torch.nn.functional.smooth_l1_loss(again, x[:, :1], reduction="none").flatten(1).mean(1),
    )


def test_dropout_of_features_leaves_the_code_of_the_contrasts(part):
    model = registry.make("methods", "seq2seq", NETWORK).build(TASK, (2, 7, 6, 8))
    assert last_layer(model) is model.last
    read, (x, _) = [], everything(part)
    with stage_hooks(model, Stage(drop_features=0.75)):
        model.last.register_forward_pre_hook(lambda _, inputs: read.extend(inputs))
        model(x)
    features, code = read
    assert 0.7 < float((features == 0).float().mean()) < 0.8
    assert code.sum(1).unique().tolist() == [2]
    assert code.unique().tolist() == [0, 1]


def test_images_are_translated_too():
    model = registry.make("methods", "seq2seq", NETWORK).build(TASK, (2, 17, 18))
    assert model(torch.zeros(3, 2, 17, 18)).shape == (3, 1, 17, 18)


def test_other_tasks_are_refused_and_others_refuse_this_one():
    classes = Task("classification", "auc", ("a", "b"))
    for name in ("seq2seq", "copy_source", "mean_image", "grey_values"):
        assert "contrast" in registry.make("methods", name).refuses(classes, (1, 9, 9, 9))
    assert "generates another contrast" in why_refused(registry.make("methods", "vgg3d"), TASK, (3, 40, 40, 40))
    assert "levels" in registry.make("methods", "seq2seq", {"levels": 6}).refuses(TASK, (3, 9, 9, 9))
    with pytest.raises(BenchError, match="width"):
        registry.make("methods", "seq2seq", {"width": 0})
