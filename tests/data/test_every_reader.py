"""What may be wrong with a scan, a mask, a table or a folder, in every data set that it can happen to.

Each set is written once, in a folder whose name has spaces and letters of other alphabets; a test spoils one file and
mends it again.
"""

from __future__ import annotations

import contextlib
import gzip
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bids_trees
import nibabel as nib
import numpy as np
import pytest
from test_bad_scans import changed, content
from test_image_folders import pictures
from test_image_mask_pairs import write as write_pair
from test_paper_datasets import adni, ixi, left_out, openbhb

from bench import registry
from bench.core import BenchError, Dataset
from bench.data.prepare.checks import decode
from bench.datasets.roi_ixi import END, MASKS

FOLDER = "Köpfe mit Ümläuten 頭"
EIGHT = np.diag([8.0, 8.0, 8.0, 1.0])
STAGES = ("NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented")
GREY = {"mm": 2.0, "voxels": (16, 16, 16)}


@dataclass(frozen=True)
class DatasetFolder:
    """A data set on the disk. scan: the file that is spoilt; table: where ages stand, and how one is written there."""

    root: Path
    scan: str
    params: Mapping[str, Any] = field(default_factory=dict)
    mask: str = ""
    table: tuple[str, str] = ("", "")
    twin: str = ""  # another file that would have the id of `scan`


def _oasis(root: Path) -> DatasetFolder:
    scan = bids_trees.scan_path(bids_trees.oasis(root, 2, age=[71, 75]), "sub-0").relative_to(root)
    return DatasetFolder(root, str(scan), table=("sessions.tsv", "\t71\t"))


def _adni(root: Path) -> DatasetFolder:
    adni(root, (11, "002_S_0001", "CN", "bl", 100), (12, "003_S_0002", "AD", "bl", 90))
    scan = next(root.rglob("*I11.nii.gz"))
    return DatasetFolder(root, str(scan.relative_to(root)), table=("search.csv", '"71"'), twin=f"again/{scan.name}")


def _ixi(root: Path) -> DatasetFolder:
    ixi(root, "12,1,35.8,1970", "13,2,40.5,1950", "14,2,50,1950")
    name = "IXI012-HH-1211-T1.nii.gz"
    return DatasetFolder(root, f"IXI-T1/{name}", table=("IXI.csv", "35.8"), twin=f"again/{name}")


def _openbhb(root: Path) -> DatasetFolder:
    openbhb(root, ("111", "F", 30.5, 7, 2, "train"), ("222", "M", 61, 9, 3, "val"), end="_T1w.npy", shape=(1, 1, 1))
    for path in root.rglob("*.npy"):
        bids_trees.write_scan(path.with_suffix(".nii.gz"), bids_trees.volume((24, 28, 24)), EIGHT)
    scan = "train/sub-111_T1w.nii.gz"
    return DatasetFolder(
        root, scan, {"form": "t1"}, table=("participants.tsv", "\t30.5\t"), twin=f"again/{Path(scan).name}"
    )


def _roi(root: Path) -> DatasetFolder:
    regions = np.zeros((24, 32, 32), np.float32)
    regions[4:20, 4:20, 4:20] = 59  # the thalamus
    for number in (12, 13):
        stem = f"IXI{number:03d}-HH-1211-T1_ds"
        bids_trees.write_scan(
            root / "nifti" / f"{stem}.nii.gz", np.roll(bids_trees.volume((24, 32, 32)), number, 0), EIGHT
        )
        bids_trees.write_scan(root / MASKS / f"{stem}{END}", regions, EIGHT)
    stem = "IXI012-HH-1211-T1_ds"
    return DatasetFolder(root, f"nifti/{stem}.nii.gz", mask=f"{MASKS}/{stem}{END}", twin=f"again/{stem}.nii.gz")


def _arteries(root: Path) -> DatasetFolder:
    for name in ("001", "002"):
        write_pair(root, name)
    return DatasetFolder(root, "data/001.nii.gz", GREY, mask="mask/001.nii.gz", twin="data/001.nii")


def _stages(root: Path) -> DatasetFolder:
    return DatasetFolder(
        pictures(root, *(f"{each}/a.png" for each in STAGES)), "NonDemented/a.png", twin="NonDemented/a.jpg"
    )


def _mr(root: Path) -> DatasetFolder:
    pictures(root, *(f"Training/{each}/a.png" for each in ("glioma", "notumor", "meningioma")))
    return DatasetFolder(root, "Training/glioma/a.png", twin="Training/glioma/a.jpeg")


def _ct(root: Path) -> DatasetFolder:
    return DatasetFolder(pictures(root, "Healthy/a.png", "Tumor/a.png"), "Healthy/a.png", twin="Healthy/a.jpg")


def _pairs(root: Path) -> DatasetFolder:
    return replace(_oasis(root), params={"factor": 1})


