"""Predictions from elsewhere: the exported folds, what is refused by name, and what the report says of them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from command_line import run_command
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bench.core import BenchError, Split
from bench.core.outside_arm import OUTSIDE
from bench.data import splits
from bench.data.prepare import prepare
from bench.experiments import api
from bench.experiments.outside.division import divide
from bench.experiments.outside.folds_file import write_folds
from bench.experiments.outside.outside_records import Declaration
from bench.experiments.outside.prediction_checks import predictions_by_fold
from bench.experiments.outside.predictions_file import read_predictions
from bench.experiments.outside.score_predictions import ScoreRequest, score_predictions
from bench.report import paper
from bench.report.tables import read
from bench.storage.anonymise import alias

CLASSES = ["probability_healthy", "probability_patient"]


@pytest.fixture
def tiny(plugins):
    """24 people in 2 folds x 2 partitions."""
    prepare("tiny_volumes")
    return divide("tiny_volumes", {}, 2, 2)


def folds_of(division, tmp_path: Path, aliased: bool = False) -> pd.DataFrame:
    write_folds(division, tmp_path / "folds.csv", aliased)
    return pd.read_csv(tmp_path / "folds.csv")


def predicted(division, tmp_path: Path, aliased: bool = False) -> pd.DataFrame:
    """A pipeline elsewhere: it predicts the test part of every fold of the exported table."""
    folds = folds_of(division, tmp_path, aliased)
    tested = folds[folds["part"] == "test"].reset_index(drop=True)
    sure = np.random.default_rng(0).random(len(tested)).round(3)
    return tested[["partition", "fold", "id"]].assign(probability_healthy=1 - sure, probability_patient=sure)


def request(path: Path, name: str = "theirs", trained: str = "folds", **more) -> ScoreRequest:
    sizes = {"folds": 2, "partitions": 2, **more}
    return ScoreRequest(path, sizes.pop("data", "tiny_volumes"), Declaration(name, trained), **sizes)


def test_the_exported_folds_are_those_that_trials_are_trained_on(tiny, tmp_path):
    folds = folds_of(tiny, tmp_path)
    assert set(folds["fingerprint"]) == {tiny.prepared.fingerprint}
    for partition in range(2):
        for number in range(2):
            mine = folds[(folds["partition"] == partition) & (folds["fold"] == number)]
            wanted = splits.fold(tiny.prepared, Split(folds=2), partition, number)
            for part in ("train", "val", "test"):
                rows = getattr(wanted, part)
                assert mine[mine["part"] == part]["id"].tolist() == [tiny.prepared.ids[row] for row in rows]
            assert mine.groupby("group")["part"].nunique().max() == 1


def test_a_file_that_names_people_is_for_its_owner_alone_and_never_lies_in_the_results(tiny, tmp_path):
    folds_of(tiny, tmp_path)
    assert stat.S_IMODE((tmp_path / "folds.csv").stat().st_mode) == 0o600
    with pytest.raises(BenchError, match="names of scans and people"):
        write_folds(tiny, tmp_path / "results" / "folds.csv")
    write_folds(tiny, tmp_path / "results" / "folds.csv", aliased=True)
    text = (tmp_path / "results" / "folds.csv").read_text()
    assert "p00" not in text
    assert alias("tiny_volumes", "p00-0") in text


def changed(table: pd.DataFrame, **values) -> pd.DataFrame:
    """The table with other values in its first row."""
    table = table.copy()
    for name, value in values.items():
        table[name] = table[name].astype(object)
        table.loc[0, name] = value
    return table


def logits(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(probability_healthy=-2.0, probability_patient=3.1)


def of_training(table: pd.DataFrame) -> pd.DataFrame:
    """Fold 0 has the scans of fold 1 as well, on which it was trained."""
    other = table[(table["partition"] == 0) & (table["fold"] == 1)]
    return pd.concat([table, other.assign(fold=0)])


def own_folds(table: pd.DataFrame) -> pd.DataFrame:
    """Folds of somebody's own: a few people have changed places."""
    first = table.index[(table["partition"] == 0) & (table["fold"] == 0)][:3]
    other = table.index[(table["partition"] == 0) & (table["fold"] == 1)][:3]
    return table.assign(fold=table["fold"].where(~table.index.isin([*first, *other]), 1 - table["fold"]))


