"""Contrast of partitions and regions: known answers, pairs by hand, and a decoder that leaves the encoder alone."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from baselines import _partition_contrast as pairs
from baselines._network_stages import stage_names
from bench import registry
from bench.core import PRETEXT, Recipe, Split, Trial, UnsupportedInputSizeError
from bench.data.prepare import prepare
from bench.experiments import plan, run_trial
from bench.experiments.plan.dependencies import DependencyResolver
from bench.method import Batch
from bench.storage.record_store import Store

UNET = {"network": "unet3d", "network_params": {"channels": [4, 6, 8, 8], "units": 1}}
SHAPE = (1, 16, 16, 16)


def built(shape=SHAPE, **params):
    torch.manual_seed(0)
    method = registry.make("methods", "self_supervised", {"loss": "partition_contrast", **params})
    return method, method.build(PRETEXT, shape).train()


@pytest.mark.parametrize(("volumes", "partitions"), [(2, 4), (3, 2)])
def test_orthogonal_features_cost_the_logarithm_of_one_more_than_the_negatives(volumes, partitions):
    count = 2 * volumes * partitions
    same, other = pairs.partition_pairs(volumes, partitions)
    negatives = 2 * volumes * (partitions - 1)
    assert float(pairs.contrast(torch.eye(count), same, other, 0.1)) == pytest.approx(math.log(1 + negatives), rel=1e-6)


def test_the_loss_is_its_equation_pair_by_pair():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(8, 5))
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    places = list(product(range(2), range(2), range(2)))  # view, volume, partition
    terms = []
    for i, (_, _, own) in enumerate(places):
        below = sum(math.exp(unit[i] @ unit[k] / 0.5) for k, (*_, part) in enumerate(places) if part != own)
        for j, (*_, part) in enumerate(places):
            if j != i and part == own:
                near = math.exp(unit[i] @ unit[j] / 0.5)
                terms.append(-math.log(near / (near + below)))
    found = pairs.contrast(torch.tensor(z), *pairs.partition_pairs(2, 2), 0.5)
    assert float(found) == pytest.approx(np.mean(terms), rel=1e-5)


def test_a_region_is_compared_with_itself_in_the_other_view_and_with_its_nearest_neighbours():
    places = pairs.region_places((8, 8, 8))
    assert len(places) == 13
    assert len(set(map(tuple, places.tolist()))) == 13
    same, other = pairs.region_pairs(places, 5)
    assert same.sum(1).unique().tolist() == [1]
    assert [int(row.nonzero()) for row in same] == [*range(13, 26), *range(13)]
    assert other.sum(1).unique().tolist() == [10]  # in both views
    assert not (same & other).any()
    distance = np.linalg.norm(places[:, None].numpy() - places[None].numpy(), axis=2)
    for number in range(13):
        near = distance[number][other[number, :13].numpy()]
        far = distance[number][~other[number, :13].numpy() & (np.arange(13) != number)]
        assert near.max() <= far.min()


def test_the_gradient_of_the_decoder_does_not_reach_the_encoder():
    _, model = built(**UNET)
    assert model.stages == ["network.model" + ".1.submodule" * 3, "network.model.1.submodule.2"]
    losses, (encoder, decoder) = model.gradients(torch.randn(2, *SHAPE))
    assert len(losses) == 2
    up = ("pretrained.network.model.1.submodule.2.", "pretrained.network.model.1.submodule.1.submodule.2.")
    assert {name for name in decoder if not name.startswith(("compare.", *up))} == set()
    assert {name for name in encoder if ".2." in name.removeprefix("pretrained.") and name.startswith(up)} == set()
    assert any(name.startswith(up[1]) for name in decoder)


def test_without_regions_the_encoder_learns_as_it_does_with_them_and_the_decoder_does_not():
    x, gradients = torch.randn(2, *SHAPE), []
    for regions in (True, False):
        _, model = built(**UNET, regions=regions)
        torch.manual_seed(1)
        gradients.append(model.gradients(x)[1])
    assert [len(each) for each in gradients] == [2, 1]
    (both, _), (alone,) = gradients
    assert alone.keys() == both.keys()
    for name, gradient in alone.items():
        torch.testing.assert_close(gradient, both[name])


def test_a_network_without_a_decoder_learns_partitions_alone():
    method, model = built(network="sfcn", network_params={"channels": [4, 8, 6], "dropout": 0.0})
    ramp = torch.linspace(-1, 1, 16).expand(16, 16, 16)  # every height is another one
    x = ramp + 0.3 * torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(0))
    descent, losses = torch.optim.AdamW(model.parameters(), lr=3e-3), []
    for _ in range(15):
        descent.zero_grad()
        losses.append(method.step(model, Batch(x, torch.zeros(4), torch.arange(4), PRETEXT)).mean())
        losses[-1].backward()
        descent.step()
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    assert torch.equal(model.eval()(x), model(x))


def test_images_and_networks_without_stages_are_refused():
    with pytest.raises(UnsupportedInputSizeError, match="these scans are images"):
        built((3, 32, 32), network="timm2d", network_params={"network": "resnet10t"})
    with pytest.raises(UnsupportedInputSizeError, match="16 slices cannot be divided into 12 partitions"):
        built(network="sfcn", network_params={"channels": [4, 6]}, partitions=12)
    with pytest.raises(UnsupportedInputSizeError, match="Sequential has no stages that can be found"):
        stage_names(nn.Sequential(nn.Conv2d(1, 2, 3)), 2)


def test_masks_are_learnt_from_an_encoder_and_a_decoder_that_began_without_labels(plugins, tmp_path):
    data = prepare("tiny_volumes", {"kind": "segmentation"}).spec
    params = {"channels": [4, 6, 8], "units": 1, "pretrain_data": "tiny_volumes"}
    params |= {"pretrain_data_params": {"kind": "segmentation"}, "pretrain_method": "self_supervised"}
    params |= {"pretrain_params": {"loss": "partition_contrast", "partitions": 2, "features": 8}}
    method = registry.spec("methods", "unet3d", params)
    trial = Trial(data, method, Split(folds=2), recipe=Recipe(steps=2, batch_size=2, points=1))
    trial, store = DependencyResolver().resolve(trial), Store(tmp_path / "r")
    store.open()
    first, record = (run_trial.run(each, store, True) for each in (*plan.upstream_of(trial), trial))
    assert first.status == record.status == "done", record.error or first.error
    carried = record.resolved["network"]["carried over"]
    assert any(".submodule.2." in name for name in carried["taken"])  # of the decoder
    assert not any(name.startswith("network.model.2.") for name in carried["taken"])  # it was not trained
    assert {"loss 1", "loss 2"} <= set(first.curve[0]["watched"])
