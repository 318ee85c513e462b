"""Other ways to test than folds: the publisher's split, each site left out, other data; and who belongs together."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace

import command_line
import numpy as np
import pytest

from bench import registry, report
from bench.core import Arm, BenchError, Data, Recipe, Sample, Split, Study
from bench.data import splits
from bench.data.prepare import fingerprint, open_prepared, prepare
from bench.data.prepare.groups import merge_groups
from bench.data.prepare.journal import JournalEntry
from bench.experiments import launch, plan
from bench.storage.record_store import Store

STUDY = Study(
    "Where?",
    [Data("tiny_places")],
    "net",
    {"net": Arm("tiny_net"), "constant": Arm("constant")},
    floors=["constant"],
    folds=3,
    partitions=1,
    recipe=Recipe(steps=30, batch_size=8, points=5),
)


class Quiet:
    """A progress callback without output."""

    def __getattr__(self, name):
        return lambda *_: None


def ran(data, root):
    """The study on some data, its records by arm and fold."""
    for each in (each for one in data for each in (one, one.external) if each):
        prepare(each.name, each.params)
    study = replace(STUDY, datasets=data)
    found, _ = plan.locate(study, fingerprint)
    cells, store = plan.cells(study, found), Store(root)
    launch.launch(launch.outstanding(cells, store), store, "serial", Quiet())
    plan.write("ways", study, found, cells)
    return {(cell.arm, cell.trial.fold): store.get(cell.trial.key) for cell in cells}


@pytest.mark.parametrize("text", ["a", "a@site", "a@publisher", "a@b"])
def test_a_split_has_the_name_of_its_option(text):
    assert Data.parse(text).where == text


def test_a_publishers_split_is_used_unchanged_and_shared_groups_are_reported(plugins, tmp_path, one_format):
    prepared = prepare("tiny_places")
    fold = splits.fold(prepared, Split("publisher", 1), 0, 0)
    assert fold.test.tolist() == [1, 3, *range(30, 40)]
    assert sorted((*fold.train, *fold.val)) == [0, 2, *range(4, 30)]
    groups = np.array(prepared.groups)
    assert not set(groups[fold.train]) & set(groups[fold.val])
    assert splits.shared_groups(prepared, fold).tolist() == [True, True] + [False] * 10
    records = ran([Data("tiny_places", split="publisher")], tmp_path / "results")
    record = records["net", 0]
    assert (record.sizes["test"], record.sizes["test_shared"]) == (12, 2)
    arrays = Store(tmp_path / "results").predictions(record.trial.key)
    from sklearn.metrics import roc_auc_score

    remaining = ~splits.shared_groups(prepared, fold)
    y, result = arrays["y"], arrays["selected"][:, 1]
    assert record.metrics["unshared"]["auc"] == pytest.approx(roc_auc_score(y[remaining], result[remaining]))
    page = report.build("ways", tmp_path / "results").with_name("report.md").read_text()
    assert "2 of 12 test scans belong to a group" in page


def test_each_site_is_left_out_in_turn(plugins, tmp_path):
    records = ran([Data("tiny_places", {"places": 3}, split="site")], tmp_path / "results")
    prepared = open_prepared("tiny_places", {"places": 3})
    for number in range(3):
        ids = Store(tmp_path / "results").predictions(records["net", number].trial.key)["ids"]
        where = {prepared.sites[prepared.ids.index(str(each))] for each in ids}
        assert where == {f"place {number}"}
    assert ("net", 3) not in records


@pytest.mark.parametrize("split", ["site", "publisher"])
def test_sites_and_publishers_parts_are_divided_once_however_often_folds_are(plugins, tmp_path, split):
    """A second partition would test the same people again, and pass for further ones."""
    data = [Data("tiny_places", {"places": 3}, split=split), Data("tiny_places", {"places": 3})]
    for each in data:
        prepare(each.name, each.params)
    study = replace(STUDY, datasets=data, partitions=2)
    found, _ = plan.locate(study, fingerprint)
    cells = plan.cells(study, found)
    requested = {(cell.trial.where, cell.trial.partition) for cell in cells}
    assert requested == {(f"tiny_places@{split}", 0), ("tiny_places", 0), ("tiny_places", 1)}
    entries = plan.write("ways", study, found, cells).data
    assert [entry.partitions for entry in entries] == [1, 2]


def test_a_split_by_missing_sites_or_parts_is_refused(plugins):
    study = replace(STUDY, datasets=[Data("tiny_volumes", split="site")])
    found, _ = plan.locate(study, fingerprint)
    with pytest.raises(BenchError, match="has scans of fewer than two sites"):
        plan.cells(study, found)
    with pytest.raises(BenchError, match="no split of its publisher"):
        splits.fold(prepare("tiny_volumes"), Split("publisher", 1), 0, 0)
    with pytest.raises(BenchError, match="no split 'sites'; did you mean 'site'"):
        plan.locate(replace(STUDY, datasets=[Data("tiny_places", split="sites")]), fingerprint)


KINDS = {"black": "dark", "grey": "dark", "bright": "bright"}


@pytest.fixture
def external_study(plugins, tmp_path, monkeypatch):
    """The same kind of data under another name."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "tiny_elsewhere.py").write_text((plugins / "tiny_places.py").read_text())
    monkeypatch.setenv("BENCH_PLUGINS", f"{plugins}{os.pathsep}{tmp_path / 'more'}")
    registry.clear_cache()
    yield
    sys.modules.pop("bench_plugins.tiny_elsewhere")


