"""A label that is not known never becomes a class: neither through the map of labels, nor behind a default."""

from __future__ import annotations

import re
from pathlib import Path

import bids_trees
import pytest
from test_image_folders import pictures
from test_paper_datasets import adni, openbhb

from bench import registry
from bench.core import BenchError, Dataset, Sample, Task
from bench.data.prepare.sample_list import list_samples, notes_on
from bench.data.readers.bids import scans
from bench.data.readers.labels import label_index

CLASSES = ("control", "patient")
UNKNOWN = ("Patient", "MCI", "patient\u200b", "patient,", "pa tient", "patient-", "1", "1.0", "true", "patienť", "控")


@pytest.mark.parametrize("text", UNKNOWN)
def test_an_unknown_label_is_refused_with_its_place_and_the_known_ones(text):
    with pytest.raises(BenchError, match=r"t\.tsv, row 2: .* is '.*'; known labels: control, patient"):
        label_index(text, CLASSES, "t.tsv, row 2: sub-1: group")


def test_an_invisible_sign_is_shown_and_the_near_label_named():
    with pytest.raises(BenchError, match=re.escape(r"is 'patient\u200b'; known labels: control, patient (did")):
        label_index("patient\u200b", CLASSES, "place")


@pytest.mark.parametrize(
    ("text", "known", "index"),
    [
        ("control", CLASSES, 0),
        ("patient", CLASSES, 1),
        ("0.50", {"0": 0, "0.5": 1}, 1),
        ("1.0", {"0": 0, "1": 1}, 1),
        ("01", {"0": 0, "1": 1}, 1),
    ],
)
def test_a_known_label_is_its_class_and_a_number_may_be_written_in_any_way(text, known, index):
    assert label_index(text, known, "place") == index


def test_a_missing_label_is_refused_unless_it_is_listed():
    with pytest.raises(BenchError, match=r"sub-1: group is missing; .*left_out=\('n/a',\)"):
        label_index(None, CLASSES, "sub-1: group")
    assert label_index(None, CLASSES, "sub-1: group", ("n/a",)) is None


def clinic(root: Path, *groups: str) -> Path:
    rows = [{"participant_id": f"sub-{at}", "age": 60 + at, "group": group} for at, group in enumerate(groups)]
    bids_trees.write_table(root / "participants.tsv", rows)
    for row in rows:
        path = root / row["participant_id"] / "anat" / f"{row['participant_id']}_T1w.nii.gz"
        path.parent.mkdir(parents=True)
        path.touch()
    return root


class Clinic(Dataset):
    """The data set of an older README: every label that is not `patient` has the first class."""

    title = source = licence = citation = layout = "clinic"
    task = Task("classification", "auc", CLASSES)
    shape = (1, 4, 4, 4)
    spacing = (1.0, 1.0, 1.0)

    def samples(self, root):
        rows = scans(root, ("age", "group"), self.layout)
        return [row.sample(float(row.text("group") == "patient"), row.text("group")) for row in rows]


class Mapped(Clinic):
    """The same, with a map of labels."""

    def samples(self, root):
        rows = [(row, row.label("group", CLASSES, ("n/a", "MCI"))) for row in scans(root, ("group",), self.layout)]
        return [row.sample(label, row.text("group")) for row, label in rows if label is not None]


@pytest.mark.parametrize(
    "text", [*UNKNOWN, "n/a", "", "control patient", "not control", "AD", "CONTROL", "con trol", "control,"]
)
def test_a_default_of_a_plug_in_is_found_by_its_strata(tmp_path, text):
    root = clinic(tmp_path, "control", "patient", text, "patient")
    with pytest.raises(BenchError, match=r"clinic: sub-2 has .*known labels: control, patient"):
        list_samples(Clinic(), "clinic", root)


@pytest.mark.parametrize("groups", [("MCI", "patient"), ("Control", "Patient"), ("1", "2")])
def test_a_default_is_found_where_no_row_has_the_first_class(tmp_path, groups):
    with pytest.raises(BenchError, match=r"clinic: sub-. has the label"):
        list_samples(Clinic(), "clinic", clinic(tmp_path, *groups))


