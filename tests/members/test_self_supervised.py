"""Networks that learn without labels: losses with known answers, gradients that stop, and weights that begin an arm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from finished_trials import carried_out
from safetensors.torch import load_file
from scipy import ndimage
from scipy.linalg import hadamard

from baselines import _masked_autoencoder as masks
from baselines._barlow_twins import barlow_loss
from baselines._network_stages import at_stages, stage_names
from baselines._pretext_views import RandomView
from bench import registry
from bench.core import PRETEXT, BenchError, Recipe, Split, Task, Trial, plain
from bench.data.prepare import prepare
from bench.experiments import plan, run_trial
from bench.experiments.plan.dependencies import DependencyResolver
from bench.experiments.trial_notes import score_words
from bench.method import Batch
from bench.storage.record_store import Store
from bench.training import checkpoint, trial_data
from bench.training.activation_memory import activation_memory

VOLUME = (1, 16, 16, 16)
NET = {"network": "sfcn", "network_params": {"channels": [4, 8, 8, 6], "dropout": 0.0}}


def built(shape=VOLUME, **params):
    torch.manual_seed(0)
    method = registry.make("methods", "self_supervised", {**NET, **params})
    return method, method.build(PRETEXT, shape).train()


def scans(count=8, shape=VOLUME):
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(1))


def test_the_barlow_loss_of_uncorrelated_equal_features_is_0():
    features = torch.tensor(hadamard(8)[:, 1:], dtype=torch.float32)  # mean 0, deviation 1, orthogonal
    assert float(barlow_loss(features, 3 * features + 5, 0.1)) == pytest.approx(0, abs=1e-8)
    assert float(barlow_loss(features, -features, 0.1)) == pytest.approx(7 * 4)  # each correlation is -1


def test_the_barlow_loss_is_that_of_the_correlation_matrix():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 20, 5)) + rng.normal(size=(20, 5))
    c = np.corrcoef(one.T, other.T)[:5, 5:]
    expected = ((1 - np.diag(c)) ** 2).sum() + 0.3 * (c[~np.eye(5, dtype=bool)] ** 2).sum()
    assert float(barlow_loss(torch.tensor(one), torch.tensor(other), 0.3)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("blocks", [2, 4])
def test_no_gradient_crosses_from_one_block_to_another(blocks):
    _, model = built(blocks=blocks)
    _, gradients = model.block_gradients(scans())
    ends = [int(name.rpartition(".")[2]) for name in model.stages]
    starts = [0, *(end + 1 for end in ends)]
    for number, found in enumerate(gradients):
        layers = {int(name.split(".")[2]) for name in found if name.startswith("pretrained.features.")}
        assert layers == set(range(starts[number], ends[number] + 1))
        assert {name.split(".")[1] for name in found if name.startswith("heads.")} == {str(number)}
    everything = {name for name, _ in model.named_parameters() if "classifier" not in name}
    assert set().union(*gradients) == everything


def test_the_gradient_of_one_block_is_that_of_plain_automatic_differentiation():
    method, model = built(blocks=1)
    x = scans()
    torch.manual_seed(3)
    method.step(model, Batch(x, torch.zeros(8), torch.arange(8), PRETEXT)).mean().backward()
    found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    torch.manual_seed(3)
    pair, maps = torch.cat([model.view(x), model.view(x)]), []
    with at_stages(model.pretrained, model.stages, lambda _, output: maps.append(output)):
        model.pretrained(pair)
    barlow_loss(*model.heads[0](maps[0]).chunk(2), model.redundancy).backward()
    for name, weight in model.named_parameters():
        if weight.grad is not None:
            torch.testing.assert_close(found[name], weight.grad, rtol=1e-4, atol=1e-6)


def test_blocks_keep_fewer_activations_at_a_time():
    assert most_kept(4) < 0.85 * most_kept(1)  # narrow heads: that of a block needs memory too


def most_kept(blocks):
    """The largest number of bytes that are kept for gradients at one time in a step."""
    narrow = {"channels": [4, 16, 64, 256, 64], "dropout": 0.0}
    method, model = built(blocks=blocks, features=8, network_params=narrow, activation_noise=0.0)
    with activation_memory(model) as kept:
        method.step(model, Batch(scans(4), torch.zeros(4), torch.arange(4), PRETEXT)).mean().backward()
    return kept.most


def test_a_view_without_changes_is_the_scan_and_others_differ_from_scan_to_scan():
    x = scans(4)
    same = RandomView(side=1.0, intensity=0.0, noise=0.0, flip=False)
    torch.testing.assert_close(same(x), x, rtol=1e-4, atol=1e-5)
    mirrored = RandomView(side=1.0, intensity=0.0, noise=0.0, flip=True)(x)
    as_it_was = [torch.allclose(one, own, atol=1e-4) for one, own in zip(mirrored, x, strict=True)]
    other_way = [torch.allclose(one, own.flip(1), atol=1e-4) for one, own in zip(mirrored, x, strict=True)]
    assert all(a != b for a, b in zip(as_it_was, other_way, strict=True))
    drawn = RandomView(side=0.7, intensity=0.2, noise=0.2, flip=False)(x[:1].expand(2, -1, -1, -1, -1))
    assert not torch.allclose(drawn[0], drawn[1])


@pytest.mark.parametrize("grid", [(4, 5), (3, 4, 5)])
def test_masks_hide_their_share_and_difficulty_counts_the_neighbours(grid):
    mask = masks.random_mask(6, grid, 0.7)
    assert mask.flatten(1).sum(1).unique().tolist() == [round(0.7 * np.prod(grid))]
    ones = np.ones((3,) * len(grid))
    for one, hard in zip(mask[:, 0].numpy(), masks.difficulty(mask)[:, 0].numpy(), strict=True):
        neighbours = ndimage.convolve(np.ones_like(one), ones, mode="constant")
        np.testing.assert_allclose(hard, ndimage.convolve(one, ones, mode="constant") / neighbours, rtol=1e-5)
    hard = torch.tensor([0.0, 1.0])
    assert masks.patch_weights(hard, 0.49).tolist() == [2.0, 1.0]  # the easy ones first
    assert masks.patch_weights(hard, 0.5).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("shape", [(9, 8), (7, 8, 9)])
def test_edges_are_those_of_sobel(shape):
    x = torch.randn(1, 1, *shape, generator=torch.Generator().manual_seed(0)) / 4
    axes = len(shape)
    slopes = [ndimage.sobel(x[0, 0].numpy(), axis, mode="nearest") / (2 * 4 ** (axes - 1)) for axis in range(axes)]
    np.testing.assert_allclose(masks.edges(x)[0, 0], np.minimum(1, np.sqrt(sum(s**2 for s in slopes))), atol=1e-5)


def test_only_masked_voxels_count_and_a_restored_scan_costs_nothing(monkeypatch):
    _, model = built(loss="masked")
    x, mask = scans(2), masks.random_mask(2, (4, 4, 4), 0.7)
    monkeypatch.setattr(type(model), "restored", lambda self, seen: x)
    assert model.losses(x, mask, None).tolist() == [0, 0]
    hidden = model._spread(mask, x)
    monkeypatch.setattr(type(model), "restored", lambda self, seen: x + 2 * (1 - hidden) + 3 * hidden)
    torch.testing.assert_close(model.losses(x, mask, None), torch.tensor([9.0, 9.0]))


@pytest.mark.parametrize("progress", [0.0, 0.25, 0.75])
def test_a_step_of_edge_mae_weighs_easy_patches_first_and_hard_ones_in_its_second_half(progress, monkeypatch):
    method, model = built(loss="edge_masked", masked=0.5)
    x, used = scans(2), []
    drawn = masks.random_mask
    monkeypatch.setattr(masks, "random_mask", lambda *given: used.append(drawn(*given)) or used[-1])
    monkeypatch.setattr(type(model), "restored", lambda self, seen: torch.zeros(2, 2, 16, 16, 16))
    batch = replace(Batch(x, torch.zeros(2), torch.arange(2), PRETEXT), progress=progress)
    losses = method.step(model, batch)
    for one, mask, loss in zip(x.numpy(), used[0][:, 0].numpy(), losses.tolist(), strict=True):
        ones = np.ones((3, 3, 3))
        hard = ndimage.convolve(mask, ones, mode="constant") / ndimage.convolve(0 * mask + 1, ones, mode="constant")
        assert hard[mask == 1].std() > 0
        weights = np.kron(mask * (2 - hard if progress < 0.5 else 1 + hard), np.ones((4, 4, 4)))
        slopes = [ndimage.sobel(one[0], axis, mode="nearest") / 32 for axis in range(3)]
        edges = np.minimum(1, np.sqrt(sum(slope**2 for slope in slopes)))
        hidden = weights > 0
        expected = (weights * one[0] ** 2)[hidden].mean() + 0.1 * (weights * edges**2)[hidden].mean()
        assert loss == pytest.approx(expected, rel=1e-4)


def test_masked_patches_are_not_seen():
    _, model = built(loss="edge_masked")
    x, mask = scans(2), masks.random_mask(2, (4, 4, 4), 0.7)
    hidden = model._spread(mask, x)
    read = []
    model.pretrained.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    model.losses(x, mask, 0.0)
    model.losses(x + 100 * hidden, mask, 0.0)
    torch.testing.assert_close(read[0], read[1])


@pytest.mark.parametrize("params", [{"loss": "barlow_twins", "blocks": 2}, {"loss": "masked"}, {"loss": "edge_masked"}])
def test_twenty_steps_on_scans_of_one_kind_lower_the_loss(params):
    method, model = built(**params)
    ramp = torch.linspace(-1, 1, 16)
    x = scans() * 0.1 + torch.stack([ramp.roll(step).view(16, 1, 1).expand(16, 16, 16) for step in range(8)])[:, None]
    descent = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(20):
        descent.zero_grad()
        losses.append(method.step(model, Batch(x, torch.zeros(8), torch.arange(8), PRETEXT)).mean())
        losses[-1].backward()
        descent.step()
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    first, again = (model.eval()(x) for _ in range(2))
    assert first.shape == (8, 1)
    assert torch.equal(first, again)  # the same views or masks


@pytest.mark.parametrize(
    ("network", "ends"),
    [
        ({"network": "timm2d", "network_params": {"network": "resnet10t"}}, ["layer1", "layer2", "layer3", "layer4"]),
        ({"network": "dclse"}, ["stages.S2", "stages.S4", "stages.S6", "stages.C1"]),
    ],
)
def test_the_stages_of_known_networks_are_found(network, ends):
    inner = registry.make("methods", network["network"], network.get("network_params", {}))
    assert stage_names(inner.build(Task("classification", "auc", ("a", "b")), (3, 64, 64)), 4) == ends


def test_it_is_no_arm_and_needs_a_network():
    method = registry.make("methods", "self_supervised")
    assert "pretrain_method" in method.refuses(Task("regression", "mae", unit="years"), VOLUME)
    assert method.refuses(PRETEXT, VOLUME) is None
    with pytest.raises(BenchError, match="constant has no network that could begin with weights"):
        registry.make("methods", "self_supervised", {"network": "constant"})


@pytest.fixture
def trial_of(plugins, monkeypatch):
    """The resolved trial of a small network that is pretrained without labels on the same scans."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    data = prepare("tiny_volumes").spec

    def make(**changed):
        params = {"channels": [4, 6, 6], "view.mm": 4, "pretrain_data": "tiny_volumes", "pretrain_batch": 6}
        params |= {"pretrain_method": "self_supervised", "pretrain_params": {"blocks": 2, "features": 8}, **changed}
        recipe = Recipe(steps=6, batch_size=4, points=3)
        trial = Trial(data, registry.spec("methods", "sfcn", params), Split(folds=2), recipe=recipe)
        return DependencyResolver().resolve(trial)

    return make


