"""Differences between sites are removed by what the training part shows, and by nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import bench
from bench import registry
from bench.core import Recipe, RunAbortedError, Split, Trial
from bench.data.prepare import prepare
from bench.training import harmonised_scans
from bench.training.trial_data import RefusalError, _augmenter, load_trial_data

CPU = torch.device("cpu")
FOLDS = Split(folds=2)
SMALL = {"subjects": 40, "mm": 12.0, "effect": 0.0, "shortcut": 0.5}


def trial_of(method: str, split: Split = FOLDS, **params) -> Trial:
    made = prepare("phantom_shortcut", SMALL, workers=1)
    spec = registry.spec("methods", method, {"harmonise": "combat", **params})
    return Trial(made.spec, spec, split, recipe=Recipe(steps=1))


def loaded(method: str = "linear", split: Split = FOLDS, **params):
    trial = trial_of(method, split, **params)
    return load_trial_data(trial, registry.make("methods", method, trial.method.params), CPU)


def site_gap(data, rows: np.ndarray) -> float:
    """The difference of the mean brightness of two sites, in deviations of the scans."""
    values = data.array[rows].reshape(len(rows), -1).astype(float).mean(1)
    north = np.array([data.prepared.sites[row] == "north" for row in rows])
    return abs(values[north].mean() - values[~north].mean()) / values.std()


@pytest.mark.parametrize(
    ("method", "params"), [("linear", {}), ("svm", {}), ("timm2d", {"view": {"kind": "mean"}}), ("vgg3d", {})]
)
def test_sites_differ_less_in_the_training_and_in_the_test_part(method, params):
    plain, combat = loaded(method, **params, harmonise="none"), loaded(method, **params)
    assert plain.harmoniser is None
    for rows in (combat.fold.train, combat.fold.test):
        assert site_gap(plain, rows) > 1.3
        assert site_gap(combat, rows) < 0.8
    assert "differences between 2 sites, and what age and sex explain was kept" in combat.harmoniser.words


@pytest.mark.parametrize("method", ["linear", "timm2d", "vgg3d"])
def test_nothing_of_validation_or_test_scans_reaches_the_training_scans(monkeypatch, method):
    """Scans, sites, covariates and targets of all other people are exchanged: training scans stay equal to the bit."""
    data = loaded(method)
    fit = harmonised_scans.Harmoniser.fit.__func__

    def with_others_changed(cls, prepared, array, fold):
        others = np.setdiff1d(np.arange(len(prepared.ids)), fold.train)
        changed = np.array(array)
        changed[others] = 255 - changed[others]
        sites, targets = np.array(prepared.sites), prepared.targets.copy()
        sites[others], targets[others] = "elsewhere", np.nan
        known = {name: list(values) for name, values in prepared.covariates.items()}
        for values in known.values():
            for row in others:
                values[row] = None
        poisoned = replace(prepared, sites=tuple(sites), targets=targets, covariates=known)
        return fit(cls, poisoned, changed, fold)

    monkeypatch.setattr(harmonised_scans.Harmoniser, "fit", classmethod(with_others_changed))
    again = loaded(method)
    for name in ("mean", "slopes", "deviation", "shift", "scale"):
        np.testing.assert_array_equal(getattr(data.harmoniser.combat, name), getattr(again.harmoniser.combat, name))
    np.testing.assert_array_equal(data.array[data.fold.train], again.array[data.fold.train])
    np.testing.assert_array_equal(data.array[data.fold.test], again.array[data.fold.test])


def test_no_target_reaches_any_scan(monkeypatch):
    data = loaded()
    fit = harmonised_scans.Harmoniser.fit.__func__

    def without_targets(cls, prepared, array, fold):
        return fit(cls, replace(prepared, targets=np.full(len(prepared.ids), np.nan)), array, fold)

    monkeypatch.setattr(harmonised_scans.Harmoniser, "fit", classmethod(without_targets))
    np.testing.assert_array_equal(loaded().array, data.array)


def test_changed_test_scans_are_harmonised_as_those_of_the_trial_are():
    data = loaded()
    rows = data.fold.test[:3]
    scans = torch.from_numpy(np.array(data.prepared.images()[rows]))
    torch.testing.assert_close(data.viewed(scans, rows), data.part(rows).take(np.arange(3))[0])


def test_augmented_scans_are_changes_of_harmonised_ones_where_the_view_keeps_the_volume(tmp_path):
    data = loaded("vgg3d", augment="noise")
    source = _augmenter(trial_of("vgg3d"), data, data.part(data.fold.train))._source.prepared
    np.testing.assert_array_equal(source.take(np.arange(3))[0].numpy(), data.array[data.fold.train[:3]])


@pytest.mark.parametrize(
    ("method", "params", "data", "says"),
    [
        ("timm2d", {"augment": "noise"}, SMALL, "augmentation comes before the view"),
        ("constant", {}, SMALL, "the method reads no scan"),
        ("covariates", {}, SMALL, "the method reads no scan"),
        ("unet3d", {"channels": (4, 8)}, None, "this task is segmentation"),
    ],
)
def test_what_cannot_be_harmonised_is_refused_with_the_reason(method, params, data, says, plugins):
    made = prepare(*(("tiny_volumes", {"kind": "segmentation"}) if data is None else ("phantom_shortcut", data)))
    spec = registry.spec("methods", method, {"harmonise": "combat", **params})
    trial = Trial(made.spec, spec, FOLDS, recipe=Recipe(steps=1))
    with pytest.raises(RefusalError, match=says):
        load_trial_data(trial, registry.make("methods", method, spec.params), CPU)


def test_mixed_scans_are_mixed_after_they_were_harmonised():
    assert loaded("timm2d", augment="mixup").harmoniser is not None


def test_a_site_without_training_scans_is_refused():
    with pytest.raises(RefusalError, match="ComBat cannot be used: the training scans are of one site"):
        loaded(split=Split("site", 2))


@pytest.mark.slow
def test_a_network_that_knew_the_site_alone_knows_nothing_after_combat(tmp_path, one_format):
    """In the phantom of a shortcut nothing but the site tells patients from healthy people."""
    study = registry.study("shortcut")
    net = study.arms["ResNet (3D)"]
    arms = {"plain": net, "harmonised": replace(net, params={**net.params, "harmonise": "combat"})}
    changed = replace(study, arms=arms, reference="plain", floors=(), datasets=study.datasets[:1])
    scores = bench.run(changed, name="own", launcher="serial").scores.set_index("arm")
    assert scores["low"]["plain"] > 0.6
    assert scores["low"]["harmonised"] < 0.5 < scores["high"]["harmonised"]


def test_data_that_are_no_longer_prepared_are_named_with_the_command_that_prepares_them(tmp_path):
    trial = trial_of("linear")
    (tmp_path / "data").rename(tmp_path / "moved")
    with pytest.raises(
        RunAbortedError, match=r"phantom_shortcut is no longer prepared .*\(bench prepare phantom_shortc"
    ):
        load_trial_data(trial, registry.make("methods", "linear", trial.method.params), CPU)
