"""`bench init`: the data set that it writes for each layout, and what it says that it cannot know."""

from __future__ import annotations

import numpy as np
import pytest
from bids_trees import volume, write_scan, write_table
from command_line import run_command
from PIL import Image

from bench import registry

SHAPE, AFFINE = (8, 9, 10), np.diag([2.0, 2.0, 3.0, 1.0])


@pytest.fixture
def init(tmp_path, capsys, monkeypatch):
    """A function that runs the command in a folder without plug-ins: status and text."""
    registry.clear_cache()
    yield lambda *words: run_command(capsys, monkeypatch, "init", *map(str, words))
    registry.clear_cache()


def scan(path, value=100):
    write_scan(path, volume(SHAPE, value=value), AFFINE)


def bids(root, groups, **columns):
    """A BIDS folder of a person for each group."""
    rows = [{"participant_id": f"sub-{n}", "group": group} for n, group in enumerate(groups)]
    write_table(
        root / "participants.tsv", [{**row, **{c: v[n] for c, v in columns.items()}} for n, row in enumerate(rows)]
    )
    for n in range(len(groups)):
        scan(root / f"sub-{n}" / "anat" / f"sub-{n}_T1w.nii.gz", 100 + n)
    return root


def test_a_bids_folder_becomes_a_data_set_that_can_be_prepared(init, tmp_path, capsys, monkeypatch):
    root = bids(tmp_path / "clinic-7", ["patient", "control"] * 5, age=range(60, 70), sex=["F"] * 5 + ["M"] * 5)
    status, text = init(root)
    assert status == 0, text
    assert "to predict: group (control: 5, patient: 5)" in text
    assert "could be predicted too (--target): age (10 numbers), sex (F: 5, M: 5)" in text
    assert "10 headers: 8 x 9 x 10 voxels of 2 x 2 x 3 mm" in text
    assert "it lists: 10 scans of 10 groups: control 5, patient 5" in text
    assert text.splitlines()[-2:] == [
        f"next: bench prepare clinic_7 --from {root}",
        "next: bench new study clinic_7_study --dataset clinic_7",
    ]
    made = registry.make("datasets", "clinic_7")
    assert (made.shape, made.spacing, made.task.classes) == ((1, 8, 9, 10), (2.0, 2.0, 3.0), ("control", "patient"))
    assert made.samples(root)[0].covariates == {"age": 60.0, "sex": "F"}
    assert made.title.startswith("BIDS: ")  # every line that shows it shows the name before it
    status, text = run_command(capsys, monkeypatch, "prepare", "clinic_7", "--from", str(root))
    assert status == 0, text
    assert "control: 5, patient: 5" in text


def test_people_without_a_label_are_left_out_by_name(init, tmp_path):
    root = bids(tmp_path / "some", ["a", "b"] * 5 + ["n/a"])
    _, text = init(root)
    assert "group (a: 5, b: 5, missing: 1)" in text
    assert "it lists: 10 scans of 10 groups: a 5, b 5" in text


def test_a_column_of_numbers_becomes_a_regression(init, tmp_path):
    root = bids(tmp_path / "ages", ["x"] * 10, age=range(60, 70))
    status, text = init(root)
    assert (status, "to predict: age (10 numbers)" in text) == (0, True)
    made = registry.make("datasets", "ages")
    assert (made.task.kind, made.task.unit) == ("regression", "years")
    assert [sample.target for sample in made.samples(root)] == list(range(60, 70))


def test_labels_in_two_spellings_small_classes_and_missing_scans_are_named(init, tmp_path):
    root = bids(tmp_path / "odd", ["patient"] * 6 + ["Patient"] * 2 + ["control"] * 6)
    (root / "sub-3" / "anat" / "sub-3_T1w.nii.gz").unlink()
    write_scan(root / "sub-4" / "anat" / "sub-4_T1w.nii.gz", volume(SHAPE), np.diag([1.0, 1.0, 1.0, 1.0]))
    _, text = init(root)
    assert "check: Patient and patient are probably one class" in text
    assert "check: too few scans for 5 folds: Patient (2)" in text
    assert "check: 1 rows have no scan" in text
    assert "check: 1 of 13 scans have another voxel size than 2 x 2 x 3 mm" in text


def test_a_column_and_a_suffix_can_be_chosen_and_wrong_ones_name_the_nearest(init, tmp_path):
    root = bids(tmp_path / "two", ["a", "b"] * 5, sex=["F", "F", "M", "M", "M"] * 2)
    scan(root / "sub-0" / "anat" / "sub-0_T2w.nii.gz")
    assert "to predict: sex (F: 4, M: 6)" in init(root, "--name", "t_sex", "--target", "sex")[1]
    assert "did you mean 'sex'?" in init(root, "--name", "t_no", "--target", "sexx")[1]
    status, text = init(root, "--name", "t_no", "--suffix", "FLAIR")
    assert (status, "no image *_FLAIR" in text, "T1w, T2w" in text) == (2, True, True)