def test_a_plug_in_whose_labels_are_all_known_is_read_as_before(tmp_path):
    samples, _ = list_samples(Clinic(), "clinic", clinic(tmp_path, "control", "patient", "control"))
    assert [sample.target for sample in samples] == [0.0, 1.0, 0.0]


def test_labels_that_are_to_be_left_out_are_counted_by_name(tmp_path):
    root = clinic(tmp_path, "control", "MCI", "n/a", "patient", "MCI")
    samples, log = list_samples(Mapped(), "clinic", root)
    assert [(sample.id, sample.target) for sample in samples] == [("sub-0", 0.0), ("sub-3", 1.0)]
    assert list(log.omitted) == [
        ("scans whose group is MCI", "sub-1"),
        ("scans whose group is n/a", "sub-2"),
        ("scans whose group is MCI", "sub-4"),
    ]


class Stages(Clinic):
    """Strata that are finer than the classes, which no map of labels gives."""

    def samples(self, root):
        finer = {"control": 0, "mild": 1, "severe": 1}
        return [row.sample(finer[row.text("group")], row.text("group")) for row in scans(root, ("group",), self.layout)]


def test_strata_that_are_finer_than_the_classes_are_no_defaults(tmp_path):
    samples, _ = list_samples(Stages(), "clinic", clinic(tmp_path, "control", "mild", "severe"))
    assert [sample.stratum for sample in samples] == ["control", "mild", "severe"]


@pytest.mark.parametrize("cdr", ["-1", "9", "0.25", "999", "mild", "0,5"])
def test_a_dementia_rating_that_does_not_exist_is_no_control(tmp_path, cdr):
    root = bids_trees.oasis(tmp_path, 2, cdr=[cdr, 0.5])
    with pytest.raises(BenchError, match=r"sessions\.tsv, row 2: sub-0_ses-01: cdr is '.*'; known labels: 0, 0\.5, 1"):
        registry.make("datasets", "ad_oasis").samples(root)


@pytest.mark.parametrize("group", ["cn", "CN?", "Alzheimer", "Dementia"])
def test_a_group_of_adni_that_is_not_known_is_not_left_out_silently(tmp_path, group):
    root = adni(tmp_path, (11, "002_S_0001", group, "bl", 100), (12, "002_S_0002", "AD", "bl", 100))
    with pytest.raises(BenchError, match=r"search\.csv, row 2: I11 of 002_S_0001: Group is '.*'; known labels: CN, AD"):
        registry.make("datasets", "ad_adni").samples(root)


@pytest.mark.parametrize("part", ["Train", "trian", "1", "holdout"])
def test_a_part_of_openbhb_that_is_not_known_is_refused(tmp_path, part):
    root = openbhb(tmp_path, ("111", "F", 30.5, 7, 2, part), shape=(1, 1, 1))
    with pytest.raises(BenchError, match=r"participants\.tsv, row 2: 111: split is '.*'; known parts: train, val"):
        registry.make("datasets", "age_openbhb").samples(root)


def sample(name: str, target: float, stratum: str) -> Sample:
    return Sample(name, name, target, stratum, lambda: None)


def test_classes_without_scans_targets_of_one_value_and_strata_of_one_scan_are_noted():
    three = Task("classification", "balanced_accuracy", ("a", "b", "c"))
    some = [sample("p", 0.0, "a"), sample("q", 1.0, "b"), sample("r", 1.0, "b")]
    assert notes_on(three, some) == ["no scan has the class c"]
    ages = [sample(name, 60.0, name) for name in "pqr"]
    assert notes_on(Task("regression", "mae"), ages) == [
        "all scans have the same target: there is nothing to predict",
        "3 strata have one scan each, so folds cannot be balanced by them",
    ]


def test_scans_that_are_in_no_part_of_the_publishers_split_are_counted(tmp_path):
    folders = ("Training", "Testing", "Validation")
    root = pictures(tmp_path, *(f"{part}/{each}/a.png" for part in folders for each in ("Healthy", "Tumor")))
    dataset = registry.make("datasets", "bt_ct")
    samples, _ = list_samples(dataset, "bt_ct", root)
    notes = notes_on(dataset.task, samples)
    assert notes == ["2 scans are in neither part of the publisher's split, which leaves them out"]