def test_other_data_are_tested_on_with_their_own_classes(external_study, tmp_path, one_format):
    data = Data("tiny_places", {"kinds": True}, external=Data("tiny_images"), labels={})
    with pytest.raises(BenchError, match=r"does not say which class of .* is 'black'; give labels"):
        plan.locate(replace(STUDY, datasets=[data]), fingerprint)
    other = Data("tiny_elsewhere")
    data = Data("tiny_places", {"kinds": True}, external=other, labels=KINDS)
    records = ran([data], tmp_path / "results")
    record = records["net", 0]
    assert record.status == "done", record.error
    assert (record.sizes["test"], record.sizes["test_groups"]) == (40, 20)
    assert set(record.metrics["selected"]) >= {"auc"}
    assert record.metrics["selected"]["auc"] > 0.9
    result = Store(tmp_path / "results").predictions(record.trial.key)["selected"]
    assert result.shape == (40, 2)
    np.testing.assert_allclose(result.sum(1), 1)
    assert "tested on all of tiny_elsewhere" in (
        report.build("ways", tmp_path / "results").with_name("report.md").read_text()
    )


def test_one_network_cannot_read_scans_of_two_shapes(external_study, tmp_path):
    data = Data("tiny_places", external=Data("tiny_elsewhere", {"size": 12}))
    record = ran([data], tmp_path / "results")["net", 0]
    assert record.status == "refused"
    assert "but a network reads one shape" in record.error["message"]


@pytest.mark.parametrize(
    "pair",
    [("ad_mri2d", "ad_oasis"), ("ad_oasis", "age_oasis"), ("age_oasis", "sex_oasis"), ("age_ixi", "age_openbhb")],
)
def test_a_test_on_the_same_people_is_refused(pair):
    study = replace(STUDY, datasets=[Data(pair[0], external=Data(pair[1]))])
    with pytest.raises(BenchError, match=f"{pair[1]} cannot be the external test of {pair[0]}"):
        plan.locate(study, fingerprint, stand_ins=True)


def test_phantoms_can_be_requested_and_stand_in_for_both_of_a_pair(plugins):
    study = replace(STUDY, datasets=[Data("bt_mri", external=Data("bt_ct"))])
    (found,), notes = plan.locate(study, lambda name, params: "mark", phantoms=True)
    assert found.where == "phantom_bt_mri@phantom_bt_ct"
    assert found.external.labels["glioma"] == "tumor"
    assert "as requested" in notes[0]
    (found,), _ = plan.locate(study, lambda name, params: "mark")
    assert found.where == "bt_mri@bt_ct"
    one = {"bt_mri": "mark", "phantom_bt_mri": "made"}
    (found,), _ = plan.locate(study, lambda name, params: one.get(name), stand_ins=True)
    assert found.where == "phantom_bt_mri@phantom_bt_ct"  # phantom and real never share a row


def test_any_study_runs_on_other_data_by_name(plugins, tmp_path, one_format, capsys, monkeypatch):
    words = ["--datasets", "tiny_places@site,tiny_images", "--launcher", "serial"]
    status, printed = command_line.run_command(
        capsys, monkeypatch, "run", "--study", "tiny", "--arm", "constant", *words
    )
    assert status == 0, printed
    written = json.loads((tmp_path / "results" / "tiny-on-tiny_places@site+tiny_images" / "plan.json").read_text())
    assert [(each["name"], each["folds"]) for each in written["data"]] == [("tiny_places@site", 4), ("tiny_images", 2)]