REFUSED = {
    "missing people": (lambda t: t.drop(index=t.index[0]), "lacks 1 of .* test scans"),
    "people twice": (lambda t: pd.concat([t, t.head(1)]), r"has 1 scan twice, .* \(rows 2 and 66\)"),
    "people of the training part": (of_training, "of people of its training or validation part"),
    "wrong folds": (own_folds, "wrong folds"),
    "a fold that there is not": (lambda t: pd.concat([t, t.head(9).assign(fold=7)]), "fold 7 .*wrong folds"),
    "a fold without predictions": (lambda t: t[t["partition"] == 0], "fold 0 of partition 1 has no predictions"),
    "unknown people": (lambda t: changed(t, id="p99-0"), r"1 id not in tiny_volumes, for example 'p99-0' \(row 2\)"),
    "logits": (logits, "row 2: .* look like logits"),
    "sums other than one": (lambda t: changed(t, probability_patient=0.97, probability_healthy=0.9), "sum to one"),
    "NaN": (lambda t: changed(t, probability_patient="nan"), "not a finite number"),
    "a word in place of a number": (lambda t: changed(t, probability_patient="high"), "row 2: .* not a finite number"),
    "wrong classes": (lambda t: t.rename(columns={CLASSES[1]: "probability_ill"}), "the classes are healthy, patient"),
    "no folds": (lambda t: t.drop(columns=["partition", "fold"]), "have no partition and fold"),
    "targets of other people": (lambda t: t.assign(target="healthy"), "the ids are of other scans"),
    "several seeds": (lambda t: t.assign(seed=range(len(t))), "seeds"),
    "a row without a method": (lambda t: changed(t.assign(arm="theirs"), arm=" "), "the column arm is empty"),
    "half a fold": (lambda t: t.assign(fold=t["fold"] + 0.5), "row 2: fold is '0.5', no whole number"),
    "an infinite fold": (lambda t: changed(t, fold="inf"), "fold is 'inf', no whole number from 0"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "words"), REFUSED.values(), ids=REFUSED)