VOLUMES = {"ad_oasis": _oasis, "age_oasis": _oasis, "ad_adni": _adni, "age_ixi": _ixi, "age_openbhb": _openbhb}
VOLUMES |= {"sex_oasis": _oasis, "roi_ixi": _roi, "artery_cas": _arteries, "pairs_ixi": _roi, "pairs_oasis": _pairs}
IMAGES = {"ad_mri2d": _stages, "bt_mri": _mr, "bt_ct": _ct}
MASKED = ("roi_ixi", "artery_cas", "pairs_ixi")
AGED = ("ad_oasis", "age_oasis", "ad_adni", "age_ixi", "age_openbhb")


@pytest.fixture(scope="module")
def dataset_folder(tmp_path_factory) -> Callable[[str], tuple[DatasetFolder, Dataset]]:
    """A data set by name: its folder on disk and the data set; written when first requested."""
    made: dict[str, DatasetFolder] = {}

    def find(name: str) -> tuple[DatasetFolder, Dataset]:
        if name not in made:
            made[name] = {**VOLUMES, **IMAGES}[name](tmp_path_factory.mktemp(name) / FOLDER)
        return made[name], registry.make("datasets", name, made[name].params)

    return find


@contextlib.contextmanager
def spoilt(path: Path, made: bytes) -> Iterator[None]:
    """The file with other content, as long as it lasts."""
    whole = path.read_bytes() if path.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made)
    try:
        yield
    finally:
        path.unlink() if whole is None else path.write_bytes(whole)


def faults(dataset: Dataset, root: Path) -> dict[str, str]:
    """The files that cannot be used, and why."""
    values = [decode(sample, dataset, root) for sample in dataset.samples(root)]
    return {each.sample.files[0].name: each.fault for each in values if each.fault}


def test_every_real_data_set_is_here():
    real = {name for name in registry.names("datasets") if not registry.member("datasets", name).phantom}
    assert real == {*VOLUMES, *IMAGES}


@pytest.mark.parametrize("name", [*VOLUMES, *IMAGES])
def test_a_folder_of_any_name_is_read(dataset_folder, name):
    there, dataset = dataset_folder(name)
    assert len(dataset.samples(there.root)) >= 2
    assert faults(dataset, there.root) == {}


def like(path: Path, values: Callable[[np.ndarray], np.ndarray]) -> bytes:
    """The scan of a file, with its affine, of other voxels."""
    there = nib.load(path)
    array = values(np.asarray(there.dataobj).astype(np.float32))
    return gzip.compress(nib.Nifti1Image(array, there.affine).to_bytes(), 1)


SCANS = {
    "empty": (b"", r"is empty \(0 bytes\)"),
    "text": (b"hello, this is not a gzip file", "not a (complete )?gzip file"),
    "plain": (content(), "a plain NIfTI file"),
    "cut short": (lambda path: path.read_bytes()[:-60], "truncated"),
    "vast": (gzip.compress(changed(dim=(3, 32767, 32767, 32767, 1, 1, 1, 1))), "states more than 2 GiB"),
    "series": (gzip.compress(content(np.ones((3, 3, 3, 7), np.float32))), "a 4D series of 7 volumes"),
    "no orientation": (gzip.compress(changed(sform_code=0, qform_code=0)), "no orientation"),
    "singular": (gzip.compress(changed(srow_x=(0.0, 0, 0, 0))), "singular affine"),
    "sheared": (gzip.compress(changed(srow_x=(1.0, 0.2, 0, 0))), "sheared grid"),
    "colours": (gzip.compress(changed(datatype=128)), "holds RGB, not grey values"),
    "NaN": (lambda path: like(path, lambda it: np.where(it == it.max(), np.nan, it)), "NaN or infinite"),
    "constant": (lambda path: like(path, lambda it: it * 0), "every voxel is"),
    "another shape": (lambda path: like(path, lambda it: it[:3]), "3, .*, expected|dimensions|covers .* whole head"),
}


@pytest.mark.parametrize("fault", SCANS)
@pytest.mark.parametrize("name", VOLUMES)
def test_a_broken_scan_is_a_fault_of_its_file_in_every_set(dataset_folder, name, fault):
    there, dataset = dataset_folder(name)
    path, (made, says) = there.root / there.scan, SCANS[fault]
    with spoilt(path, made(path) if callable(made) else made):
        found = faults(dataset, there.root)
    assert list(found) == [path.name]
    assert re.search(says, found[path.name])


def moved(path: Path) -> bytes:
    """The mask 40 mm further to the right or left."""
    there = nib.load(path)
    affine = there.affine.copy()
    affine[0, 3] += 40
    return gzip.compress(nib.Nifti1Image(np.asarray(there.dataobj), affine).to_bytes(), 1)