def test_a_caps_folder_needs_a_table_of_labels_inside(init, tmp_path):
    root = tmp_path / "caps"
    for n in range(10):
        scan(root / "subjects" / f"sub-{n}" / "ses-M00" / "t1_linear" / f"sub-{n}_ses-M00_desc-Crop_T1w.nii.gz", 90 + n)
    status, text = init(root)
    assert (status, "a CAPS folder has no labels; copy a table that has them" in text) == (2, True)
    rows = [
        {
            "participant_id": f"sub-{n}",
            "session_id": "ses-M00",
            "diagnosis": ("CN", "AD", "n/a")[min(n % 2 + n // 9, 2)],
        }
        for n in range(10)
    ]
    write_table(root / "labels.tsv", rows)
    status, text = init(root)
    assert status == 0, text
    assert "10 scans subjects/sub-*/ses-*/t1_linear/*_desc-Crop_T1w.nii.gz; labels in labels.tsv" in text
    samples = registry.make("datasets", "caps").samples(root)
    assert [(sample.id, sample.stratum) for sample in samples[:2]] == [("sub-0_ses-M00", "CN"), ("sub-1_ses-M00", "AD")]
    assert len(samples) == 9


def test_class_folders_of_images_with_the_publishers_parts(init, tmp_path):
    for part, label, count in (("Training", "No Tumor", 6), ("Training", "glioma", 5), ("Testing", "no_tumor", 2)):
        (tmp_path / "slices" / part / label).mkdir(parents=True)
        for n in range(count):
            picture = np.full((40, 30), 20 * n + 5, np.uint8)
            Image.fromarray(picture).save(tmp_path / "slices" / part / label / f"{part}{n}.png")
    status, text = init(tmp_path / "slices")
    assert status == 0, text
    assert "publisher's parts: test: 2, train: 11" in text
    assert "check: who is in an image" in text
    made = registry.make("datasets", "slices")
    assert (made.shape, made.task.classes[1]) == ((1, 40, 40), "glioma")
    assert sorted(sample.part for sample in made.samples(tmp_path / "slices")) == ["test"] * 2 + ["train"] * 11


def test_class_folders_of_volumes_keep_the_scans_of_a_person_together(init, tmp_path):
    for label in ("ad", "cn"):
        for n in range(5):
            for visit in (1, 2):
                scan(tmp_path / "heads" / label / f"sub-{label}{n}_ses-{visit}_T1w.nii.gz", 50 + n + visit)
        scan(tmp_path / "heads" / label / f"sub-{label}0_mask.nii.gz")
    status, text = init(tmp_path / "heads")
    assert status == 0, text
    assert "2 files that look like masks are not read" in text
    assert "it lists: 20 scans of 10 groups: cn 10, ad 10" in text
    samples = registry.make("datasets", "heads").samples(tmp_path / "heads")
    assert {sample.group for sample in samples if sample.stratum == "ad"} == {f"sub-ad{n}" for n in range(5)}


def test_names_without_a_person_are_said_to_be_unknown_and_name_no_folder_of_this_machine(init, tmp_path):
    for label in ("left", "right"):
        for n in range(5):
            scan(tmp_path / "unknown" / label / f"{n}.nii.gz", 50 + n)
    assert "the folders left and right hold files that begin alike (0)" in init(tmp_path / "unknown")[1]
    for n in range(5):
        (tmp_path / "unknown" / "left" / f"{n}.nii.gz").rename(tmp_path / "unknown" / "left" / f"x{n}.nii.gz")
    assert "every scan counts as another person" in init(tmp_path / "unknown")[1]
    samples = registry.make("datasets", "unknown").samples(tmp_path / "unknown")
    assert samples[0].group == "left/x0"


def test_classes_that_a_voxel_size_tells_apart_are_named(init, tmp_path):
    for n in range(5):
        scan(tmp_path / "sites" / "one" / f"a{n}.nii.gz")
        write_scan(tmp_path / "sites" / "two" / f"b{n}.nii.gz", volume(SHAPE), np.diag([1.0, 1.0, 1.0, 1.0]))
    text = init(tmp_path / "sites")[1]
    assert "the classes differ in voxel size (one 2 x 2 x 3 mm, two 1 x 1 x 1 mm)" in text


@pytest.mark.parametrize(
    ("name", "message"),
    [("nothing", "found: notes.txt"), ("missing", "no folder"), ("flat", "no folder for each class")],
)
def test_a_folder_of_another_layout_is_refused_with_what_is_there(init, tmp_path, name, message):
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "notes.txt").write_text("none")
    for n in range(3):
        scan(tmp_path / "flat" / f"{n}.nii.gz")
    status, text = init(tmp_path / name)
    assert (status, message in text) == (2, True), text
    assert not (tmp_path / "plugins").exists()


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ("oasis1", "the data set ad_oasis of this package reads 198 scans of it as it is"),
        ("alz4", "Non_Demented 3200, Mild_Demented 896, Moderate_Demented 64, Very_Mild_Demented 2240"),
        ("bt4_nickparvar", "publisher's parts: test: 1311, train: 5708"),
        ("ixi10", "the folders dlmuse and nifti hold files that begin alike"),
        ("topcow_roi", "no folder for each class"),
        ("vessel_masks", "the classes differ in voxel size"),
    ],
)
def test_real_trees(init, scans, tree, words):
    text = init(scans / tree, "--name", "found_here")[1]
    assert words in text
