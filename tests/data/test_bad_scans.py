"""Scans that are broken, odd or turned: read as nibabel reads them, or refused in words that name the file."""

from __future__ import annotations

import gzip
import itertools
import os
import re
import struct
import tracemalloc
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bench.core import Dataset, Sample, Scan, Task
from bench.data.prepare.checks import decode
from bench.data.readers.nifti import read_scan

SHAPE = (4, 5, 6)
STEPS = np.array([1.0, 2.0, 3.0])
FIELDS = {
    "dim": (40, "8h"),
    "datatype": (70, "h"),
    "pixdim": (76, "8f"),
    "vox_offset": (108, "f"),
    "magic": (344, "4s"),
}
FIELDS |= {"scl_slope": (112, "f"), "scl_inter": (116, "f"), "qform_code": (252, "h"), "sform_code": (254, "h")}
FIELDS |= {"quatern_b": (256, "3f"), "srow_x": (280, "4f"), "sizeof_hdr": (0, "i")}


def values(dtype: object = np.int16, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Voxels whose neighbours all differ."""
    return (np.arange(np.prod(shape)) % 113).reshape(shape).astype(dtype)


def content(array: np.ndarray | None = None, affine: np.ndarray | None = None, kind: type = nib.Nifti1Image) -> bytes:
    array = values() if array is None else array
    return kind(array, np.diag([*STEPS, 1.0]) if affine is None else affine, dtype=array.dtype).to_bytes()


def changed(**fields: object) -> bytes:
    """A whole file with other numbers in its header."""
    made = bytearray(content())
    for name, value in fields.items():
        at, form = FIELDS[name]
        struct.pack_into(f"<{form}", made, at, *(value if isinstance(value, tuple) else (value,)))
    return bytes(made)


def placed(folder: Path, made: bytes, name: str = "a.nii.gz") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(made, 1) if name.endswith(".gz") else made)
    return path


def orientations() -> list[np.ndarray]:
    """All 48 orientations of the axes of a grid in space."""
    found = []
    for axes, signs in itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)):
        affine = np.zeros((4, 4))
        affine[axes, range(3)] = signs
        found.append(affine + np.diag([0, 0, 0, 1.0]))
    return found


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_all_48_orientations_are_one_canonical_volume(tmp_path, dtype):
    array = values(dtype)
    upright = nib.Nifti1Image(array, np.diag([*STEPS, 1.0]))
    assert len({each.tobytes() for each in orientations()}) == 48
    for number, turn in enumerate(orientations()):
        stored = upright.as_reoriented(nib.io_orientation(turn))
        scan = read_scan(placed(tmp_path, stored.to_bytes(), f"{number}.nii"))
        np.testing.assert_array_equal(scan.image[0], array)
        assert scan.spacing == tuple(STEPS)


def test_an_oblique_volume_is_turned_to_the_closest_axes(tmp_path):
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-1.0, 2.0, 3.0])
    scan = read_scan(path := placed(tmp_path, content(affine=affine)))
    np.testing.assert_array_equal(scan.image[0], nib.as_closest_canonical(nib.load(path)).dataobj)
    assert scan.spacing == tuple(STEPS)


@pytest.mark.parametrize("scaling", [None, (0.37, -11.5), (2.0, 0.0), (np.nan, 3.0), (0.0, 3.0), (1.0, 0.0)])
@pytest.mark.parametrize("code", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_voxels_are_the_numbers_that_nibabel_reads(tmp_path, scaling, code, kind):
    for order in "<>":
        header = kind.header_class(endianness=order)
        array = values(np.dtype(code).newbyteorder(order))
        image = kind(array, np.eye(4), header, dtype=array.dtype)
        made = bytearray(image.to_bytes())
        if scaling:
            at, form = (112, "2f") if kind is nib.Nifti1Image else (176, "2d")
            struct.pack_into(order + form, made, at, *scaling)
        path = placed(tmp_path, bytes(made), "a.nii")
        expected, scan = nib.load(path).get_fdata().astype(np.float32), read_scan(path)
        np.testing.assert_array_equal(scan.image[0], expected)
        scaled = scaling in ((0.37, -11.5), (2.0, 0.0))
        assert scan.image.dtype == (np.uint8 if code == "u1" and not scaled else np.float32)


VAST = bytearray(content(kind=nib.Nifti2Image))
VAST[400:408] = struct.pack("<d", 1e200)  # found by tests/data/test_fuzzed_readers.py: its square is infinite
BROKEN = {
    "no grid": (changed(dim=(3, 4, 0, 6, 1, 1, 1, 1)), "impossible dimensions"),
    "negative": (changed(dim=(3, 4, -5, 6, 1, 1, 1, 1)), "impossible dimensions"),
    "too many axes": (changed(dim=(9, 4, 5, 6, 1, 1, 1, 1)), "impossible dimensions"),
    "five axes": (changed(dim=(5, 4, 5, 3, 1, 2, 1, 1)), "has 5 dimensions, expected 3: .4, 5, 3, 1, 2.; give one vol"),
    "two axes": (changed(dim=(2, 4, 5, 1, 1, 1, 1, 1)), "has 2 dimensions"),
    "a series": (content(values(shape=(3, 3, 3, 7))), "a 4D series of 7 volumes; give one volume"),
    "huge": (changed(dim=(3, 32767, 32767, 32767, 1, 1, 1, 1)), "states more than 2 GiB: 32767 x 32767 x 32767"),
    "unknown type": (changed(datatype=77), "unknown datatype 77"),
    "bits": (changed(datatype=1), "holds binary, not grey values"),
    "colours": (changed(datatype=128), "holds RGB, not grey values"),
    "complex": (changed(datatype=32), "holds complex64, not grey values"),
    "begins before": (changed(vox_offset=-4.0), "voxels at byte -4"),
    "begins inside": (changed(vox_offset=0.0), "voxels at byte 0, but they cannot start before byte 352"),
    "begins nowhere": (changed(vox_offset=float("nan")), "voxels at byte nan"),
    "begins at the end of the world": (changed(vox_offset=1e30), "states more than 2 GiB"),
    "pair": (changed(magic=b"ni1\0"), "one of a pair of files"),
    "no magic": (changed(magic=b"\0\0\0\0"), "is not a NIfTI file: its magic string is empty, as in ANALYZE files"),
    "another size": (changed(sizeof_hdr=347), "does not start with a header"),
    "no orientation": (changed(sform_code=0, qform_code=0), "qform_code and sform_code are 0; export it again"),
    "NaN affine": (changed(srow_x=(float("nan"), 0, 0, 0)), "NaN, infinite or very large numbers"),
    "vast affine": (VAST, "very large numbers in its affine"),
    "flat affine": (changed(srow_x=(0.0, 0, 0, 0)), "singular affine"),
    "double affine": (changed(srow_x=(0.0, 2.0, 0, 0)), "singular affine"),
    "sheared": (changed(srow_x=(1.0, 0.2, 0, 0)), "sheared grid.*resample"),
    "no rotation": (changed(sform_code=0, qform_code=1, quatern_b=(3.0, 3, 3)), "an invalid orientation"),
    "no intercept": (changed(scl_slope=2.0, scl_inter=float("inf")), "an invalid scaling"),
    "short header": (content()[:200], "header is truncated, 200 of 348 bytes"),
    "short": (content()[:-9], "truncated: the header states 240 bytes of voxels, the file has 231"),
    "no voxels": (content()[:352], "states 240 bytes of voxels, the file has 0"),
}


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii"])
@pytest.mark.parametrize("fault", BROKEN)
def test_a_header_that_cannot_be_is_refused_in_words(tmp_path, fault, name):
    made, says = BROKEN[fault]
    with pytest.raises(ValueError, match=rf"(?s)^{name} .*{says}"):
        read_scan(placed(tmp_path, made, name))


def test_one_volume_of_a_series_of_one_is_a_volume(tmp_path):
    assert read_scan(placed(tmp_path, content(values(shape=(3, 3, 3, 1))))).image.shape == (1, 3, 3, 3)


NOISE = np.random.default_rng(0).integers(0, 30000, (20, 20, 20)).astype(np.int16)
PACKED = gzip.compress(content(NOISE), 6)
FILES = {
    "empty": ("a.nii.gz", b"", r"is empty \(0 bytes\)"),
    "empty and plain": ("a.nii", b"", r"is empty \(0 bytes\)"),
    "text": ("a.nii.gz", b"hello, this is not a gzip file", "not a gzip file: its first bytes are wrong"),
    "plain as gzip": ("a.nii.gz", content(), "a plain NIfTI file; rename it to a.nii"),
    "gzip as plain": ("a.nii", gzip.compress(content()), "a gzip file.*rename it to a.nii.gz"),
    "garbage after": (
        "a.nii.gz",
        gzip.compress(content()) + b"garbage",
        "not a (complete )?gzip file|the end of the file is missing",
    ),
    "wrong sum": ("a.nii.gz", PACKED[:-8] + b"\1" + PACKED[-7:], "not a (complete )?gzip file"),
    "spoilt middle": ("a.nii.gz", PACKED[:4000] + b"\xff" * 9 + PACKED[4009:], "not a complete gzip file|truncated"),
    "no sum": ("a.nii.gz", PACKED[:-8], "its voxels are complete, but the end of the file is missing"),
    "cut in the header": ("a.nii.gz", PACKED[:30], "truncated in its header"),
}


@pytest.mark.parametrize("fault", FILES)
def test_a_file_that_does_not_match_its_name_is_refused_with_a_reason(tmp_path, fault):
    name, made, says = FILES[fault]
    (tmp_path / name).write_bytes(made)
    with pytest.raises(ValueError, match=rf"^{name} .*{says}"):
        read_scan(tmp_path / name)


def test_a_truncated_gzip_file_reports_its_size(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(PACKED[:6000])
    held = len(zlib.decompressobj(31).decompress(PACKED[:6000])) - 352
    with pytest.raises(ValueError, match=f"states 16000 bytes of voxels, the file has {held};"):
        read_scan(tmp_path / "a.nii.gz")


def test_a_gzip_file_of_several_members_is_one_file(tmp_path):
    made = content()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(made[:400]) + gzip.compress(made[400:]))
    np.testing.assert_array_equal(read_scan(tmp_path / "a.nii.gz").image[0], values())
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(made[:300]) + gzip.compress(made[300:500])[:-9])
    with pytest.raises(ValueError, match=r"states 240 bytes of voxels, the file has 1\d\d;"):
        read_scan(tmp_path / "a.nii.gz")


def test_what_follows_the_voxels_takes_no_memory(tmp_path):
    placed(tmp_path, content() + bytes(1 << 25))
    tracemalloc.start()
    read_scan(tmp_path / "a.nii.gz")
    assert tracemalloc.get_traced_memory()[1] < 1 << 23
    tracemalloc.stop()


@pytest.mark.slow
def test_a_gzip_bomb_is_refused_and_takes_no_memory(tmp_path):
    member = gzip.compress(bytes(1 << 26), 9)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content()) + member * 33)
    tracemalloc.start()
    with pytest.raises(ValueError, match="more than 2 GiB when decompressed"):
        read_scan(tmp_path / "a.nii.gz")
    assert tracemalloc.get_traced_memory()[1] < 1 << 23
    tracemalloc.stop()


def test_a_folder_and_a_pipe_are_no_scans(tmp_path):
    (tmp_path / "a.nii.gz").mkdir()
    with pytest.raises(ValueError, match=r"a\.nii\.gz is a folder"):
        read_scan(tmp_path / "a.nii.gz")
    os.mkfifo(tmp_path / "b.nii.gz")
    with pytest.raises(ValueError, match=r"b\.nii\.gz is a pipe"):
        read_scan(tmp_path / "b.nii.gz")


def test_a_mask_is_read_as_its_image_is_and_has_its_dimensions(tmp_path):
    image, mask = placed(tmp_path, content()), placed(tmp_path, content(), "m.nii.gz")
    np.testing.assert_array_equal(read_scan(image, mask).mask, values())
    other = placed(tmp_path, content(values(np.uint8, (4, 5, 7))), "o.nii.gz")
    with pytest.raises(ValueError, match=r"o\.nii\.gz has dimensions \(4, 5, 7\), but its image \(4, 5, 6\)"):
        read_scan(image, other)


class Mine(Dataset):
    task = Task("segmentation", "dice", ("a", "b"))
    shape = (1, *SHAPE)
    spacing = (1.0, 1.0, 1.0)

    def samples(self, root: Path | None) -> list:
        return []


def fault_of(read: object, *files: Path, root: Path | None = None) -> str:
    return decode(Sample("s", "s", 0.0, "x", read, files=files), Mine(), root).fault


def scan(image: object = values()[None], mask: object = None, spacing: tuple = (1.0, 1.0, 1.0)) -> Scan:
    return Scan(image, spacing, mask)


IMAGES = {
    "NaN": (scan(np.where(values() == 7, np.nan, 1.0)[None]), "has 1 voxels that are NaN or infinite"),
    "infinite": (scan(np.where(values() == 7, np.inf, 1.0)[None]), "has 1 voxels that are NaN or infinite"),
    "too large": (scan(values(np.float64)[None] * 1e300), "NaN or infinite as 32-bit floats"),
    "constant": (scan(np.ones((1, *SHAPE))), "is empty: every voxel is 1.0"),
    "another shape": (scan(np.ones((1, 9, 9, 9))), r"dimensions \(9, 9, 9\), expected about \(4, 5, 6\)"),
    "no channels": (scan(np.ones(SHAPE)), r"expected \(1, 4, 5, 6\) \(channels first\)"),
    "another spacing": (scan(spacing=(2.0, 1.0, 1.0)), "spacing of .* expected .*resample"),
    "complex": (scan(values(np.complex64)[None]), "holds complex64, not grey values"),
    "NaN mask": (scan(mask=np.full(SHAPE, np.nan)), "has 120 voxels that are NaN or infinite in its mask"),
    "huge mask": (scan(mask=np.full(SHAPE, 1e30)), "mask with values outside the class indices 0 to 1"),
    "small mask": (scan(mask=np.zeros((2, 2, 2))), "mask of dimensions"),
    "words": (scan(mask=np.full(SHAPE, "a")), "mask of type <U1"),
}


@pytest.mark.parametrize("fault", IMAGES)
def test_an_odd_image_is_a_fault_of_its_scan(fault):
    odd, says = IMAGES[fault]
    assert re.search(says, fault_of(lambda: odd))


RAISED = [MemoryError(), RecursionError("deep"), zlib.error("bad"), struct.error("bad"), EOFError(), BufferError("bad")]
RAISED += [
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    OverflowError("large"),
    NotImplementedError(),
    KeyError(3),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_every_error_of_a_reader_is_a_fault_of_its_scan(error):
    def read() -> Scan:
        raise error

    assert fault_of(read).startswith(("cannot be read: ", "needs more memory", "'utf-8' codec"))


def test_the_folders_of_the_computer_are_in_no_fault(tmp_path):
    (tmp_path / "folder.nii.gz").mkdir()
    os.mkfifo(tmp_path / "pipe.nii.gz")
    for name, says in (("gone", "no file {}"), ("folder", "{} is a folder"), ("pipe", "{} is a pipe")):
        found = fault_of(scan, tmp_path / f"{name}.nii.gz", root=tmp_path)
        assert says.format(f"{name}.nii.gz") in found
        assert str(tmp_path) not in found
