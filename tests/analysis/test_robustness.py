"""Disturbed scans: corruptions that keep grid and type, the same for every arm; predictions of undisturbed scans are
those of the records; what was asked is kept, summed up and shown."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from synthetic_results import ArmSpec, DataSetSpec, write

from bench.analysis.robustness import robustness_run, trained_networks
from bench.analysis.robustness.corruptions import CORRUPTIONS, corrupt_scan
from bench.core import BenchError
from bench.evaluation.metrics import METRICS
from bench.report import tables
from bench.report.tables import robustness_curves_table, robustness_table
from bench.report.tables.robustness_scores import SCORES, RobustnessScores, read, scores
from bench.storage import robustness_cache
from bench.storage.record_store import Store
from bench.training import trained_model

VOLUME = ((1, 20, 24, 18), (2.0, 2.0, 3.0))
IMAGE = ((3, 24, 20), (1.0, 1.0))


def scan_of(shape, kind=np.float32):
    """A bright ellipsoid with a darker middle."""
    places = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape[1:]), indexing="ij")
    radius = np.sqrt(sum(place**2 for place in places))
    values = 150.0 * (radius < 0.8) - 60.0 * (radius < 0.3)
    return np.repeat(values[None], shape[0], 0).astype(kind)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize(("shape", "spacing"), [VOLUME, IMAGE], ids=["volume", "image"])
@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_a_corruption_keeps_grid_and_type_and_depends_on_the_scan_alone(name, shape, spacing, kind):
    scan = scan_of(shape, kind)
    before, state = scan.copy(), torch.get_rng_state()
    once, again = (corrupt_scan(scan, spacing, name, 3, "a") for _ in range(2))
    assert (once.shape, once.dtype) == (scan.shape, scan.dtype)
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(scan, before)
    torch.testing.assert_close(torch.get_rng_state(), state)
    assert np.isfinite(once).all()
    assert not np.array_equal(once, scan)
    assert corrupt_scan(scan, spacing, name, 0, "a") is scan
    if name not in ("blur", "contrast"):  # which have one way, or two
        assert not np.array_equal(once, corrupt_scan(scan, spacing, name, 3, "b"))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_stronger_corruption_is_further_from_the_scan(name):
    scan = scan_of(VOLUME[0])
    away = [
        np.mean([np.abs(corrupt_scan(scan, VOLUME[1], name, at, str(n)) - scan).mean() for n in range(6)])
        for at in range(6)
    ]
    assert away[0] == 0
    assert 0 < away[1] < away[5]
    assert CORRUPTIONS[name].levels == tuple(sorted(CORRUPTIONS[name].levels))


def test_known_corruptions_are_their_closed_forms():
    from scipy.ndimage import gaussian_filter

    scan, spacing = scan_of(VOLUME[0]), VOLUME[1]
    level = CORRUPTIONS["blur"].levels[4]
    found = corrupt_scan(scan, spacing, "blur", 5, "a")[0]
    expected = gaussian_filter(scan[0].astype(float), [level / step for step in spacing], mode="constant", truncate=6)
    np.testing.assert_allclose(found[4:-4, 4:-4, 4:-4], expected[4:-4, 4:-4, 4:-4], atol=1.5)
    gamma = corrupt_scan(scan, spacing, "contrast", 5, "a")
    powers = [150 * (scan / 150) ** power for power in (3, 1 / 3)]
    assert min(np.abs(gamma - power).max() for power in powers) < 1e-2
    empty = np.zeros_like(scan)
    empty[0, 0, 0, 0] = 100  # so that the noise has a scale: none elsewhere
    assert corrupt_scan(empty, spacing, "noise", 5, "a").min() >= 0
    noisy = corrupt_scan(np.full((1, 40, 40, 40), 100, np.float32), (1.0,) * 3, "noise", 5, "a")
    assert noisy.std() == pytest.approx(20, rel=0.05)  # Rician at a high ratio of signal to noise is normal


def test_motion_stays_about_the_scan():
    scan = scan_of((1, 40, 40, 40))
    moved = corrupt_scan(scan, (2.0,) * 3, "motion", 5, "a")
    centre = [
        np.average(np.arange(40), weights=moved[0].clip(0).sum(tuple(a for a in range(3) if a != axis)))
        for axis in range(3)
    ]
    np.testing.assert_allclose(centre, 19.5, atol=2.5)


def test_wrong_names_and_strengths_are_refused():
    with pytest.raises(BenchError, match="did you mean 'motion'"):
        corrupt_scan(scan_of(VOLUME[0]), VOLUME[1], "moton", 1, "a")
    with pytest.raises(BenchError, match="strengths are 0 to 5, not 6"):
        corrupt_scan(scan_of(VOLUME[0]), VOLUME[1], "blur", 6, "a")


@pytest.fixture
def ran(plugins, tmp_path, monkeypatch):
    """The smallest study, its weights kept and no report made."""
    from bench import report
    from bench.cli import app

    with monkeypatch.context() as patched:
        patched.setattr(report, "build", lambda *given: tmp_path)
        app(["run", "--study", "tiny", "--keep-weights", "--launcher", "serial"], standalone_mode=False)
    return tmp_path / "results"


def work_of(root, arms=(), corruptions=("noise",), study="tiny"):
    from bench.experiments import plan
    from bench.storage.record_store import Store

    folder = robustness_cache.folder_of(root, study)
    return robustness_run.plan_robustness(plan.read(study), Store(root), folder, arms, corruptions)


def test_undisturbed_scans_give_the_predictions_of_the_record_to_the_last_bit(ran):
    work = work_of(ran)
    assert {cell.arm for cell in work.cells} == {"constant", "net", "student", "fading"}
    robustness_run.run_robustness(work)
    for cell in work.cells:
        result = robustness_cache.read(work.folder, cell.key, work.store.mark(cell.key))
        np.testing.assert_array_equal(result["clean", 0], work.store.predictions(cell.key)["selected"])
        assert set(result) == {("clean", 0), *(("noise", at) for at in range(1, 6))}
        if cell.arm == "constant":
            np.testing.assert_array_equal(result["clean", 0], result["noise", 5])


def test_saved_predictions_are_reused_unless_their_record_changes(ran, monkeypatch):
    requested, ask = [], trained_networks.predict_corrupted
    monkeypatch.setattr(
        trained_networks,
        "predict_corrupted",
        lambda loaded, *what: requested.append((len(loaded), what)) or ask(loaded, *what),
    )
    robustness_run.run_robustness(work_of(ran, ["net"]))
    assert len(requested) == 2 * 6  # two folds
    work, steps = work_of(ran, corruptions=("noise", "blur")), []
    robustness_run.run_robustness(work, lambda done, total: steps.append((done, total)))
    assert sorted({count for count, _ in requested[12:]}) == [3, 4]  # the networks of a fold together; one is done
    assert steps[-1] == (work.total, work.total) == (8 * 11, 8 * 11)
    before = len(requested)
    robustness_run.run_robustness(work)
    assert len(requested) == before
    result = robustness_cache.read(work.folder, work.cells[0].key, "another record")
    assert result == {}


def test_scores_curves_and_losses_are_those_of_the_predictions(ran):
    work = work_of(ran, corruptions=("noise", "contrast"))
    robustness_run.run_robustness(work)
    (section,) = tables.read("tiny", ran).sections
    found = read(section)
    frame, drops, curves = (
        scores(found),
        robustness_table.drops(found).set_index("arm"),
        robustness_curves_table.curves(found),
    )
    auc = frame[frame["metric"] == "auc"]
    record = {run.place: run.score("auc") for run in section.of("net")}
    clean = auc[(auc["arm"] == "net") & (auc["corruption"] == "noise") & (auc["strength"] == 0)]
    assert [record[row.partition, row.fold, row.seed] for row in clean.itertuples()] == clean["score"].tolist()
    net = auc[auc["arm"] == "net"]
    by_fold = net.groupby("fold").apply(
        lambda some: some[some["strength"] == 0]["score"].mean() - some[some["strength"] > 0]["score"].mean(),
        include_groups=False,
    )
    assert drops.loc["net", "drop"] == pytest.approx(by_fold.mean())
    assert drops.loc["constant", "drop"] == 0
    assert drops.loc["net", "low"] <= drops.loc["net", "drop"] <= drops.loc["net", "high"]
    point = curves[(curves["arm"] == "net") & (curves["corruption"] == "noise") & (curves["strength"] == 5)].iloc[0]
    assert point["score"] == pytest.approx(net[(net["corruption"] == "noise") & (net["strength"] == 5)]["score"].mean())
    assert 0 <= point["low"] <= point["score"] <= point["high"] <= 1
    stress = next(table for table in tables.format_tables(_frames(ran)) if table.name == "stress")
    assert [row[0] for row in stress.rows] == ["constant", "net", "student", "fading"]
    assert "the mean over 2 corruptions at 5 strengths" in stress.caption


def _frames(root):
    return tables.section_tables(tables.read("tiny", root))[0]


def test_a_lower_score_that_is_better_loses_upwards():
    """The wrong-sign trap: an error that grows is a loss above 0."""
    from types import SimpleNamespace

    record = SimpleNamespace(sizes={"train": 8, "test": 4})
    runs = [
        SimpleNamespace(place=(0, fold, 0), cell=SimpleNamespace(key=str(fold)), done=True, record=record)
        for fold in range(2)
    ]
    section = SimpleNamespace(
        name="x", kind="real", sign=-1, external=False, metric=METRICS["mae"],
        task=SimpleNamespace(kind="regression", primary="mae", per_voxel=False),
        of=lambda arm, role="arm": runs, predictions=lambda run: {"y": np.arange(4.0), "groups": np.arange(4)},
    )  # fmt: skip
    expected = {("clean", 0): np.arange(4.0) + 1, **{("blur", at): np.arange(4.0) + 1 + at for at in range(1, 6)}}
    both = RobustnessScores(section, {"0": expected, "1": expected})
    row = dict(zip(robustness_table.DROPS, robustness_table._dropped(both, "a"), strict=True))
    assert (row["clean"], row["disturbed"], row["drop"], row["worst_drop"]) == (1, 4, 3, 3)
    assert row["worst"] == "blur"
    assert math.isnan(row["low"])  # two folds that agree say nothing of their error
    half = RobustnessScores(section, {"0": expected, "1": {key: expected[key] for key in [("clean", 0), ("blur", 1)]}})
    row = dict(zip(robustness_table.DROPS, robustness_table._dropped(half, "a"), strict=True))
    assert (row["folds"], row["folds_planned"]) == (1, 2)


def bench(*words, **more):
    return subprocess.run([sys.executable, "-m", "bench", *words], capture_output=True, text=True, check=False, **more)


def test_the_command_reports_the_loss_and_what_to_do_without_weights(ran):
    import shutil

    done = bench("stress", "--study", "tiny", "--arm", "net", "-c", "noise", "-c", "motion", "--json")
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout)
    assert [row["arm"] for row in output["drops"]] == ["net"]
    names = {path.name for path in (ran / "tiny" / "stress").iterdir()}
    assert {"scores.csv", "curves.csv", "drops.csv", "tiny_volumes-curves.png"} <= names
    frame = pd.read_csv(ran / "tiny" / "stress" / "scores.csv")
    assert list(frame.columns) == list(SCORES)
    assert set(frame["corruption"]) == {"noise", "motion"}
    assert set(frame["strength"]) == set(range(6))
    with pytest.raises(BenchError, match="has no arm 'nett'; its arms: constant, net"):
        work_of(ran, ["nett"])
    (ran / "trials" / work_of(ran, ["net"]).cells[0].key / "weights.safetensors").unlink()
    assert work_of(ran).lacking == {"net": 1}
    for path in (ran / "trials").glob("*/weights.safetensors"):
        path.unlink()
    with pytest.raises(BenchError, match="bench run --study tiny --keep-weights") as error:
        work_of(ran)
    assert error.value.status == 2
    shutil.rmtree(ran / "tiny")
    with pytest.raises(BenchError, match="the study tiny has not been run here"):
        work_of(ran)


def test_the_report_includes_corrupted_scans_after_a_stress_test(ran, one_format):
    from bench import report

    page = report.build("tiny", ran)
    assert "Disturbed scans" not in page.read_text()
    robustness_run.run_robustness(work_of(ran, ["net"]))
    page = report.build("tiny", ran)
    assert "Disturbed scans" in page.read_text()
    assert (page.parent / "figures" / "tiny_volumes-stress.svg").is_file()
    assert "Not every fold" not in page.read_text()


def test_help_and_the_report_of_disturbed_scans_need_no_torch():
    program = (
        "import sys\nfrom bench.cli import app\nimport bench.report.tables, bench.report.figures\n"
        "app(['stress', '--help'], standalone_mode=False)\n"
        "heavy = {'torch', 'ray', 'monai', 'torchio'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_masks_are_scored_on_their_own_grid(plugins, tmp_path):
    from dataclasses import replace

    from bench import registry
    from bench.core import Recipe, Split, Trial
    from bench.data.prepare import prepare
    from bench.experiments import run_trial
    from bench.storage.record_store import Store

    made, store = prepare("tiny_volumes", {"kind": "segmentation"}), Store(tmp_path / "results")
    method = registry.spec("methods", "tiny_net")
    trial = Trial(made.spec, method, Split(folds=2), recipe=Recipe(steps=40, batch_size=4, points=2))
    record = run_trial.run(replace(trial), store, keep=True)
    one = trained_model.load(store, trial.key)
    (clean,), (noisy,) = (
        trained_networks.predict_corrupted([one], "clean", 0),
        trained_networks.predict_corrupted([one], "noise", 5),
    )
    assert clean.mean() == pytest.approx(record.metrics["selected"]["dice"], abs=1e-12)
    assert clean.shape == noisy.shape == (len(one.data.fold.test),)
    assert not np.array_equal(clean, noisy)


def test_undisturbed_scans_have_the_interval_of_the_score(tmp_path):
    results = tables.gather(write(tmp_path, {"a": ArmSpec(0.7)}, [DataSetSpec("scans", people=60)]), Store(tmp_path))
    section = results.sections[0]
    result = {run.cell.key: {("clean", 0): section.predictions(run)["selected"]} for run in section.of("a")}
    point = robustness_curves_table._point(RobustnessScores(section, result), "a", "blur", 0)
    row = tables.section_tables(results)[0].scores.iloc[0]
    assert point[:3] == pytest.approx((row["score"], row["low"], row["high"]))