def test_an_arm_begins_with_the_network_of_a_pretraining_without_labels(trial_of, tmp_path):
    trial = trial_of(lr=0.0, weight_decay=0.0, train="head")
    store, record = carried_out(trial, tmp_path / "r")
    (first,) = plan.upstream_of(trial)
    learnt, own = (load_file(store.weights(each.key)) for each in (first, trial))
    body = [name for name in own if name.startswith("features")]
    assert all(torch.equal(own[name], learnt[f"pretrained.{name}"]) for name in body)
    assert {name.partition(".")[0] for name in record.resolved["network"]["carried over"]["taken"]} == {"features"}
    assert record.resolved["pretraining"]["labels"] == "none"
    assert first.recipe.batch_size == 6
    assert store.get(first.key).sizes["test_groups"] == 15  # those of the validation and test parts
    assert {"block 1", "block 2"} <= set(store.get(first.key).curve[0]["watched"])


def test_a_reader_follows_the_loss_and_no_metric_of_the_labels(trial_of, tmp_path):
    """`bench run` said "validation MAE 51.1" of a loss."""
    trial, store, followed = trial_of(), Store(tmp_path / "r"), []
    store.open()
    (first,) = plan.upstream_of(trial)
    for each, keep in ((first, True), (trial, False)):
        run_trial.run(each, store, keep, evaluated=lambda step, steps, name, values: followed.append(name))
    assert followed == ["loss"] * 3 + ["auc"] * 3
    assert score_words("loss", 51.1) == "loss 51.100"


