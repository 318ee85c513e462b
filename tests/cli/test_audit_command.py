"""`bench audit` and what it says of prepared sets, of volumes, of public sets and of the real ones at hand."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audit_images import CLASSES, noise, subset, write
from typer.testing import CliRunner

from bench.cli import app
from bench.core import BenchError
from bench.data.audit import balance, findings, from_folder, from_prepared, known_overlaps, overlap, trace_slices
from bench.data.audit.balance_check import Balance, holm
from bench.data.audit.decoding import cropped_small
from bench.data.audit.similarity import standardise
from bench.data.prepare import prepare

SMALL = {"subjects": 20, "mm": 12.0}


@pytest.fixture
def rng() -> np.random.Generator:
    """The same numbers for every test."""
    return np.random.default_rng(3)


def test_the_command_prints_text_and_json(tmp_path, rng):
    root = tmp_path / "ein Ordner mit Ümläuten"
    images = noise(rng, 3)[:, 0]
    for at, place in enumerate(("Klasse ä/1.png", "Klasse ä/2.png", "b/3.png")):
        write(root / place, images[min(at, 1)])
    table = tmp_path / "split.csv"
    table.write_text("path,split\nKlasse ä/1.png,train\nKlasse ä/2.png,train\nb/3.png,test\n")
    arguments = ["audit", "--images", str(root), "--split", str(table)]
    printed = CliRunner().invoke(app, [*arguments, "--sweep"])
    assert printed.exit_code == 0, printed.output
    assert "pixel-exact duplicates: 2 images in 1 group, the largest of 2; 1 is redundant" in printed.output
    report = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert report["exact"]["across_parts"] == report["exact"]["across_classes"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a prepared data set"),
        (["--images", ".", "--threshold", "0.2"], "between 0.9 and 1"),
        (["phantom_ad"], "not prepared"),
        (["--images", "nowhere"], "no folder"),
        (["--images", ".", "--against", "age_oasis"], "age_oasis is not prepared"),
        (["--images", ".", "--images", "."], "the same name"),
    ],
)
def test_a_command_that_cannot_be_is_refused_in_words(arguments, message):
    printed = CliRunner().invoke(app, ["audit", *arguments])
    assert isinstance(printed.exception, BenchError)
    assert message in str(printed.exception)


def test_a_prepared_set_is_audited_with_the_balance_of_its_folds():
    prepared = prepare("phantom_ad", SMALL)
    pictures = from_prepared(prepared)
    assert len(pictures) == len(prepared.ids)
    assert not findings(pictures, 0.98)["exact"]["groups"]
    tests = {each.column: each for each in balance(prepared)}
    assert tests["class"].test == "chi-square"
    assert tests["class"].p > 0.9
    printed = CliRunner().invoke(
        app, ["audit", "phantom_ad", *(f"--set={key}={value}" for key, value in SMALL.items())]
    )
    assert printed.exit_code == 0, printed.output
    assert "balance of the folds of phantom_ad" in printed.output


def test_uneven_folds_are_reported_with_correction_for_their_number():
    prepared = prepare("phantom_ad", SMALL)
    where = np.arange(len(prepared.ids)) % 2
    site = replace(prepared, covariates={"same": ["x"] * len(where), "half": where.tolist()}, sites=("",) * len(where))
    tests = {each.column: each for each in balance(site)}
    assert "same" not in tests
    assert "site" not in tests
    tests = holm([Balance("a", "", (), 0, 0.01, 1), Balance("b", "", (), 0, 0.04, 1), Balance("c", "", (), 0, 0.03, 1)])
    assert [round(each.holm, 10) for each in tests] == [0.03, 0.06, 0.06]


def test_slices_are_traced_to_the_scans_they_were_cut_from(rng):
    volumes = np.zeros((6, 1, 40, 44, 30), np.float32)
    fine = rng.uniform(50, 250, (6, 1, 9, 10, 30))
    volumes[:, :, 2:38, 2:42] = np.kron(fine, np.ones((1, 1, 4, 4, 1)))
    cut = [(scan, height) for scan in (4, 1, 3) for height in (12, 14, 16)]
    slices = standardise(np.stack([cropped_small(volumes[scan, 0, ::-1, :, height].T) for scan, height in cut]))
    found = trace_slices(slices, [f"head {scan}" for scan, _ in cut], volumes)
    assert found.heads == ("head 1", "head 3", "head 4")
    assert found.turned == (-1, 1)
    assert found.best().tolist() == [1, 3, 4]
    assert found.mutual().all()
    summary = found.summary({name: name for name in found.heads}, list("abcdef"))
    assert [(row["class"], row["scan"]) for row in summary["table"]] == [
        ("head 1", "b"),
        ("head 3", "d"),
        ("head 4", "e"),
    ]
    assert summary["likeness"] > 0.99 > summary["mirrored"]


def test_overlaps_are_symmetric_and_known_both_by_our_names_and_the_publishers():
    known = sorted(known_overlaps.PUBLISHED)
    pairs = {frozenset((one, other)) for one in known for other in known if one != other and overlap(one, other)}
    assert pairs == {
        frozenset(pair)
        for pair in (
            ("ad_oasis", "age_oasis"),
            ("ad_oasis", "sex_oasis"),
            ("age_oasis", "sex_oasis"),
            ("ad_mri2d", "sex_oasis"),
            ("ad_mri2d", "ad_oasis"),
            ("ad_mri2d", "age_oasis"),
            ("age_openbhb", "age_ixi"),
            ("age_openbhb", "roi_ixi"),
            ("age_ixi", "roi_ixi"),
        )
    }
    assert all(overlap(one, other) == overlap(other, one) for one in known for other in known)
    assert overlap("bt_mri", "rm1000/brain-tumor-mri-scans")
    assert overlap("ad_oasis", "ad_adni") == ""


def test_a_few_real_images_with_a_copy(scans, tmp_path):
    folder = subset(scans / "bt4_nickparvar", tmp_path / "some", 40)
    (folder / "Testing" / "glioma" / "copy.jpg").write_bytes(next(folder.glob("Training/glioma/*")).read_bytes())
    report = findings(from_folder(folder, "bt"), 0.98)
    (row,) = [row for row in report["held_out"] if row["class"] == "glioma"]
    assert row["exact"] == 1
    assert not report["broken"]


def test_a_few_real_heads_are_recovered(scans, tmp_path):
    folder = scans / "alz4" / "Dataset" / "Moderate_Demented"
    target = tmp_path / "slices" / "moderate"
    target.mkdir(parents=True)
    for path in folder.iterdir():
        os.symlink(path, target / path.name)
    heads = findings(from_folder(target.parent, "alz4"), 0.98)["heads"]
    assert (heads["heads"], heads["slices"], heads["sure"]) == (2, {"32": 2}, True)


@pytest.mark.slow
def test_the_tumour_set_has_the_duplicates_that_were_counted(scans):
    report = findings(from_folder(scans / "bt4_nickparvar", "bt4"), 0.98)
    counts = {row["class"]: (row["exact"], row["near"]) for row in report["held_out"]}
    assert {name: exact for name, (exact, _) in counts.items()} == dict(zip(CLASSES, (0, 106, 105, 5), strict=True))
    assert counts["notumor"][1] > 370
    mirrored = {row["class"]: row["mirrored"] for row in report["held_out"]}
    assert [mirrored[name] for name in CLASSES[:2]] == [81, 289]
    assert sum(mirrored.values()) > 980
    assert report["heads"]["sure"] is False


@pytest.mark.slow
def test_the_four_stages_are_two_hundred_heads_of_oasis(scans):
    root = scans / "alz4" / "Dataset"
    heads = findings(from_folder(root, "alz4"), 0.98)["heads"]
    assert (heads["heads"], heads["slices"], heads["sure"]) == (200, {"32": 200}, True)
    assert heads["conflicting_labels"] == 0
    by_class = Counter(heads["heads_by_class"])
    assert by_class == {"Non_Demented": 100, "Very_Mild_Demented": 70, "Mild_Demented": 28, "Moderate_Demented": 2}
    prepared = prepare("age_oasis", source=scans / "oasis1")
    slices = from_folder(root, "alz4", cropped=True)
    found = trace_slices(slices.vectors, [heads["groups"][name] for name in slices.names], prepared.images())
    labels = {group: Path(group).parts[1] for group in found.heads}
    table = found.summary(labels, [str(value) for value in prepared.covariates["cdr"]])["table"]
    right = {"Non_Demented": "0.0", "Very_Mild_Demented": "0.5", "Mild_Demented": "1.0", "Moderate_Demented": "2.0"}
    assert sum(row["heads"] for row in table) > 150
    assert all(row["scan"] == right[row["class"]] for row in table)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("a/1.png,trian\n", r"split\.csv, row 2: split is 'trian'; known parts: training, train"),
        ("a/1.png,train\na/1.png,test\n", r"split\.csv, row 3: a/1\.png is in two parts; keep one row"),
        ("z/1.png,train\n", r"split\.csv names none of the images in"),
    ],
)
def test_a_table_of_parts_that_does_not_fit_is_refused(tmp_path, rng, rows, says):
    root = tmp_path / "set"
    for place in ("a/1.png", "b/2.png"):
        write(root / place, noise(rng, 1)[0, 0])
    (tmp_path / "split.csv").write_text("path,split\n" + rows)
    shown = CliRunner().invoke(app, ["audit", "--images", str(root), "--split", str(tmp_path / "split.csv")])
    assert isinstance(shown.exception, BenchError)
    assert re.search(says, str(shown.exception))


def test_files_of_the_operating_system_and_hidden_ones_are_no_images(tmp_path, rng):
    for place in ("a/1.png", "b/2.png", "__MACOSX/a/1.png", ".git/annex/3.png"):
        write(tmp_path / "set" / place, noise(rng, 1)[0, 0])
    shown = CliRunner().invoke(app, ["audit", "--images", str(tmp_path / "set"), "--json"])
    assert json.loads(shown.output)["images"] == 2


def volume(path, values, spacing=1.0):
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), np.diag([spacing] * 3 + [1.0])), path)


def audited(*words):
    printed = CliRunner().invoke(app, ["audit", *map(str, words)])
    assert printed.exit_code == 0, printed.output
    return printed.output


def test_a_folder_of_volumes_is_audited(tmp_path, rng):
    heads = [rng.normal(size=(20, 24, 22)) for _ in range(3)]
    for name, at in (("train/ill/a.nii.gz", 0), ("train/well/b.nii", 1), ("test/well/c.nii.gz", 2)):
        volume(tmp_path / name, heads[at])
    volume(tmp_path / "test/ill/copy.nii.gz", 3 * heads[0] + 1)
    (tmp_path / "train/ill/broken.nii.gz").write_bytes(b"no scan")
    report = json.loads(audited("--images", tmp_path, "--json"))
    assert report["images"] == 4
    assert [name.rpartition("/")[2] for name, _ in report["broken"]] == ["broken.nii.gz"]
    assert (report["exact"]["groups"], report["near"]["groups"], report["near"]["across_parts"]) == (0, 1, 1)
    assert report["heads"] is None
    assert "near duplicates (grey values correlate by 0.98 or more): 2 images" in audited("--images", tmp_path)


def test_images_and_volumes_in_one_folder_are_refused(tmp_path, rng):
    volume(tmp_path / "a/1.nii.gz", rng.normal(size=(8, 8, 8)))
    write(tmp_path / "a/2.png", noise(rng, 1)[0, 0])
    with pytest.raises(BenchError, match="holds images and volumes"):
        from_folder(tmp_path, "mixed")


def test_few_people_are_reported_in_words_and_without_heads(tmp_path, rng):
    for at, image in enumerate(noise(rng, 4)[:, 0]):
        write(tmp_path / "a" / f"{at}.png", image)
    text = " ".join(audited("--images", tmp_path).split())
    assert "people behind the images: not recovered from the pixels" in text
    prepare("phantom_ad", SMALL)
    words = audited("phantom_ad", *(f"--set={key}={value}" for key, value in SMALL.items()))
    assert "not searched, the set has too few scans (about 40 are needed)" in words
    assert "heads" not in words