def samples_of(*groups):
    return [Sample(f"s{at}", group, 0.0, "", lambda: None) for at, group in enumerate(groups)]


def test_scans_that_are_equal_are_in_one_group(plugins, tmp_path):
    entries = [JournalEntry(f"s{at}", "", image=image) for at, image in enumerate(["x", "y", "x", "z", "y"])]
    dataset = registry.make("datasets", "tiny_images")
    np.save(tmp_path / "images.npy", np.random.default_rng(0).normal(size=(5, *dataset.shape)))
    found = merge_groups(dataset, samples_of("a", "b", "c", "d", "a"), entries, tmp_path)
    assert found.groups == ("a", "a", "a", "d", "a")
    assert found.notes == ("4 groups were merged into 2: scans that are equal voxel by voxel share a group",)


@pytest.mark.parametrize(
    ("targets", "noted"), [((0, 1, 1, 0), True), ((1, 0, 1, 0), False), ((0, 1, np.nan, 0), False)]
)
def test_equal_scans_of_different_labels_are_counted(plugins, tmp_path, targets, noted):
    entries = [JournalEntry(f"s{at}", "", image=image) for at, image in enumerate(["x", "y", "x", "z"])]
    samples = [Sample(f"s{at}", f"g{at}", float(target), "", lambda: None) for at, target in enumerate(targets)]
    dataset = registry.make("datasets", "tiny_images")
    np.save(tmp_path / "images.npy", np.random.default_rng(0).normal(size=(4, *dataset.shape)))
    found = [note for note in merge_groups(dataset, samples, entries, tmp_path).notes if "label" in note]
    words = "2 scans have the voxels of a scan with another label; `bench audit NAME --json` names them"
    assert found == [words] * noted


def test_the_heads_of_the_four_class_slices_are_found_again(scans, tmp_path):
    made = prepare("ad_mri2d", {"stages": 2}, scans / "alz4")
    assert len(made.ids) == 6400
    assert len(set(made.groups)) == 200
    fold = splits.fold(made, Split("publisher", 1), 0, 0)
    assert splits.shared_groups(made, fold).all()
    for number in range(5):
        fold = splits.fold(made, Split(), 0, number)
        assert not splits.shared_groups(made, fold).any()


def test_an_arm_for_one_kind_of_task_is_on_no_data_of_another(plugins, tmp_path):
    arms = {**STUDY.arms, "masks": Arm("unet3d", {"channels": (4, 8)}, tasks=("segmentation",))}
    data = [Data("tiny_volumes"), Data("tiny_volumes", {"kind": "segmentation"})]
    for each in data:
        prepare(each.name, each.params)
    labels = []
    for each in data:
        found, _ = plan.locate(replace(STUDY, datasets=[each]), fingerprint)
        labels.append({cell.arm for cell in plan.cells(replace(STUDY, arms=arms), found)})
    assert labels == [{"net", "constant"}, {"net", "constant", "masks"}]
    with pytest.raises(BenchError, match="no kind of task 'masks'"):
        plan.check(replace(STUDY, arms={"net": Arm("tiny_net", tasks=("masks",))}, floors=[]), "ways")


def test_masks_are_predicted_from_a_padded_volume_and_by_the_most_frequent_one(plugins, tmp_path):
    arms = {"unet": Arm("unet3d", {"channels": (4, 8), "lr": 0.02}), "constant": Arm("constant")}
    data = Data("tiny_volumes", {"kind": "segmentation", "effect": 3.0})
    study = replace(
        STUDY, datasets=[data], arms=arms, reference="unet", recipe=Recipe(steps=60, batch_size=4, points=3)
    )
    prepare(data.name, data.params)
    found, _ = plan.locate(study, fingerprint)
    cells, store = [cell for cell in plan.cells(study, found) if cell.trial.fold == 0], Store(tmp_path / "r")
    launch.launch(launch.outstanding(cells, store), store, "serial", Quiet())
    scores = {cell.arm: store.get(cell.trial.key).metrics["selected"]["dice"] for cell in cells}
    assert scores["unet"] > 0.5
    assert scores["constant"] < 0.2