def test_no_label_is_read(trial_of, tmp_path, monkeypatch):
    (first,) = plan.upstream_of(trial_of())
    before = weights_of(first, tmp_path / "before")
    opened = trial_data._open
    monkeypatch.setattr(trial_data, "_open", lambda spec: replace(one := opened(spec), targets=1 - one.targets))
    assert weights_of(first, tmp_path / "after") == before


def weights_of(trial, root):
    store = Store(root)
    store.open()
    assert run_trial.run(trial, store, True).status == "done"
    return store.weights(trial.key).read_bytes()


@pytest.mark.parametrize("loss", ["barlow_twins", "edge_masked"])
def test_a_killed_pretraining_goes_on_to_the_bit(trial_of, loss, tmp_path):
    (first,) = plan.upstream_of(trial_of(pretrain_params={"loss": loss, "blocks": 2, "features": 8}))
    whole, store = Store(tmp_path / "whole"), Store(tmp_path / "killed")
    whole.open()
    store.open()
    record = run_trial.run(first, whole, True)

    def stop(fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial.run(first, store, True, stop)
    again = run_trial.run(first, store, True)
    assert again.resolved["resumed_at_step"] == 4
    assert str(plain(again.metrics)) == str(plain(record.metrics))
    assert store.weights(first.key).read_bytes() == whole.weights(first.key).read_bytes()
