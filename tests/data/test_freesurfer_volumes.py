"""FreeSurfer volumes (.mgz, .mgh) are read as nibabel reads them, wherever NIfTI files are, or refused in words."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bench.data.prepare import prepare
from bench.data.readers.bids import scans
from bench.data.readers.image_mask_pairs import list_pairs
from bench.data.readers.nifti import read_scan

VOXELS = (np.arange(120) % 113).reshape(4, 5, 6)
OBLIQUE = np.array([[-0.96, 0.56, 0, 5], [0.28, 1.92, 0, 6], [0, 0, -3, 7], [0, 0, 0, 1.0]])  # 1 x 2 x 3 mm


def content(dtype: type = np.int16, array: np.ndarray = VOXELS, affine: np.ndarray = OBLIQUE) -> bytes:
    return nib.MGHImage(array.astype(dtype), affine).to_bytes()


def written(folder: Path, made: bytes, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(made) if name.endswith(("z", "z.")) else made)
    return path


@pytest.mark.parametrize("name", ["a.mgz", "a.mgh", "A.MGH", "a.mgh.gz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_it_is_read_as_nibabel_reads_it(tmp_path, name, dtype):
    scan = read_scan(written(tmp_path, content(dtype), name))
    expected = nib.as_closest_canonical(nib.MGHImage.from_bytes(content(dtype)))
    np.testing.assert_array_equal(scan.image[0], expected.dataobj)
    np.testing.assert_allclose(scan.affine, expected.affine, atol=1e-5)
    assert (scan.spacing, scan.image.dtype) == ((1.0, 2.0, 3.0), np.uint8 if dtype is np.uint8 else np.float32)


def changed(at: int, form: str, *values: float) -> bytes:
    made = bytearray(content())
    struct.pack_into(f">{form}", made, at, *values)
    return bytes(made)


@pytest.mark.parametrize(
    ("name", "made", "says"),
    [
        ("a.mgz", changed(28, "h", 0), "no orientation: goodRASFlag is 0"),
        ("a.mgz", changed(20, "i", 6), "unknown type 6"),
        ("a.mgz", changed(4, "i", -4), "impossible dimensions"),
        ("a.mgz", changed(16, "i", 2), "a 4D series of 2 volumes"),
        ("a.mgz", changed(4, "2i", 40000, 40000), "states more than 2 GiB"),
        ("a.mgz", changed(30, "f", 0.0), "expected positive sizes"),
        ("a.mgz", changed(30, "f", float("nan")), "expected positive sizes"),
        ("a.mgz", changed(42, "f", float("nan")), "NaN, infinite or very large"),
        ("a.mgz", changed(0, "i", 2), "does not start with version 1"),
        ("a.mgh", content()[:100], "header is truncated, 100 of 284 bytes"),
        ("a.mgh", content()[:400], "states 240 bytes of voxels, the file has 116"),
        ("a.mgz", content()[:400], "states 240 bytes of voxels, the file has 116"),
        ("a.nii.gz", content(), "is a FreeSurfer file, not a NIfTI file; rename it so that it ends in .mgz"),
    ],
)
def test_a_header_that_cannot_be_is_refused_in_words(tmp_path, name, made, says):
    with pytest.raises(ValueError, match=rf"^{name} .*{says}"):
        read_scan(written(tmp_path, made, name))


@pytest.mark.parametrize(
    ("name", "made", "says"),
    [
        ("a.mgz", content(), "a plain FreeSurfer file; rename it to a.mgh"),
        ("a.mgh", gzip.compress(content()), "rename it to a.mgz$"),
        ("a.mgz", gzip.compress(content())[:-8] + b"\1" * 8, "not a complete gzip file"),
        ("a.mgz", gzip.compress(content())[:-8], "truncated gzip file|the end of the file is missing"),
        (
            "a.mgz",
            nib.Nifti1Image(VOXELS.astype(np.int16), np.eye(4)).to_bytes(),
            "a plain NIfTI file; rename it to a.n",
        ),
        ("a.mgz", b"", "is not a FreeSurfer file: it is empty"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused_in_words(tmp_path, name, made, says):
    (tmp_path / name).write_bytes(made)
    with pytest.raises(ValueError, match=rf"^{name} .*({says})"):
        read_scan(tmp_path / name)


def test_it_may_be_a_scan_of_a_bids_folder(tmp_path):
    written(tmp_path, content(), "sub-1/anat/sub-1_T1w.mgz")
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-1\t60\n")
    (row,) = scans(tmp_path, ("age",), "a BIDS folder")
    assert row.path.name == "sub-1_T1w.mgz"
    assert row.sample(60.0, "all").read().image.shape == (1, 4, 5, 6)


def test_it_may_be_an_image_with_its_mask(tmp_path):
    affine = np.diag([-1.0, 1, 1, 1])
    rng = np.random.default_rng(0)
    for name in ("001", "002"):
        array = rng.integers(1, 900, (24, 24, 24))
        written(tmp_path, content(np.int16, array, affine), f"data/{name}.mgz")
        written(tmp_path, content(np.uint8, array > 500, affine), f"mask/{name}.mgh")
    assert [pair.id for pair in list_pairs(tmp_path, "pairs")] == ["001", "002"]
    there = prepare("artery_cas", {"mm": 1.0, "voxels": (24, 24, 24)}, source=tmp_path)
    np.testing.assert_array_equal(there.masks(), there.images()[:, 0] > 500)