WRONG = {
    "another shape": (lambda path: like(path, lambda mask: mask[:, :, :-1]), r"has dimensions .*, but its image"),
    "another affine": (moved, r"is up to 40\.00 mm away from its image"),
    "fractions": (lambda path: like(path, lambda mask: mask / 2), "values that are not whole numbers"),
    "unknown": (lambda path: like(path, lambda mask: mask * 0 + 222), "has the unknown label 222"),
    "negative": (lambda path: like(path, lambda mask: -mask), r"has the unknown label -\d+"),
    "NaN": (lambda path: like(path, lambda mask: np.where(mask > 0, np.nan, mask)), "not whole numbers"),
    "empty": (lambda path: like(path, lambda mask: mask * 0), "is empty: no voxel in it is labelled"),
    "text": (lambda path: b"no mask", "not a (complete )?gzip file"),
}


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("name", MASKED)
def test_a_wrong_mask_is_a_fault_of_its_file_in_every_set_with_masks(dataset_folder, name, fault):
    there, dataset = dataset_folder(name)
    path, (made, says) = there.root / there.mask, WRONG[fault]
    with spoilt(path, made(path)):
        found = faults(dataset, there.root)
    assert list(found) == [Path(there.scan).name]
    assert re.search(rf"^{re.escape(path.name)} .*{says}", found[Path(there.scan).name])


@pytest.mark.parametrize("age", ["-1", "999", "0", "old", "inf"])
@pytest.mark.parametrize("name", AGED)
def test_an_impossible_age_is_refused_with_its_row_in_every_set_with_ages(dataset_folder, name, age):
    there, dataset = dataset_folder(name)
    table, cell = there.table
    text = (there.root / table).read_text()
    assert cell in text
    with (
        spoilt(there.root / table, text.replace(cell, re.sub(r"[\d.]+", age, cell), 1).encode()),
        pytest.raises(BenchError, match=rf"{re.escape(table)}, row 2: .*[aA](ge|GE) is "),
    ):
        dataset.samples(there.root)


@pytest.mark.parametrize("name", [name for name in (*VOLUMES, *IMAGES) if not name.endswith("oasis")])
def test_two_files_of_one_id_are_refused_by_name_in_every_set(dataset_folder, name):
    there, dataset = dataset_folder(name)
    with (
        spoilt(there.root / there.twin, (there.root / there.scan).read_bytes()),
        pytest.raises(BenchError, match=r"^two .* and .*keep one"),
    ):
        dataset.samples(there.root)


PICTURES = {
    "cut short": (lambda path: path.read_bytes()[:-60], "is not a complete image"),
    "empty": (lambda path: b"", r"it is empty \(0 bytes\)"),
    "text": (lambda path: b"<html>not found</html>", "is not a JPEG or PNG image despite its name"),
    "no rows": (lambda path: path.read_bytes().replace(b"\0\0\0\x1e\0\0\0\x1e", b"\0\0\0\x1e\0\0\0\0"), "is no"),
}


@pytest.mark.parametrize("fault", PICTURES)
@pytest.mark.parametrize("name", IMAGES)
def test_a_broken_image_is_a_fault_of_its_file_in_every_set_of_images(dataset_folder, name, fault):
    there, dataset = dataset_folder(name)
    path, (made, says) = there.root / there.scan, PICTURES[fault]
    with spoilt(path, made(path)):
        found = faults(dataset, there.root)
    assert list(found) == [path.name]
    assert re.search(says, found[path.name])


@pytest.mark.parametrize("name", IMAGES)
def test_a_class_that_is_empty_or_misspelt_is_refused_by_name_in_every_set_of_images(dataset_folder, name):
    there, dataset = dataset_folder(name)
    folder = (there.root / there.scan).parent
    with contextlib.ExitStack() as back:
        other = folder.rename(folder.with_name(f"{folder.name}x"))
        back.callback(other.rename, folder)
        with pytest.raises(BenchError, match=rf"folder .*{folder.name}x in .* is not a class; did you mean"):
            dataset.samples(there.root)
    (folder / "a.png").rename(folder / "a.txt")
    with contextlib.ExitStack() as back:
        back.callback((folder / "a.txt").rename, folder / "a.png")
        with pytest.raises(BenchError, match=rf"no JPEG or PNG file in .*{folder.name} of"):
            dataset.samples(there.root)


def test_a_region_map_without_its_scan_and_a_scan_without_its_map_are_counted(dataset_folder):
    there, dataset = dataset_folder("roi_ixi")
    lone = "IXI013-HH-1211-T1_ds"
    with spoilt(there.root / MASKS / f"IXI099-HH-1-T1{END}", b""):
        assert left_out("roi_ixi", there.root) == {"region maps without a scan": [f"IXI099-HH-1-T1{END}"]}
    with contextlib.ExitStack() as back:
        moved = (there.root / MASKS / f"{lone}{END}").rename(there.root / "away.nii.gz")
        back.callback(moved.rename, there.root / MASKS / f"{lone}{END}")
        assert left_out("roi_ixi", there.root) == {"scans without a region map": [f"{lone}.nii.gz"]}
        assert [sample.id for sample in dataset.samples(there.root)] == ["IXI012"]
