"""The reader of BIDS trees, the reader of NIfTI files, and the two tasks on OASIS-1."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from pathlib import Path

import bids_trees
import nibabel as nib
import numpy as np
import pytest

from bench import registry
from bench.core import BenchError
from bench.data.readers.bids import scans as rows_of
from bench.data.readers.nifti import read_scan

LAYOUT = "a BIDS tree"


def rows(root: Path, *columns: str) -> list:
    return rows_of(root, columns, LAYOUT)


def test_the_values_of_a_session_go_before_those_of_the_person(tmp_path):
    bids_trees.write_table(tmp_path / "participants.tsv", [{"participant_id": "sub-1", "sex": "M", "age": 50}])
    sessions = [{"participant_id": "sub-1", "session_id": f"ses-{n}", "age": age} for n, age in ((1, 60), (2, "n/a"))]
    bids_trees.write_table(tmp_path / "sessions.tsv", sessions)
    (tmp_path / "sub-1").mkdir()
    found = rows(tmp_path, "age", "sex")
    assert [row.id for row in found] == ["sub-1_ses-1", "sub-1_ses-2"]
    assert [row.number("age") for row in found] == [60.0, None]
    assert [row.text("sex") for row in found] == ["M", "M"]


def test_sessions_are_read_from_tables_of_each_person(tmp_path):
    bids_trees.write_table(tmp_path / "participants.tsv", [{"participant_id": "sub-1", "sex": "M"}])
    bids_trees.write_table(tmp_path / "sub-1" / "sub-1_sessions.tsv", [{"session_id": "ses-2", "age": 71}])
    (row,) = rows(tmp_path, "age", "sex")
    assert (row.id, row.number("age"), row.text("sex")) == ("sub-1_ses-2", 71.0, "M")


def test_without_a_table_of_sessions_every_session_that_is_there_counts(tmp_path):
    bids_trees.write_table(tmp_path / "participants.tsv", [{"participant_id": f"sub-{n}", "age": 60} for n in (1, 2)])
    paths = [bids_trees.scan_path(tmp_path, "sub-1", session) for session in ("ses-1", "ses-2")]
    paths.append(tmp_path / "sub-2" / "anat" / "sub-2_run-1_T1w.nii")
    for path in paths:
        path.parent.mkdir(parents=True)
        path.touch()
    found = rows(tmp_path, "age")
    assert [(row.id, row.path) for row in found] == [
        ("sub-1_ses-1", paths[0]),
        ("sub-1_ses-2", paths[1]),
        ("sub-2", paths[2]),
    ]


def _no_folder(root: Path) -> None:
    root.rmdir()


def _no_people(root: Path) -> None:
    (root / "scan.nii").touch()


def _no_table(root: Path) -> None:
    (root / "sub-1").mkdir()


def _no_column(root: Path) -> None:
    (root / "sub-1").mkdir()
    bids_trees.write_table(root / "participants.tsv", [{"participant_id": "sub-1", "sex": "M"}])


def _no_header(root: Path) -> None:
    (root / "sub-1").mkdir()
    bids_trees.write_table(root / "participants.tsv", [{"name": "sub-1"}])


def _climbs(root: Path) -> None:
    (root / "sub-1").mkdir()
    bids_trees.write_table(root / "participants.tsv", [{"participant_id": "../other", "age": 3}])


def _linked(root: Path) -> None:
    (root / "sub-1").mkdir()
    bids_trees.write_table(root.parent / "other.tsv", [{"participant_id": "sub-1", "age": 3}])
    (root / "participants.tsv").symlink_to(root.parent / "other.tsv")


def _no_text(root: Path) -> None:
    (root / "sub-1").mkdir()
    (root / "participants.tsv").write_bytes(b"participant_id\tage\nsub-1\t\xff\xfe\n")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_no_folder, "no folder .*; expected: a BIDS tree"),
        (_no_people, "no sub-\\* folder in .*; found: scan.nii; expected: a BIDS tree"),
        (_no_table, "no participants.tsv or sessions.tsv in .*; found: sub-1"),
        (_no_column, "have no column age; found: participant_id, sex"),
        (_no_header, "has no column participant_id; found: name"),
        (_climbs, "'../other' is not a BIDS label"),
        (_linked, "participants.tsv links to a file outside"),
        (_no_text, "participants.tsv, row 2 is not UTF-8; save the table as tab-separated text"),
    ],
)
def test_another_layout_is_refused_with_what_was_found_and_what_is_expected(tmp_path, spoil, says):
    root = tmp_path / "set"
    root.mkdir()
    spoil(root)
    with pytest.raises(BenchError, match=says):
        rows(root, "age")


def test_a_word_where_a_number_is_due_is_named(tmp_path):
    root = bids_trees.oasis(tmp_path, 1, age=["old"])
    with pytest.raises(BenchError, match="sub-0_ses-01: age is not a number: 'old'"):
        registry.make("datasets", "age_oasis").samples(root)


def test_a_volume_is_turned_to_left_right_posterior_anterior_inferior_superior(tmp_path):
    array = bids_trees.volume((4, 5, 6))
    assert (
        read_scan(bids_trees.write_scan(tmp_path / "a.nii.gz", array)).image[0, -1, 0, 0] == 10
    )  # the first axis is turned
    axes_swapped = np.array([[0, 2.0, 0, 0], [3, 0, 0, 0], [0, 0, 4, 0], [0, 0, 0, 1]])
    scan = read_scan(bids_trees.write_scan(tmp_path / "b.nii.gz", array, axes_swapped))
    assert scan.image.shape == (1, 5, 4, 6)
    assert scan.spacing == (2.0, 3.0, 4.0)


@pytest.mark.parametrize(("dtype", "saved"), [(np.uint8, np.uint8), (np.int16, np.float32), (np.float32, np.float32)])
def test_only_uint8_stays_what_it_is(tmp_path, dtype, saved):
    assert (
        read_scan(bids_trees.write_scan(tmp_path / "a.nii.gz", bids_trees.volume((3, 3, 3), dtype))).image.dtype
        == saved
    )


def test_scaled_integers_are_read_as_the_numbers_they_stand_for(tmp_path):
    image = nib.Nifti1Image(bids_trees.volume((3, 3, 3)), bids_trees.LAS)
    image.header.set_slope_inter(0.5, 1.0)
    (tmp_path / "a.nii").write_bytes(image.to_bytes())
    image = read_scan(tmp_path / "a.nii").image
    assert (image.dtype, image.max()) == (np.float32, 51.0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "truncated|not a NIfTI file"),
        (b"hello, this is not a gzip file at all", "not a (complete )?gzip file"),
        (gzip.compress(b"hello")[:-8] + b"otherend", "not a (complete )?gzip file"),
        (gzip.compress(b"hello"), "not a NIfTI file"),
        (gzip.compress(nib.Nifti1Image(bids_trees.volume((3, 3, 3)), bids_trees.LAS).to_bytes())[:-40], "truncated"),
        (gzip.compress(nib.Nifti1Image(bids_trees.volume((3, 3, 3)), bids_trees.LAS).to_bytes()[:-9]), "bytes"),
        (
            gzip.compress(nib.Nifti1Image(bids_trees.volume((3, 3, 3, 2)), bids_trees.LAS).to_bytes()),
            "has 4 dimensions, expected 3",
        ),
        (gzip.compress(nib.Nifti1Image(np.ones((3, 3, 3), np.complex64), bids_trees.LAS).to_bytes()), "complex64"),
    ],
    ids=["empty", "text", "wrong sum", "no image", "cut gzip", "cut image", "four axes", "complex"],
)
def test_a_broken_file_says_what_is_wrong(tmp_path, content, says):
    (tmp_path / "a.nii.gz").write_bytes(content)
    with pytest.raises((ValueError, OSError), match=says):
        read_scan(tmp_path / "a.nii.gz")


def test_the_dementia_task_includes_assessed_people_above_the_minimum_age(tmp_path):
    root = bids_trees.oasis(tmp_path, 5, age=[59, 60, 80, 81, "n/a"], cdr=[0.0, 0.0, "n/a", 2.0, 1.0])
    samples = registry.make("datasets", "ad_oasis").samples(root)
    assert [(sample.group, sample.target, sample.stratum) for sample in samples] == [
        ("sub-1", 0.0, "CDR 0"),
        ("sub-3", 1.0, "CDR > 0"),
    ]
    assert samples[1].covariates["age"] == 81.0
    assert len(registry.make("datasets", "ad_oasis", {"age": 50.0}).samples(root)) == 3


def test_ages_are_spread_by_decade(tmp_path):
    root = bids_trees.oasis(tmp_path, 3, age=[18, 69, 70])
    samples = registry.make("datasets", "age_oasis").samples(root)
    assert [(sample.target, sample.stratum) for sample in samples] == [
        (18.0, "10 to 19"),
        (69.0, "60 to 69"),
        (70.0, "70 to 79"),
    ]


def test_the_real_set_holds_198_people_for_dementia(scans):
    samples = registry.make("datasets", "ad_oasis").samples(scans / "oasis1")
    assert Counter(sample.stratum for sample in samples) == {"CDR 0": 98, "CDR > 0": 100}
    assert len({sample.group for sample in samples}) == 198
    assert min(sample.covariates["age"] for sample in samples) >= 60


def test_the_real_set_holds_436_sessions_of_416_people_for_age(scans):
    samples = registry.make("datasets", "age_oasis").samples(scans / "oasis1")
    assert (len(samples), len({sample.group for sample in samples})) == (436, 416)
    ages = [sample.target for sample in samples]
    assert (min(ages), max(ages)) == (18.0, 96.0)
    assert samples[0].read().image.dtype == np.uint8


def test_sex_is_read_from_the_tables(scans):
    root, dataset = scans / "oasis1", registry.make("datasets", "sex_oasis", {})
    with (root / "sessions.tsv").open() as table:
        lines = list(csv.DictReader(table, delimiter="\t"))
    truth = {f"{line['participant_id']}_{line['session_id']}": int(line["sex"] == "F") for line in lines}
    assert {sample.id: int(sample.target) for sample in dataset.samples(root)} == truth


def people_of_ages(root: Path, *ages: str) -> None:
    """A BIDS folder in which the ages of people are written in these ways."""
    table = [{"participant_id": f"sub-{n}", "age": age} for n, age in enumerate(ages, 1)]
    bids_trees.write_table(root / "participants.tsv", table)
    for row in table:
        (root / row["participant_id"]).mkdir()


def test_ages_without_an_upper_limit_count_as_the_cap_that_a_data_set_names(tmp_path):
    people_of_ages(tmp_path, "89+", ">89", ">= 89", "71.5", "n/a")
    found = rows_of(tmp_path, ("age",), LAYOUT, age_cap=90)
    assert [row.age() for row in found] == [90.0, 90.0, 90.0, 71.5, None]
    assert found[0].sample(1, "x", ("age",)).covariates == {"age": 90.0}


def test_a_cap_below_the_age_that_a_table_names_is_refused(tmp_path):
    people_of_ages(tmp_path, "71", "89+")
    with pytest.raises(BenchError, match=r"participants\.tsv, row 3: age is '89\+', above age_cap=85; raise age_cap"):
        rows_of(tmp_path, ("age",), LAYOUT, age_cap=85)
