"""What each curriculum says, against closed forms and independent programs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.special import lambertw

from baselines.curricula import _pacing, _patches, _weighing
from bench import registry
from bench.core import BenchError, DataSpec, Task, Trial
from bench.curriculum import Signals, Stage
from bench.training import curriculum_hooks

CLASSES = Task("classification", "auc", ("a", "b"))
LOSSES = torch.tensor([0.4, 2.0, 0.1, 1.2, 0.7, 3.0, 0.05, 0.9, 1.6, 0.3])


def make(name, **params):
    return registry.make("curricula", name, params)


def signals(**more):
    fields = {
        "seen": LOSSES,
        "difficulty": LOSSES.numpy(),
        "task": CLASSES,
        "shape": (1, 64, 48),
        "batch": 2,
        "seed": 5,
    }
    return Signals(**{**fields, **more})


def test_the_blur_falls_on_a_line_over_the_first_half():
    blur = make("input_blur")
    assert [blur.at(p, signals()).blur for p in (0.0, 0.25, 0.5, 0.9)] == [1.0, 0.5, 0.0, 0.0]


def test_maps_are_smoothed_as_the_reference_has_it():
    smoothing = make("feature_smoothing")
    sigmas = [smoothing.at(epoch / 200, signals()).map_blur for epoch in (0, 4, 10, 20, 50, 100)]
    assert sigmas == pytest.approx([1.0, 1.0, 0.9**2, 0.9**4, 0.9**10, 0.9**20])
    spike = torch.zeros(1, 1, 5, 5)
    spike[..., 2, 2] = 1
    centres = [float(curriculum_hooks.smoothed(spike, sigma)[0, 0, 2, 2]) for sigma in sigmas]
    assert centres == pytest.approx([0.204, 0.204, 0.268, 0.378, 0.938, 1.0], abs=6e-4)


@pytest.mark.parametrize("shape", [(7, 9), (5, 6, 7), (1, 4, 4)])
@pytest.mark.parametrize("sigma", [1.0, 0.4])
def test_smoothing_is_the_gaussian_of_scipy_in_two_and_three_dimensions(shape, sigma):
    maps = np.random.default_rng(0).normal(size=(2, 3, *shape)).astype(np.float32)
    ours = curriculum_hooks.smoothed(torch.tensor(maps), sigma).numpy()
    theirs = [[gaussian_filter(one, sigma, mode="nearest", radius=1) for one in maps_of] for maps_of in maps]
    np.testing.assert_allclose(ours, np.array(theirs), atol=1e-6)


def test_dropout_begins_at_nothing_and_the_annealed_control_ends_there():
    curriculum, annealed = make("curriculum_dropout"), make("curriculum_dropout", schedule="annealed")
    rates = [curriculum.at(p, signals()).drop_features for p in (0.0, 0.1, 0.5, 0.999)]
    assert rates == pytest.approx([0, 0.5 * (1 - math.exp(-1)), 0.5 * (1 - math.exp(-5)), 0.5], abs=5e-5)
    assert annealed.at(0.1, signals()).drop_features == pytest.approx(0.5 * math.exp(-1))
    switch = make("curriculum_dropout", schedule="switch", features=0.3)
    assert [switch.at(p, signals()).drop_features for p in (0.49, 0.5)] == [0.0, 0.3]
    assert make("curriculum_dropout", schedule="constant").at(0.0, signals()).drop_features == 0.5


def test_label_smoothing_fades():
    line, fall = make("label_smoothing", fall="linear"), make("label_smoothing")
    assert [line.at(p, signals()).label_smoothing for p in (0.0, 0.25, 0.5)] == [0.2, 0.1, 0.0]
    assert [fall.at(p, signals()).label_smoothing for p in (0.0, 0.25, 0.5)] == pytest.approx([0.2, 0.02, 0.0])


def test_paces_are_their_closed_forms():
    for pace, half in {"linear": 0.6, "root": math.sqrt(0.04 + 0.96 / 2), "geometric": math.sqrt(0.2)}.items():
        assert _pacing.share(pace, 0.2, 0.5, 0.0) == pytest.approx(0.2)
        assert _pacing.share(pace, 0.2, 0.5, 0.25) == pytest.approx(half)
        assert _pacing.share(pace, 0.2, 0.5, 0.5) == _pacing.share(pace, 0.2, 0.5, 0.9) == 1.0


def test_self_paced_weights_are_their_closed_forms():
    losses, age = torch.tensor([0.0, 0.5, 1.0, 2.0]), torch.tensor(1.0)
    assert _weighing.SelfPaced(age).raw(losses).tolist() == [1, 1, 1, 0]
    assert _weighing.SelfPaced(age, "linear").raw(losses).tolist() == [1, 0.5, 0, 0]
    logistic = [(1 + math.exp(-1)) / (1 + math.exp(loss - 1)) for loss in losses.tolist()]
    assert _weighing.SelfPaced(age, "logistic").raw(losses).tolist() == pytest.approx(logistic)
    for kind in ("hard", "linear", "logistic"):  # what minimises w l + f(w): no neighbour is better
        regulariser = {
            "hard": lambda w: -w,
            "linear": lambda w: 0.5 * w**2 - w,
            "logistic": lambda w: logistic_regulariser(w, 1.0),
        }[kind]
        grid = np.linspace(1e-6, 1 - 1e-6, 20001)
        for loss, weight in zip(losses.tolist(), _weighing.SelfPaced(age, kind).raw(losses).tolist(), strict=True):
            if loss != 1.0 or kind != "hard":
                assert grid[np.argmin(grid * loss + regulariser(grid))] == pytest.approx(weight, abs=1e-3)


def logistic_regulariser(w, age):
    top = 1 + math.exp(-age) - w
    return top * np.log(top) + w * np.log(w) - age * w


def test_self_paced_admits_the_share_of_the_pace_and_all_scans_before_the_first_losses():
    paced = make("self_paced", start=0.2, end=0.5)
    for progress in (0.0, 0.1, 0.25, 0.4):
        share = _pacing.share("linear", 0.2, 0.5, progress)
        weights = paced.at(progress, signals()).weigh(LOSSES)
        remaining = (weights > 0).numpy()
        np.testing.assert_array_equal(remaining, LOSSES.numpy() <= np.quantile(LOSSES.numpy(), share))
        assert float(weights.mean()) == pytest.approx(1.0)
    assert paced.at(0.5, signals()) == Stage()
    unseen = signals(seen=torch.full((10,), math.nan))
    for kind in ("hard", "linear", "logistic"):
        assert make("self_paced", weighting=kind).at(0.0, unseen).weigh(LOSSES).tolist() == [1.0] * 10


@pytest.mark.parametrize("progress", [0.0, 0.1, 0.3, 0.35])
@pytest.mark.parametrize("pace", _pacing.PACES)
def test_pacing_and_its_controls_have_the_same_numbers_of_scans(progress, pace):
    shared = {"start": 0.25, "end": 0.5, "pace": pace}
    count = math.ceil(_pacing.share(pace, 0.25, 0.5, progress) * 10 - 1e-9)
    for name in ("transfer_teacher", "anti_curriculum", "random_pacing"):
        assert len(make(name, **shared).at(progress, signals()).subset) == count
        weights = make(name, **shared, by="weights").at(progress, signals()).weights
        assert set(np.flatnonzero(weights)) == set(make(name, **shared).at(progress, signals()).subset)
    own = make("anti_curriculum", **shared, scores="own").at(progress, signals()).weigh(LOSSES)
    paced = make("self_paced", **shared).at(progress, signals()).weigh(LOSSES)
    assert int((own > 0).sum()) == int((paced > 0).sum())


def test_the_teacher_puts_the_easiest_first_and_the_anti_curriculum_is_its_mirror_image():
    order = np.argsort(LOSSES.numpy())
    easy = make("transfer_teacher", start=0.4).at(0.0, signals()).subset
    hard = make("anti_curriculum", start=0.6).at(0.0, signals()).subset
    np.testing.assert_array_equal(easy, order[:4])
    np.testing.assert_array_equal(hard, order[::-1][:6])
    assert sorted([*easy, *hard]) == list(range(10))
    mirrored = make("anti_curriculum", start=0.4).at(0.0, signals(difficulty=-LOSSES.numpy())).subset
    np.testing.assert_array_equal(mirrored, easy)
    own = make("anti_curriculum", start=0.4, scores="own").at(0.0, signals()).weigh(LOSSES)
    assert set(np.flatnonzero(own.numpy())) == set(order[::-1][:4])


def test_random_pacing_is_drawn_from_the_seed_of_the_cell_alone_and_only_grows():
    random = make("random_pacing")
    first = random.at(0.0, signals()).subset
    np.testing.assert_array_equal(first, random.at(0.0, signals(seen=LOSSES.flip(0), step=7)).subset)
    np.testing.assert_array_equal(first, random.at(0.2, signals()).subset[: len(first)])
    assert list(first) != list(random.at(0.0, signals(seed=6)).subset)


def test_a_set_is_no_smaller_than_a_batch_and_all_scans_are_plain_training():
    for name in ("transfer_teacher", "anti_curriculum", "random_pacing"):
        assert len(make(name, start=0.1).at(0.0, signals(batch=4)).subset) == 4
        assert make(name).at(0.5, signals()) == make(name).at(0.0, signals(batch=10)) == Stage()


def test_the_teacher_is_the_plain_trial_of_the_method_or_of_another():
    trial = Trial(DataSpec("d"), registry.spec("methods", "linear"), curriculum=registry.spec("curricula", "superloss"))
    (own,) = make("transfer_teacher").upstream(trial)
    assert own.key == Trial(DataSpec("d"), registry.spec("methods", "linear")).key
    (other,) = make("anti_curriculum", teacher="constant").upstream(trial)
    assert other.method.name == "constant"
    assert make("anti_curriculum", scores="own").upstream(trial) == ()


def test_superloss_is_one_at_tau_and_follows_lamberts_w():
    losses = torch.linspace(0, 60, 4001, dtype=torch.float64)
    for tau, lam in ((math.log(2), 1.0), (2.3, 0.25), (5.0, 0.05)):
        beta = np.maximum(-2 / math.e, (losses.numpy() - tau) / lam)
        theirs = np.nan_to_num(np.exp(-lambertw(beta / 2).real), nan=math.e)  # scipy leaves W(-1 / e) = -1 out
        np.testing.assert_allclose(_weighing.confidence(losses, tau, lam).numpy(), theirs, rtol=1e-6, atol=2e-7)
        assert float(_weighing.confidence(torch.tensor([tau], dtype=torch.float64), tau, lam)) == pytest.approx(1.0)
    weigh = make("superloss").at(0.3, signals()).weigh
    assert weigh(torch.tensor([0.1, math.log(2), 2.0])).tolist() == pytest.approx([1.61, 1.0, 0.65], abs=5e-3)


def test_superloss_minimises_its_objective():
    s = np.linspace(0.01, 2.7, 200001)
    for loss in (0.0, 0.3, 1.0, 4.0):
        best = s[np.argmin((loss - 0.7) * s + np.log(s) ** 2)]
        assert float(_weighing.confidence(torch.tensor([loss]), 0.7, 1.0)) == pytest.approx(best, abs=2e-3)


def test_superloss_uses_the_mean_of_recent_losses_without_classes():
    numbers = Task("regression", "mae")
    observed = signals(task=numbers, seen=torch.tensor([1.0, math.nan, 3.0]))
    assert float(make("superloss").at(0.0, observed).weigh(torch.tensor([2.0]))[0]) == pytest.approx(1.0)
    assert float(make("superloss", tau="mean").at(0.0, signals()).weigh(LOSSES.mean()[None])[0]) == pytest.approx(1.0)
    nothing = signals(task=numbers, seen=torch.full((3,), math.nan))
    assert torch.isfinite(make("superloss").at(0.0, nothing).weigh(torch.tensor([2.0, 3.0]))).all()


def test_data_dropout_keeps_who_is_improbable_and_its_controls_as_many_or_a_share():
    losses, stay = LOSSES, torch.exp(-LOSSES) < 0.3
    for kind, count in (("difficulty", int(stay.sum())), ("matched", int(stay.sum())), ("random", 9)):
        dropout = make("progressive_data_dropout", kind=kind, kept=0.25)
        weights = dropout.at(0.1, signals(batch=10, step=3)).weigh(losses)  # 0.25 ** 0.1 of 10 is 8.7
        assert int((weights > 0).sum()) == count
        assert float(weights.mean()) == pytest.approx(1.0)
        if kind == "difficulty":
            assert torch.equal(weights > 0, stay)
        else:
            again = dropout.at(0.1, signals(batch=10, step=4)).weigh(losses)
            assert not torch.equal(weights, again)
    assert dropout.at(0.97, signals()) == Stage()
    learnt = make("progressive_data_dropout").at(0.0, signals(batch=3)).weigh(torch.tensor([0.1, 0.2, 0.3]))
    assert learnt.tolist() == [0, 0, 0]


def test_lerac_starts_in_tens_and_all_layers_end_equal():
    rates = make("lerac")
    start = rates.at(0.0, signals(layers=8)).layer_lr
    assert start == pytest.approx([1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-5, 1e-5])
    half = rates.at(0.05, signals(layers=3)).layer_lr
    assert half == pytest.approx([1, 10**-0.5, 10**-1])
    assert set(rates.at(0.1, signals(layers=8)).layer_lr) == set(rates.at(0.9, signals(layers=8)).layer_lr) == {1.0}


def test_sizes_grow_as_in_composer_and_stay_supported():
    resizing = make("progressive_resizing")
    sizes = [resizing.at(p, signals()).size for p in (0.0, 0.49, 0.65, 0.8, 0.99)]
    assert sizes == [(32, 24), (32, 24), (48, 36), (64, 48), (64, 48)]
    assert resizing.at(0.0, signals(shape=(1, 20, 10))).size == (16, 10)
    crop = make("low_frequency_crop")
    shape = signals(shape=(3, 224, 112, 20))
    assert [crop.at(p, shape).band for p in (0.0, 0.6, 0.8)] == [(160, 80, 16), (192, 96, 17), (224, 112, 20)]


@pytest.mark.parametrize(("shape", "size"), [((12, 10), (8, 7)), ((9, 8, 7), (5, 6, 7)), ((8, 8), (8, 8))])
def test_the_crop_is_that_of_numpys_spectrum(shape, size):
    x = np.random.default_rng(0).normal(size=(2, 1, *shape)) + 3
    axes = tuple(range(2, x.ndim))
    spectrum = np.fft.fftshift(np.fft.fftn(x, axes=axes), axes=axes)
    remaining = spectrum[
        (..., *(slice(n // 2 - b // 2, n // 2 - b // 2 + b) for n, b in zip(shape, size, strict=True)))
    ]
    theirs = np.fft.ifftn(np.fft.ifftshift(remaining, axes=axes), axes=axes).real * np.prod(size) / np.prod(shape)
    ours = curriculum_hooks.low_passed(torch.tensor(x), size).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-10)
    np.testing.assert_allclose(ours.mean(axes), x.mean(axes))


def test_patches_are_as_difficult_as_their_neighbours_have_borders():
    masks = torch.zeros(1, 12, 8, dtype=torch.long)
    masks[0, 1, 1] = 1  # a border in the first patch of 3 x 2
    expected = torch.tensor([[1 / 4, 1 / 4], [1 / 6, 1 / 6], [0, 0]])
    torch.testing.assert_close(_patches.difficulty(masks, 4)[0], expected)
    easy, hard = (_patches.PatchWeights(4, late).raw(masks)[0] for late in (False, True))
    torch.testing.assert_close(easy[::4, ::4], 2 - expected)
    torch.testing.assert_close(hard[::4, ::4], 1 + expected)
    assert float(_patches.PatchWeights(4, True)(masks).mean()) == pytest.approx(1.0)
    weights = [make("patch_difficulty").at(p, signals()).voxels.hard for p in (0.0, 0.49, 0.5, 0.9)]
    assert weights == [False, False, True, True]
    assert _patches.PatchWeights(5, True)(torch.zeros(2, 7, 6, 11, dtype=torch.long)).unique().tolist() == [1.0]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("input_blur", {"end": 0.0}),
        ("feature_smoothing", {"factor": 2.0}),
        ("curriculum_dropout", {"features": 1.0}),
        ("label_smoothing", {"smoothing": 1.0}),
        ("self_paced", {"start": 0.0}),
        ("superloss", {"lam": 0.0}),
        ("progressive_resizing", {"delay": 0.9}),
        ("low_frequency_crop", {"bands": "0.5,1"}),
        ("progressive_data_dropout", {"threshold": 1.0}),
        ("lerac", {"floor": 0.0}),
        ("patch_difficulty", {"patch": 0}),
    ],
)
def test_wrong_parameters_are_refused(name, params):
    with pytest.raises(BenchError):
        make(name, **params)
