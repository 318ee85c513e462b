"""Files without content, ages in other units, folders without images: each message has the remedy of its cause."""

from __future__ import annotations

import json
import re
from pathlib import Path

import bids_trees
import pytest
from test_every_reader import VOLUMES
from test_image_folders import pictures
from test_left_out import rows, touch

from bench import registry
from bench.core import BenchError
from bench.data.prepare import prepare
from bench.data.prepare.accounting import left_out_lines
from bench.data.readers.bids import scans


@pytest.mark.parametrize(
    ("units", "text", "years"),
    [
        ("months", "720", 60.0),
        ("Month", "6", 0.5),
        ("days", "7305", 20.0),
        ("weeks", "1461", 28.0),
        ("years", "60", 60.0),
        ("", "60", 60.0),
        (None, "60", 60.0),
    ],
)
def test_ages_are_years_whatever_unit_the_table_has(tmp_path, units, text, years):
    touch(tmp_path, "sub-1/anat/sub-1_T1w.nii.gz")
    described = {} if units is None else {"age": {"Description": "age at scan", "Units": units}}
    (tmp_path / "participants.json").write_text(json.dumps(described))
    (row,) = rows(tmp_path, "participants.tsv", "participant_id\tage", f"sub-1\t{text}")
    assert row.age() == row.number("age") == pytest.approx(years, rel=1e-9)
    assert row.sample(0.0, "x", ("age",)).covariates["age"] == pytest.approx(years, rel=1e-9)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"age": {"Units": "decades"}}', r"participants\.json gives age in 'decades'; known units: years, months"),
        ("{", r"participants\.json, which states the units, is not a readable JSON file"),
    ],
)
def test_an_age_whose_unit_is_not_known_is_refused(tmp_path, content, says):
    touch(tmp_path, "sub-1/anat/sub-1_T1w.nii.gz")
    (tmp_path / "participants.json").write_text(content)
    (row,) = rows(tmp_path, "participants.tsv", "participant_id\tage", "sub-1\t60")
    with pytest.raises(BenchError, match=rf"participants\.tsv, row 2: sub-1: {says}"):
        row.age()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("60,5", r"not a number: '60,5'; write a decimal point, as 60\.5"),
        ("89+", r"not a number: '89\+'; it is a range, not one number"),
        ("60-70", "it is a range, not one number"),
        (">89", "it is a range, not one number"),
        ("sixty", "write a number, or n/a if unknown"),
    ],
)
def test_an_age_that_is_no_number_has_the_remedy_of_its_cause(tmp_path, text, says):
    touch(tmp_path, "sub-1/anat/sub-1_T1w.nii.gz")
    (row,) = rows(tmp_path, "participants.tsv", "participant_id\tage", f"sub-1\t{text}")
    with pytest.raises(BenchError, match=says):
        row.age()


def test_a_quote_that_swallows_rows_is_refused(tmp_path):
    touch(tmp_path, "sub-1/anat/sub-1_T1w.nii.gz")
    with pytest.raises(BenchError, match=r"participants\.tsv is not a table .*a quoted cell spans several rows"):
        rows(tmp_path, "participants.tsv", "participant_id\tage", 'sub-1\t"60', 'sub-2\t61"')


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
ANNEX = b"/annex/objects/MD5E-s9--0.nii.gz\n"


def _link(path: Path) -> None:
    path.symlink_to("../../.git/annex/objects/XX/YY/MD5E-s9--0.nii.gz/MD5E-s9--0.nii.gz")


def _dead(path: Path) -> None:
    path.symlink_to("elsewhere.nii.gz")


WITHOUT = {
    "LFS": (lambda path: path.write_bytes(LFS), "is a pointer of Git LFS: .*git lfs pull"),
    "unlocked annex": (lambda path: path.write_bytes(ANNEX), "is a pointer of git-annex: .*datalad get"),
    "annex": (_link, "is a link of git-annex to content that is not on this machine; .*datalad get"),
    "a dead link": (_dead, r"is a link to elsewhere\.nii\.gz, which does not exist"),
}


@pytest.mark.parametrize("kind", WITHOUT)
def test_a_scan_without_content_is_named_with_the_command_that_fetches_it(tmp_path, kind):
    spoil, says = WITHOUT[kind]
    root = bids_trees.oasis(tmp_path / "set", 2)
    path = bids_trees.scan_path(root, "sub-0")
    path.unlink()
    spoil(path)
    with pytest.raises(BenchError, match=rf"sub-0_ses-01_T1w\.nii\.gz {says}"):
        prepare("age_oasis", source=root)


@pytest.mark.parametrize("name", ["sub-0_ses-01_T1w.NII.GZ", "sub-0_ses-01_t1w.nii.gz"])
def test_a_scan_whose_name_differs_in_case_is_named_beside_the_expected_one(tmp_path, name):
    root = bids_trees.oasis(tmp_path / "set", 2)
    path = bids_trees.scan_path(root, "sub-0")
    path.rename(path.with_name(name))
    with pytest.raises(BenchError, match=rf"no file {path.name}, but {name}, whose name differs in case; rename it"):
        prepare("age_oasis", source=root)


def test_a_name_with_a_line_break_stays_in_one_line_of_the_summary(tmp_path):
    root = bids_trees.oasis(tmp_path / "set", 4)
    path = bids_trees.scan_path(root, "sub-0")
    path.with_name("a\nb\x1b[2J_T1w.nii.gz").write_bytes(path.read_bytes())
    prepared = prepare("age_oasis", source=root)
    (line,) = [line for line in left_out_lines(prepared.manifest, prepared.folder) if "T1w" in line]
    assert r"a\nb\x1b[2J_T1w.nii.gz" in line
    assert line.isprintable()


@pytest.mark.parametrize("table", ["participants.tsv", "sessions.tsv"])
@pytest.mark.parametrize("kind", WITHOUT)
def test_a_table_without_content_is_not_taken_for_a_missing_one(tmp_path, kind, table):
    spoil, says = WITHOUT[kind]
    root = bids_trees.oasis(tmp_path / "set", 1)
    bids_trees.write_table(root / "participants.tsv", [{"participant_id": "sub-0", "site": "a"}])
    (root / table).unlink()
    spoil(root / table)
    with pytest.raises(BenchError, match=rf"{table} {says}"):
        scans(root, (), "a BIDS tree")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (["glioma/a.bmp", "glioma/b.tif"], r"its files end in \.bmp, \.tif; convert images to PNG"),
        (["glioma/more/a.png"], "its images lie deeper, in more; move them up into glioma"),
        ([], "the folder is empty: put the images there, or unpack"),
    ],
)
def test_a_class_folder_without_images_has_the_remedy_of_its_cause(tmp_path, files, says):
    root = pictures(tmp_path, "healthy/a.png", "meningioma/a.png")
    (root / "glioma").mkdir()
    touch(root, *files)
    with pytest.raises(BenchError, match=rf"no JPEG or PNG file in glioma of .*; {says}"):
        registry.make("datasets", "bt_mri").samples(root)


TABLES = {"ad_adni": "search.csv", "age_ixi": "IXI.csv", "age_openbhb": "participants.tsv"}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("kind", WITHOUT)
def test_a_table_without_content_is_named_in_every_set_with_a_table(tmp_path, kind, name):
    spoil, says = WITHOUT[kind]
    there = VOLUMES[name](tmp_path / "set")
    (there.root / TABLES[name]).unlink()
    spoil(there.root / TABLES[name])
    with pytest.raises(BenchError, match=rf"{re.escape(TABLES[name])} {says}"):
        registry.make("datasets", name, there.params).samples(there.root)
