"""The augmenter: before the view, each scan on its own, deterministic, and honest about what is tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from bench import registry
from bench.core import DataSpec, Recipe, Spec, Task, Trial
from bench.data.loader import Normaliser, Part
from bench.method import Batch, label_losses
from bench.method.augmentation_policies import TRANSFORMS, transforms_of
from bench.training import checkpoint, loop
from bench.training.augment.augmenter import Augmenter, ScanSource
from bench.training.training_setup import TrainingSetup
from bench.views import Dynamic, Mean, Volume

CPU = torch.device("cpu")
ALL = "flip+shift+affine+crop+elastic+bias_field+noise+blur+contrast+low_resolution+gamma"
SPACING = (2.0, 2.0, 2.0)
AUC = Task("classification", "auc", ("a", "b"))


def scans(count=12, sizes=(10, 14, 12)):
    """Volumes with structure at every scale: their spectra tell blurred ones from sharp ones."""
    rng = np.random.default_rng(3)
    smooth = gaussian_filter(rng.normal(size=(count, 1, *sizes)), (0, 0, 2, 2, 2)) * 200
    return (100 + smooth + rng.normal(size=smooth.shape) * 5).astype(np.float32)


def augmenter(augment, view=None, x=None, y=None, seed=1, masks=False, device=CPU):
    x, view = scans() if x is None else x, view or Volume()
    rows, y = np.arange(len(x)), np.arange(len(x)) % 2 if y is None else y
    viewed = view(torch.from_numpy(x), SPACING).numpy()
    normaliser = Normaliser.fit(viewed, rows)
    train = Part(viewed, rows, y, normaliser, device)
    load = lambda: Part(x, rows, np.zeros(len(x)), Normaliser.none(1), device)  # noqa: E731
    transforms = transforms_of(augment) if isinstance(augment, str) else augment
    return Augmenter(transforms, ScanSource(load, view, SPACING, normaliser, masks), train, seed), train, normaliser


def always(*kinds):
    return tuple(replace(TRANSFORMS[kind], probability=1.0) for kind in kinds)


def applied(made, train, positions, step):
    positions = np.asarray(positions)
    return made(positions, *train.take(positions), step)


VIEWS = [Volume(), Volume(mm=4.0), Dynamic(), Dynamic(plane="axial", coefficients="linear"), Mean(plane="axial")]


@pytest.mark.parametrize("view", VIEWS, ids=repr)
def test_what_a_scan_becomes_depends_on_seed_scan_and_step_alone(view):
    made, train, _ = augmenter(ALL, view)
    whole = applied(made, train, [4, 1, 7, 2, 9], 30)[0]
    for at, position in enumerate([4, 1, 7, 2, 9]):
        assert torch.equal(applied(made, train, [position], 30)[0][0], whole[at])
    again = augmenter(ALL, view)[0]  # another process, or a resumed one: it has drawn nothing before
    assert torch.equal(applied(again, train, [2, 9, 4, 7, 1], 30)[0], whole[[3, 4, 0, 2, 1]])
    assert not torch.equal(applied(made, train, [4, 1, 7, 2, 9], 31)[0], whole)
    assert not torch.equal(applied(augmenter(ALL, view, seed=2)[0], train, [4, 1, 7, 2, 9], 30)[0], whole)


def test_the_number_of_threads_changes_no_bit():
    made, train, _ = augmenter(always(*ALL.split("+")), x=scans(2, (40, 44, 36)))
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(applied(made, train, [0, 1], 5)[0])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


def test_transforms_draw_the_same_in_every_combination():
    made, _, _ = augmenter("gamma")
    both, _, _ = augmenter("flip+gamma")
    alone, joined = (each._drawn(np.arange(12), 8) for each in (made, both))
    gamma = [[each for each in one if each.kind == "gamma"] for one in joined]
    assert gamma == alone
    assert 0 < sum(map(len, gamma)) < 12


@pytest.mark.parametrize("augment", ["affine", "elastic", "light", "nnunet", "strong"])
def test_scans_that_draw_nothing_are_those_that_would_be_tested(augment):
    made, train, _ = augmenter(augment, Volume(mm=4.0))
    unchanged = 0
    for step in range(8):
        x = train.take(np.arange(12))[0]
        new = applied(made, train, np.arange(12), step)[0]
        for at, drawn in enumerate(made._drawn(np.arange(12), step)):
            assert torch.equal(new[at], x[at]) is not bool(drawn)
            unchanged += not drawn
    assert 3 < unchanged < 88


def test_a_dynamic_image_is_that_of_the_changed_volume():
    view, x = Dynamic(plane="sagittal"), scans()
    made, train, normaliser = augmenter(always("flip"), view, x)
    expected = view(torch.from_numpy(np.flip(x, 2).copy()), SPACING)
    found = applied(made, train, np.arange(12), 0)[0]
    torch.testing.assert_close(found, normaliser(expected))
    mirrored = train.take(np.arange(12))[0].flip(3)
    assert float((found - mirrored).abs().mean()) > 0.1


@pytest.mark.parametrize("view", [Volume(), Volume(mm=5.0), Dynamic(plane="axial"), Mean(plane="coronal")], ids=repr)
def test_a_flip_after_the_view_is_the_view_of_the_flipped_scan(view, monkeypatch):
    made, train, _ = augmenter(always("flip"), view)
    after = applied(made, train, np.arange(12), 0)[0]
    monkeypatch.setattr(type(view), "left_right", lambda self: None)
    torch.testing.assert_close(applied(made, train, np.arange(12), 0)[0], after, rtol=1e-4, atol=1e-4)


def test_masks_move_with_their_scans():
    """Where the scan holds the mask itself, both stay the same picture."""
    masks = (scans()[:, 0] > 100).astype(np.int64)
    made, train, normaliser = augmenter(
        "flip+shift+affine+crop+elastic", x=200 * masks[:, None].astype(np.float32), y=masks, masks=True
    )
    moved = 0
    for step in range(6):
        drawn = made._drawn(np.arange(12), step)
        x, y, _ = applied(made, train, np.arange(12), step)
        for at, transforms in enumerate(drawn):
            if all(each.moves for each in transforms):
                raw = x[at, 0] * normaliser.deviation[0] + normaliser.mean[0]
                clear = (raw - 100).abs() > 99  # elsewhere the scan is interpolated between inside and outside
                assert torch.equal((raw > 100)[clear], (y[at] == 1)[clear])
                moved += not torch.equal(y[at], train.take(np.array([at]))[1][0])
    assert y.dtype == torch.int64
    assert moved > 5


@pytest.mark.parametrize("augment", ["flip", "affine", "elastic", "crop", "light", "nnunet", "strong"])
def test_training_scans_have_the_mean_and_the_spectrum_of_tested_ones(augment):
    """Half of the scans at least are as sharp as tested ones, so the median power at every frequency hardly moves."""
    made, train, _ = augmenter(augment, x=scans(24, (16, 16, 16)))
    x = train.take(np.arange(24))[0]
    new = torch.cat([applied(made, train, np.arange(24), step)[0] for step in range(4)])
    assert float(new.mean() - x.mean()) == pytest.approx(0, abs=0.1)
    assert float(new.std() / x.std()) == pytest.approx(1, abs=0.15)
    before, after = (np.median([_power(each) for each in some[:, 0].numpy()], axis=0) for some in (x, new))
    assert (after / before).min() > 0.75
    assert (after / before).max() < 1.35


def test_the_spectrum_would_show_that_every_scan_is_interpolated():
    made, train, _ = augmenter(always("affine"), x=scans(24, (16, 16, 16)))
    x, new = train.take(np.arange(24))[0], applied(made, train, np.arange(24), 0)[0]
    before, after = (np.median([_power(each) for each in some[:, 0].numpy()], axis=0) for some in (x, new))
    assert (after / before).min() < 0.7


def _power(volume):
    """Power in four bands of frequency."""
    spectrum = abs(np.fft.fftn(volume)) ** 2
    radius = np.sqrt(sum(np.meshgrid(*[np.fft.fftfreq(size) ** 2 for size in volume.shape], indexing="ij")))
    return [spectrum[(radius > low) & (radius <= low + 0.125)].mean() for low in (0.0, 0.125, 0.25, 0.375)]


def test_mixup_mixes_classes_in_the_loss_and_numbers_in_the_target():
    made, train, _ = augmenter(always("mixup"))
    x, y, mixture = applied(made, train, np.arange(12), 3)
    plain_x, plain_y = train.take(np.arange(12))
    assert torch.equal(y, plain_y)
    assert float(mixture.share.min()) >= 0.5
    logits = torch.randn(12, 2, generator=torch.Generator().manual_seed(0))
    soft = torch.nn.functional.one_hot(plain_y, 2) * mixture.share[:, None]
    soft = soft + torch.nn.functional.one_hot(mixture.y, 2) * (1 - mixture.share[:, None])
    losses = label_losses(logits, Batch(x, y, torch.arange(12), AUC, mixture=mixture))
    torch.testing.assert_close(losses, torch.nn.functional.cross_entropy(logits, soft, reduction="none"))
    solved = [(x[at] - mixture.share[at] * plain_x[at]) / (1 - mixture.share[at]) for at in range(12)]
    for at in np.flatnonzero(mixture.share.numpy() < 0.98):
        distances = [float((solved[at] - other).abs().max()) for other in plain_x]
        assert int(plain_y[int(np.argmin(distances))]) == int(mixture.y[at])
        assert min(distances) < 1e-2

    numbers, part, _ = augmenter(always("mixup"), y=np.arange(12.0))
    new = applied(numbers, part, np.arange(12), 3)
    assert new[2] is None
    assert not torch.equal(new[1], torch.arange(12.0))
    assert float(new[1].min()) >= 0
    assert float(new[1].max()) <= 11


def test_the_input_stays_as_it_is():
    made, train, _ = augmenter(always(*ALL.split("+"), "mixup"))
    x, y = train.take(np.arange(12))
    before = x.clone()
    made(np.arange(12), x, y, 0)
    assert torch.equal(x, before)
    assert torch.equal(train.take(np.arange(12))[0], before)


def training(folder, augment, steps=8, batch=8, count=32):
    """A training on volumes that are brighter in one corner where the class is 1."""
    x, y = scans(count + 8, (8, 10, 8)), np.arange(count + 8) % 2
    x[:, :, :4, :5, :4] += (60.0 * y)[:, None, None, None, None].astype(np.float32)
    made, train, normaliser = augmenter(augment, x=x[:count], y=y[:count])
    val = Part(x, np.arange(count, count + 8), y[count:], normaliser)
    trial = Trial(DataSpec("d"), Spec("m"), recipe=Recipe(steps=steps, batch_size=batch, points=4))
    folder.mkdir(exist_ok=True)
    method, curriculum = registry.make("methods", "sfcn"), registry.make("curricula", "none")
    return TrainingSetup(trial, method, curriculum, AUC, train, val, CPU, folder, made)


@pytest.mark.parametrize("augment", ["strong+mixup", "affine"])
def test_a_killed_training_goes_on_to_the_bit(tmp_path, monkeypatch, augment):
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    whole = loop.fit(training(tmp_path / "whole", augment), (1, 8, 10, 8))
    killed = training(tmp_path / "killed", augment)

    def stop(fraction):
        if fraction >= 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.fit(replace(killed, progress=stop), (1, 8, 10, 8))
    resumed = loop.fit(training(tmp_path / "killed", augment), (1, 8, 10, 8))
    assert resumed.resumed == 4
    for one, two in zip(resumed.model.state_dict().values(), whole.model.state_dict().values(), strict=True):
        assert torch.equal(one, two)


def test_augmentation_has_its_own_time_in_the_record(tmp_path):
    seconds = loop.fit(training(tmp_path, "strong", steps=4), (1, 8, 10, 8)).seconds
    assert 0 < seconds["augment"] < sum(seconds.values())
