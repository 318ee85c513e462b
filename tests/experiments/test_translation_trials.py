"""Translation in trials: pairs of contrasts of people not seen, killed and resumed, and what scores rank first."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from command_line import run_command
from killable_studies import trial_of
from record_comparison import without_times

import bench
from bench import registry
from bench.analysis.modality_analysis import analyse_modalities
from bench.core import Arm, BenchError, Data, Recipe, Study, plain
from bench.data.modality_pairs import inside_head
from bench.data.prepare import prepare
from bench.experiments import plan, run_trial
from bench.storage.record_store import Store
from bench.training import checkpoint, trained_model

TINY = {"mm": 10.0, "subjects": 9}
SMALL = {"width": 4, "levels": 2}
ARMS = {
    "copy": Arm("copy_source"),
    "seq2seq": Arm("seq2seq", SMALL),
    "blurred": Arm("seq2seq", SMALL, "input_blur"),
    "classifier": Arm("vgg3d"),
    "flipped": Arm("seq2seq", {**SMALL, "augment": "flip"}),
    "dropped": Arm("seq2seq", SMALL, "curriculum_dropout", {"inputs": 0.1, "features": 0.0}),
    "small first": Arm("seq2seq", SMALL, "progressive_resizing", {"smallest": 8}),
}


REASONS = {
    "classifier": "another contrast",
    "flipped": "augmentation changes single scans",
    "dropped": "code of the contrasts",
}


def study(arms, data, folds=3, **recipe):
    budget = Recipe(**{"steps": 4, "batch_size": 2, "points": 2, **recipe})
    sets = [Data("phantom_modalities", data)]
    return Study(
        "Which contrast?", sets, reference=next(iter(arms)), arms=arms, folds=folds, partitions=1, recipe=budget
    )


@pytest.fixture
def cells(monkeypatch):
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    return plan.cells(study(ARMS, TINY), [prepare("phantom_modalities", TINY).spec])


def test_a_network_is_tested_on_every_pair_of_contrasts_and_resumes_to_the_bit(cells, tmp_path):
    trial, whole, killed = trial_of(cells, "seq2seq"), Store(tmp_path / "whole"), Store(tmp_path / "killed")
    record = run_trial.run(trial, whole, True)
    assert record.status == "done", record.error
    kept = whole.predictions(trial.key)
    assert len(kept["ids"]) == 12 * record.sizes["test_groups"] == 12 * len(set(kept["groups"]))
    assert kept["ids"][0] == f"{kept['groups'][0]}: T1 > T1Gd"
    assert set(zip(kept["source"], kept["target"], strict=True)) == {
        (one, other) for one in range(4) for other in range(4) if one != other
    }
    assert np.mean(kept["psnr"]) == pytest.approx(record.metrics["selected"]["psnr"])
    np.testing.assert_allclose(kept["scan_scores"], kept["psnr"])
    assert kept["missing"].shape == kept["measured"].shape == (4, 19, 22, 19)

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial.run(trial, killed, True, stop)
    again = run_trial.run(trial, killed, True)
    assert again.resolved["resumed_at_step"] == 2
    assert plain(again.metrics) == plain(record.metrics)
    assert killed.weights(trial.key).read_bytes() == whole.weights(trial.key).read_bytes()
    with pytest.raises(BenchError, match="translation cannot be explained or stressed"):
        trained_model.load(whole, trial.key)


def test_a_curriculum_runs_and_what_cannot_be_done_is_refused_with_a_reason(cells, tmp_path):
    store = Store(tmp_path / "results")
    records = {arm: run_trial.run(trial_of(cells, arm), store) for arm in ("blurred", "small first", *REASONS)}
    for arm in ("blurred", "small first"):
        assert records[arm].status == "done", records[arm].error
    for arm, reason in REASONS.items():
        assert records[arm].status == "refused"
        assert reason in records[arm].error["message"]


def test_the_oracle_bounds_what_a_perfect_reader_reaches_and_the_lesion_shows_in_one_contrast_alone():
    given = {"mm": 8.0, "subjects": 4}
    made = (registry.make("datasets", "phantom_modalities", {**given, "effect": effect}) for effect in (1.0, 0.0))
    with_lesion, without = ([sample.read() for sample in each.samples(None)] for each in made)
    for one, other in zip(with_lesion, without, strict=True):
        changed = (one.image != other.image).reshape(4, -1).any(axis=1)
        assert changed.tolist() == [False, True, False, False]
        assert one.mask.any()
        assert not other.mask.any()
        assert (one.image[1][one.mask > 0] > other.image[1][one.mask > 0]).mean() > 0.95
    quiet = registry.make("datasets", "phantom_modalities", {**given, "effect": 0.0, "noise": 0.0})
    truth = np.stack([sample.read().image for sample in quiet.samples(None)]).astype(float)
    measured = np.stack([scan.image for scan in without]).astype(float)
    inside = (truth > 20).any(axis=1)
    errors = [
        (truth - measured)[row, at][inside[row]] / np.percentile(measured[row, at][inside[row]], 95)
        for row in range(4)
        for at in range(4)
    ]
    best = np.mean([-10 * np.log10(np.square(error).mean()) for error in errors])
    oracle = quiet.__class__(**{**given, "effect": 0.0}).samples(None)[0].covariates["oracle"]
    assert oracle - 1.5 < best < oracle


def test_a_larger_lesion_has_its_volume_and_takes_less_of_the_head_than_what_lies_above_the_range():
    sizes = (1.0, 1.25)
    made = [registry.make("datasets", "phantom_modalities", {**TINY, "size": size}) for size in sizes]
    small, large = ([sample.read() for sample in each.samples(None)] for each in made)
    volumes = [sum(int((scan.mask > 0).sum()) for scan in scans) for scans in (small, large)]
    assert volumes[1] == pytest.approx(1.25**3 * volumes[0], rel=0.1)
    assert max((scan.mask > 0).sum() / inside_head(scan.image).sum() for scan in large) < 0.05
    with pytest.raises(BenchError, match=r"size must be between 0.3 and 1.25"):
        registry.make("datasets", "phantom_modalities", {"size": 1.4})


CURVES = {"grey values": Arm("grey_values")}


@pytest.mark.parametrize("place", ["T1Gd", "T2"])
def test_the_contrast_with_the_lesion_is_ranked_first_in_all_folds(place, tmp_path, one_format):
    bench.run(study(CURVES, {**TINY, "lesion": place}), name="ranked", launcher="serial", progress=False)
    (found,) = analyse_modalities("ranked", tmp_path / "results")
    rows = found.importance.set_index("contrast")
    assert rows["first_in"][place] == found.folds == 3
    assert rows["differentiation"].idxmax() == place
    assert rows["low"][place] > rows["differentiation"].drop(place).max()
    assert rows["finds_label"][place] > 0.95
    assert rows["finds_label"].drop(place).max() < 0.9


def test_the_command_ranks_the_contrast_with_the_lesion_first(tmp_path, one_format, capsys, monkeypatch):
    arms = {**CURVES, "mean image": Arm("mean_image")}
    results = bench.run(study(arms, TINY), name="shown", launcher="serial", progress=False)
    page = results.path.read_text()
    assert "How easy each contrast of phantom_modalities (phantom) is to generate" in page
    assert "The measured contrasts of one scan of phantom_modalities (phantom)" in page
    status, text = run_command(capsys, monkeypatch, "modalities", "--study", "shown", "--arm", "grey values", "--json")
    assert status == 0, text
    (entry,) = json.loads(text)["results"]
    assert max(entry["importance"], key=lambda row: row["differentiation"])["contrast"] == "T1Gd"
    folder = tmp_path / "results" / "shown" / "modalities"
    assert len(pd.read_csv(folder / "pairs.csv")) == 12
    image = nib.load(folder / "phantom_modalities" / "grey values" / "fold-0" / "missing-T1Gd.nii.gz")
    label = nib.load(folder / "phantom_modalities" / "grey values" / "fold-0" / "label.nii.gz").get_fdata() > 0
    assert image.header.get_zooms() == (10.0, 10.0, 10.0)
    assert image.get_fdata()[label].mean() > 5 * image.get_fdata()[~label].mean()
    status, text = run_command(capsys, monkeypatch, "modalities", "--study", "shown")
    assert status == 0
    assert "95 %" in text
    assert str(folder) in text
    status, text = run_command(capsys, monkeypatch, "modalities", "--study", "shown", "--arm", "other")
    assert status == 2
    assert "no arm 'other'; its arms: grey values, mean image" in text


@pytest.mark.slow
def test_a_trained_network_ranks_the_contrast_with_the_lesion_first_in_all_folds(tmp_path):
    """The loss of the shipped study that learns fastest, on the data and with the budget of that study."""
    bench.run("modality_importance", arms=["translation alone"], launcher="serial", progress=False, results=tmp_path)
    (found,) = analyse_modalities("modality_importance", tmp_path)
    rows = found.importance.set_index("contrast")
    assert rows["first_in"]["T1Gd"] == found.folds == 5
    assert rows["low"]["T1Gd"] > rows["differentiation"].drop("T1Gd").max()
    assert rows["finds_label"]["T1Gd"] > 0.95


@pytest.mark.slow
def test_serial_and_ray_give_the_same_records(tmp_path):
    made = study({arm: ARMS[arm] for arm in ("copy", "seq2seq")}, TINY)
    found = []
    for launcher in ("serial", "ray"):
        bench.run(made, name="same", launcher=launcher, results=tmp_path / launcher, progress=False)
        found.append(without_times(Store(tmp_path / launcher)))
    assert len(found[0]) == 6
    assert found[0] == found[1]
