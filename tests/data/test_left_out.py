"""Every file in a data folder is a scan of the set, a table, or left out with a reason and its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import run_command
from test_every_reader import IMAGES, VOLUMES
from test_image_folders import pictures
from test_labels import Clinic, clinic
from test_paper_datasets import left_out

from bench import registry
from bench.core import BenchError
from bench.data.prepare import open_prepared, prepare
from bench.data.prepare.accounting import account, left_out_counts, saved_names
from bench.data.prepare.sample_list import list_samples
from bench.data.readers.bids import Row, scans
from bench.data.readers.omissions import OmissionLog

STRANGERS = (
    ".DS_Store",
    ".git/HEAD",
    "__MACOSX/data/._001.nii.gz",
    "Thumbs.db",
    "derivatives/old/sub-0_ses-01_T1w.nii.gz",
    "scratch/sub-0_T2w.nii.gz",
    "a.png",
    "labels.mat",
    "dataset_description.json",
    "README",
)


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"\0\5\x16\7")


@pytest.mark.parametrize("name", [*VOLUMES, *IMAGES])
def test_every_file_of_every_set_is_read_or_named(tmp_path, name):
    there = {**VOLUMES, **IMAGES}[name](tmp_path / "set")
    dataset = registry.make("datasets", name, there.params)
    before, log = list_samples(dataset, name, there.root)
    assert not log.omitted
    put(there.root, *(STRANGERS if name != "age_openbhb" else STRANGERS[:4]))
    samples, log = list_samples(dataset, name, there.root)
    assert [one.files for one in samples] == [one.files for one in before]
    values = account(there.root, samples, log)
    files = {path for path in there.root.rglob("*") if path.is_file()}
    used = {path for one in samples for path in one.files}
    assert (values.files, values.read) == (len(files), len(used))
    names = [each for kind in ("scans", "other files") for some in values.names.get(kind, {}).values() for each in some]
    assert len(names) == len(files) - len(used) - values.tables
    assert {str(path.relative_to(there.root)) for path in files - used} == {*names, *map(str, tables(there.root))}


def tables(root: Path) -> list[Path]:
    ends = ("sessions.tsv", "search.csv", "IXI.csv", "participants.tsv")
    return [path.relative_to(root) for path in root.rglob("*") if path.name in ends]


@pytest.mark.parametrize("name", ["ad_oasis", "age_ixi", "roi_ixi", "ad_mri2d", "bt_mri"])
def test_every_real_file_is_read_or_named(scans, name):
    folder = {"ad_oasis": "oasis1", "ad_mri2d": "alz4", "bt_mri": "bt4_nickparvar"}.get(name, "ixi10")
    root = scans / folder
    samples, log = list_samples(registry.make("datasets", name), name, root)
    values = account(root, samples, log)
    names = {kind: sum(map(len, some.values())) for kind, some in values.names.items()}
    files = sum(1 for path in root.rglob("*") if path.is_file())
    assert files == values.files == values.read + values.tables + names.get("scans", 0) + names.get("other files", 0)
    assert values.read == len({path for one in samples for path in one.files})


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def rows(root: Path, table: str = "participants.tsv", header: str = "participant_id\tage", *lines: str) -> list[Row]:
    (root / table).write_text("\n".join([header, *lines]) + "\n")
    return scans(root, ("age",), "a BIDS tree")


def omitted(root: Path, *lines: str, header: str = "participant_id\tage\tgroup") -> dict[str, list[str]]:
    """What the reader of BIDS folders leaves out, by reason."""
    (root / "participants.tsv").write_text("\n".join([header, *lines]) + "\n")
    _, log = list_samples(Clinic(), "clinic", root)
    reasons: dict[str, list[str]] = {}
    for reason, name in log.omitted:
        reasons.setdefault(reason, []).append(name)
    return reasons


def test_scans_without_a_row_are_named(tmp_path):
    root = clinic(tmp_path, "control", "patient", "control")
    table = (root / "participants.tsv").read_text().splitlines()
    assert omitted(root, *table[1:3], header=table[0]) == {
        "scans without a row in the tables": ["sub-2/anat/sub-2_T1w.nii.gz"]
    }


def test_sessions_without_a_row_are_named(tmp_path):
    touch(tmp_path, *(f"sub-1/ses-{n}/anat/sub-1_ses-{n}_T1w.nii.gz" for n in (1, 2)))
    found = omitted(tmp_path, "sub-1\tses-2\t60\tcontrol", header="participant_id\tsession_id\tage\tgroup")
    assert found == {"scans without a row in the tables": ["sub-1/ses-1/anat/sub-1_ses-1_T1w.nii.gz"]}


RUNS = ["sub-1_acq-a_T1w.nii.gz", "sub-1_acq-b_T1w.nii.gz", "sub-1_T1w.nii"]


def test_of_several_runs_the_read_one_and_the_others_are_named(tmp_path):
    touch(tmp_path, *(f"sub-1/anat/{name}" for name in RUNS))
    reason = "T1w files of sessions that have several, of which the first by name is read"
    assert omitted(tmp_path, "sub-1\t60\tcontrol") == {
        reason: [f"sub-1/anat/{name} (read: {RUNS[0]})" for name in RUNS[1:]]
    }


@pytest.mark.parametrize(
    ("folder", "name"),
    [("sub-1/anat", "sub-10_T1w.nii.gz"), ("sub-1/ses-1/anat", "sub-1_ses-2_T1w.nii.gz")],
)
def test_a_scan_of_another_person_or_session_is_not_read(tmp_path, folder, name):
    touch(tmp_path, f"{folder}/{name}", "sub-2/anat/sub-2_T1w.nii.gz")
    found = omitted(tmp_path, "sub-1\t60\tcontrol", "sub-2\t61\tpatient")
    assert found == {"scans whose name does not fit their folder": [f"{folder}/{name}"]}
    assert [row.path.name for row in scans(tmp_path, (), "") if row.subject == "sub-1"] != [name]


def test_participants_may_have_one_row_a_session(tmp_path):
    touch(tmp_path, *(f"sub-1/ses-{n}/anat/sub-1_ses-{n}_T1w.nii.gz" for n in (1, 2)))
    found = rows(
        tmp_path, "participants.tsv", "participant_id\tsession_id\tage", "sub-1\tses-1\t60", "sub-1\tses-2\t62"
    )
    assert [(row.id, row.age()) for row in found] == [("sub-1_ses-1", 60.0), ("sub-1_ses-2", 62.0)]


def test_two_rows_of_a_person_who_has_sessions_are_refused_with_how_to_name_them(tmp_path):
    touch(tmp_path, "sub-1/anat/sub-1_T1w.nii.gz")
    with pytest.raises(BenchError, match="visit is 'a' and 'b'; if these are two sessions, name each in a column sess"):
        rows(tmp_path, "participants.tsv", "participant_id\tvisit\tage", "sub-1\ta\t60", "sub-1\tb\t60")


@pytest.mark.parametrize(
    ("written", "folder"),
    [("1", "sub-0001"), ("sub-7", "sub-07"), ("1e3", "sub-1000"), ("A1", "sub-a1"), ("003", "sub-3")],
)
def test_an_id_that_a_spreadsheet_changed_is_refused_with_the_right_one(tmp_path, written, folder):
    touch(tmp_path, f"{folder}/anat/{folder}_T1w.nii.gz")
    with pytest.raises(
        BenchError, match=rf"participants\.tsv, row 2: there is no scan of .*, but one of {folder}; wri"
    ):
        rows(tmp_path, "participants.tsv", "participant_id\tage", f"{written}\t60")


def test_an_id_of_decimals_is_no_label(tmp_path):
    touch(tmp_path, "sub-1/anat/sub-1_T1w.nii.gz")
    with pytest.raises(BenchError, match=r"participant_id '1\.0' is not a BIDS label .*; write it as text"):
        rows(tmp_path, "participants.tsv", "participant_id\tage", "1.0\t60")


def test_images_of_a_class_that_is_not_read_are_counted(tmp_path):
    root = pictures(tmp_path, "glioma/a.png", "healthy/a.png", "meningioma/a.png", "pituitary/a.png", "pituitary/b.png")
    reason = "images in the folder pituitary, which this data set does not read"
    assert left_out("bt_mri", root) == {reason: ["pituitary/a.png", "pituitary/b.png"]}


def test_the_preparation_says_what_was_left_out_and_a_later_one_what_is_new(tmp_path, capsys, monkeypatch):
    root = pictures(tmp_path / "set", "Healthy/a.png", "Tumor/a.png", "Tumor/b.gif")
    status, text = run_command(capsys, monkeypatch, "prepare", "bt_ct", "--from", str(root))
    assert (status, "left out: files *.gif of another kind (1): Tumor/b.gif" in text) == (0, True)
    before = open_prepared("bt_ct")
    put(root, "Tumor/__MACOSX/._b.png", "c.png")
    status, text = run_command(capsys, monkeypatch, "prepare", "bt_ct", "--from", str(root))
    assert "left out: files of the same kind as the scans that are not a sample of the data set (1): c.png" in " ".join(
        text.split()
    )
    after = open_prepared("bt_ct")
    assert after.fingerprint == before.fingerprint
    assert left_out_counts(after.manifest) == [
        "1 files of the same kind as the scans that are not a sample of the data set are left out"
    ]
    assert saved_names(after.folder)["other files"]["files of the operating system"] == ["Tumor/__MACOSX/._b.png"]
    after.verify(thorough=True)


def test_describe_and_audit_show_what_was_left_out(tmp_path, capsys, monkeypatch):
    root = pictures(tmp_path / "set", "Healthy/a.png", "Healthy/c.png", "Tumor/a.png", "Tumor/c.png", "Tumor/b.gif")
    line = "left out: files *.gif of another kind (1): Tumor/b.gif"
    assert "prepared:" not in run_command(capsys, monkeypatch, "describe", "bt_ct")[1]
    prepare("bt_ct", source=root)
    for command in (("describe", "bt_ct"), ("audit", "bt_ct", "--folds", "2")):
        status, text = run_command(capsys, monkeypatch, *command)
        assert (status, line in " ".join(text.split())) == (0, True)


def test_files_that_describe_the_data_set_are_called_so(tmp_path):
    put(tmp_path, "README.md", "dataset_description.json", "deep/README")
    names = account(tmp_path, [], OmissionLog()).names["other files"]
    assert names == {
        "files that describe the data set": ["README.md", "dataset_description.json"],
        "files without ending of another kind": ["deep/README"],
    }