def test_predictions_that_do_not_fit_are_refused_by_name(spoil, words, tiny, tmp_path):
    path = tmp_path / "theirs.csv"
    table = predicted(tiny, tmp_path)
    table.to_csv(path, index=False)
    (good,) = read_predictions(path, tiny.prepared.task, "theirs")
    assert len(predictions_by_fold(tiny, good, "folds")) == 4
    spoil(table).to_csv(path, index=False)
    with pytest.raises(BenchError, match=words):
        score_predictions(request(path), tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_the_score_is_that_of_scikit_learn_in_each_fold_and_the_report_says_what_is_unknown(tiny, tmp_path, one_format):
    table = predicted(tiny, tmp_path, aliased=True)
    table.to_csv(tmp_path / "theirs.csv", index=False)
    page = score_predictions(request(tmp_path / "theirs.csv"), tmp_path / "results")
    truth = {alias("tiny_volumes", name): int(name[1:3]) % 2 for name in tiny.prepared.ids}
    parts = table.groupby(["partition", "fold"])
    wanted = np.mean([roc_auc_score(part["id"].map(truth), part["probability_patient"]) for _, part in parts])
    scores = pd.read_csv(page.parent / "scores.csv")
    assert scores["arm"].tolist() == ["theirs (not trained here)"]
    assert scores["family"].tolist() == ["outside"]
    assert scores["score"].tolist() == pytest.approx([wanted])
    assert scores[["validation", "last", "best_of_all", "parameters", "train_seconds"]].isna().all(axis=None)
    text = page.with_name("report.md").read_text()
    assert "how its model was selected is unknown; whether it has seen the test people is unknown" in text
    assert "nothing was trained here" in text
    card = (paper.build(page.parent.name, tmp_path / "results") / "model-card.md").read_text()
    assert "its predictions were read from a file" in card
    assert "whom it learnt from is not known" in card
    assert f"AUC {wanted:.3f}" in card


def test_a_trained_arm_whose_predictions_come_back_has_the_same_score_and_changes_no_test_of_the_study(
    tiny, tmp_path, one_format
):
    results = api.run("pair", launcher="serial", progress=False)
    saved = pd.read_csv(results.path.parent / "predictions.csv")
    saved[saved["arm"] == "net"].drop(columns="data").assign(arm="theirs").to_csv(tmp_path / "back.csv", index=False)
    page = score_predictions(request(tmp_path / "back.csv", study="pair", new="both"), tmp_path / "results")
    scores = pd.read_csv(page.parent / "scores.csv").set_index("arm")
    assert scores.loc["theirs (not trained here)", "score"] == pytest.approx(scores.loc["net", "score"])
    before = pd.read_csv(results.path.parent / "contrasts.csv").set_index("arm").loc["constant"]
    after = pd.read_csv(page.parent / "contrasts.csv").set_index("arm")
    pd.testing.assert_series_equal(before, after.loc["constant"])
    assert after.loc["theirs (not trained here)", "primary"] == False  # noqa: E712  (numpy's)
    assert after.loc["theirs (not trained here)", "verdict"].startswith("exploratory: ")
    plan = json.loads((tmp_path / "results" / "both" / "plan.json").read_text())
    own = {cell["key"] for cell in plan["cells"] if cell["method"] == OUTSIDE}
    assert own.isdisjoint(cell["key"] for cell in plan["cells"] if cell["method"] != OUTSIDE)
    assert api.run("pair", launcher="serial", progress=False).status["done"] == 4


@pytest.mark.parametrize(("exchanged", "told"), [(False, 0), (True, 1)])
def test_a_file_whose_score_is_worse_than_chance_is_told_that_its_classes_may_be_exchanged(
    exchanged, told, tiny, tmp_path, one_format
):
    table = predicted(tiny, tmp_path)
    known = table["id"].map(dict(zip(tiny.prepared.ids, tiny.prepared.targets, strict=True)))
    sure = 0.1 + 0.7 * known + 0.1 * table["probability_patient"]
    columns = dict(zip(CLASSES[::-1] if exchanged else CLASSES, (1 - sure, sure), strict=True))
    table.assign(**columns).to_csv(tmp_path / "theirs.csv", index=False)
    score_predictions(request(tmp_path / "theirs.csv"), tmp_path / "results")
    text = (tmp_path / "results" / "score-theirs" / "report.md").read_text()
    assert text.count("worse than chance (0.500) with its whole interval") == told


def test_what_was_trained_elsewhere_needs_no_folds_and_is_not_declared_to_have_had_them(plugins, tmp_path, one_format):
    params = {"kind": "regression"}
    prepared = prepare("tiny_volumes", params)
    guess = prepared.targets + np.arange(len(prepared.ids)) % 3
    pd.DataFrame({"id": prepared.ids, "prediction": guess}).to_csv(tmp_path / "surfer.csv", index=False)
    page = score_predictions(
        request(tmp_path / "surfer.csv", "surfer", "elsewhere", params=params), tmp_path / "results"
    )
    (run, *_) = read("score-surfer", tmp_path / "results").sections[0].runs
    rows = splits.fold(prepared, Split(folds=2), 0, 0).test
    assert run.score("mae") == pytest.approx(np.mean(np.arange(len(prepared.ids))[rows] % 3))
    assert (
        "trained elsewhere: on whom, and whether they are among the people" in page.with_name("report.md").read_text()
    )


@pytest.fixture
def masks(plugins, tmp_path):
    """A data set of masks, and a folder of its true masks, moved by one voxel."""
    params = {"kind": "segmentation"}
    prepared = prepare("tiny_volumes", params)
    (tmp_path / "maps").mkdir()
    for row, name in enumerate(prepared.ids):
        moved = np.roll(prepared.masks()[row], 1, axis=0)
        nib.save(nib.Nifti1Image(moved, prepared.affine(row)), tmp_path / "maps" / f"{name}.nii.gz")
    return prepared, tmp_path / "maps", request(
        tmp_path / "maps", "nnunet", "elsewhere", params=params, folds=2, partitions=1
    )  # fmt: skip


def test_label_maps_are_scored_by_their_overlap(masks, tmp_path, one_format):
    _, _, wanted = masks
    page = score_predictions(wanted, tmp_path / "results")
    (entry,) = pd.read_csv(page.parent / "scores.csv").to_dict("records")
    assert entry["score"] == pytest.approx(4 / 5)  # cubes of 5 voxels that share 4 of 5 slices
    assert entry["arm"] == "nnunet (not trained here)"


def test_the_written_labels_are_a_perfect_prediction_and_the_written_scans_are_the_prepared_ones(
    plugins, tmp_path, capsys, monkeypatch, one_format
):
    prepared = prepare("tiny_volumes", {"kind": "segmentation"})
    kind = ("--set", "kind=segmentation", "--folds", "2", "--partitions", "1")
    command = ("folds", "tiny_volumes", "--out", "folds.csv", "--scans", "nifti")
    assert run_command(capsys, monkeypatch, *command, *kind)[0] == 0
    for row, name in enumerate(prepared.ids):
        scan = nib.load(tmp_path / "nifti" / "scans" / f"{name}_0000.nii.gz")
        np.testing.assert_array_equal(np.asanyarray(scan.dataobj), prepared.images()[row, 0])
        np.testing.assert_allclose(scan.affine, prepared.affine(row))
    command = ("score", "nifti/labels", "--data", "tiny_volumes", "--trained", "elsewhere")
    status, text = run_command(capsys, monkeypatch, *command, *kind)
    assert status == 0
    assert pd.read_csv(Path(text.strip()).parent / "scores.csv")["score"].tolist() == [1.0]


WRONG_MAPS = {
    "another size": (lambda labels, affine: (labels[:-1], affine), "bring it to the grid"),
    "another place": (lambda labels, affine: (labels, affine + np.eye(4)[:, [3, 0, 1, 2]]), "lies on another grid"),
    "a class too many": (lambda labels, affine: (labels * 4, affine), "has the value 4"),
    "probabilities": (lambda labels, affine: (labels * 0.5, affine), "has the value 0.5"),
    "NaN": (lambda labels, affine: (np.where(labels, np.nan, 0.0), affine), "NaN or infinite"),
    "colours": (lambda labels, affine: (np.zeros(labels.shape, [(c, "u1") for c in "RGB"]), affine), "of the type"),
}


@pytest.mark.parametrize(("spoil", "words"), WRONG_MAPS.values(), ids=WRONG_MAPS)
def test_label_maps_that_do_not_fit_are_refused_by_name(spoil, words, masks, tmp_path):
    prepared, folder, wanted = masks
    labels, affine = spoil(np.array(prepared.masks()[3]), prepared.affine(3))
    nib.save(nib.Nifti1Image(labels, affine), folder / f"{prepared.ids[3]}.nii.gz")
    with pytest.raises(BenchError, match=words):
        score_predictions(wanted, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_the_commands_of_the_guide_score_a_pipeline_of_scikit_learn(plugins, tmp_path, one_format, capsys, monkeypatch):
    prepared = prepare("tiny_volumes")
    sizes = ("--folds", "2", "--partitions", "1")
    assert run_command(capsys, monkeypatch, "folds", "tiny_volumes", "--out", "folds.csv", *sizes)[0] == 0
    folds = pd.read_csv("folds.csv")
    images = prepared.images().reshape(len(prepared.ids), -1)
    features = pd.DataFrame(images, index=list(prepared.ids))
    target = pd.Series(prepared.targets.astype(int), index=list(prepared.ids))
    made = []
    for (partition, fold), rows in folds.groupby(["partition", "fold"]):
        ids = {part: each["id"].tolist() for part, each in rows.groupby("part")}
        model = LogisticRegression(C=1e-3).fit(features.loc[ids["train"]], target[ids["train"]])
        sure = model.predict_proba(features.loc[ids["test"]])
        columns = {"probability_0": sure[:, 0], "probability_1": sure[:, 1]}
        made.append(pd.DataFrame({"partition": partition, "fold": fold, "id": ids["test"], **columns}))
    pd.concat(made).to_csv("pipeline.csv", index=False)
    status, text = run_command(capsys, monkeypatch, "score", "pipeline.csv", "--data", "tiny_volumes", *sizes)
    assert status == 0
    scores = pd.read_csv(Path(text.strip()).parent / "scores.csv")
    parts = [(target[each["id"]], each["probability_1"]) for each in made]
    assert scores["score"].tolist() == pytest.approx([np.mean([roc_auc_score(*part) for part in parts])])
