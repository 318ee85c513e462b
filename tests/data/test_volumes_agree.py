"""A volume is the same in every format, orientation and coding, alone and beside a mask; or every reader refuses it.

Files are written field by field, and read by nibabel or SimpleITK to check that they are what they should be. The cases
are the same on every run.
"""

from __future__ import annotations

import gzip
import itertools
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform

from bench.core import Scan
from bench.data.readers.image_mask_pairs import Grid, Pair, read_pair
from bench.data.readers.nifti import read_scan

FIXED = {"derandomize": True, "deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
CODES = [
    "".join(letter[side] for letter, side in zip(order, sides, strict=True))
    for order in itertools.permutations(("LR", "PA", "IS"))
    for sides in itertools.product((0, 1), repeat=3)
]
TYPES = {
    "nii": ("u1", "i1", "i2", "u2", "i4", "f4", "f8"),
    "mgh": ("u1", "i2", "i4", "f4"),
    "mha": ("u1", "i1", "i2", "u2", "i4", "f4", "f8"),
}
MET = {"u1": "UCHAR", "i1": "CHAR", "i2": "SHORT", "u2": "USHORT", "i4": "INT", "f4": "FLOAT", "f8": "DOUBLE"}
MGH = {"u1": 0, "i4": 1, "f4": 3, "i2": 4}
UNITS = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # code of NIfTI -> millimetres
RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # from the axes of MetaImage and back
FAULTS = ("cut", "series", "no orientation", "sheared", "mirrored")


@dataclass(frozen=True)
class Coding:
    """How a volume is written."""

    kind: str  # nii, mgh or mha
    code: str  # orientation
    dtype: str
    packed: bool
    fault: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)  # fields of the kind


@st.composite
def codings(draw: st.DrawFn, faults: tuple[str, ...] = ()) -> Coding:
    kind = draw(st.sampled_from(["nii", "nii", "mgh", "mha"]))
    more = {
        "nii": {
            "big": draw(st.booleans()),
            "two": draw(st.booleans()),
            "codes": draw(st.sampled_from([(1, 0), (0, 1), (1, 1), (2, 1), (4, 4)])),
            "unit": draw(st.sampled_from(sorted(UNITS))),
            "slope": draw(st.sampled_from([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (0.5, -3.0), (float("nan"), 5.0)])),
            "axes": draw(st.integers(0, 3)),
        },
        "mgh": {},
        "mha": {
            "big": draw(st.booleans()),
            "text": draw(st.integers(0, 3)) == 3,
            "matrix": draw(st.sampled_from(["TransformMatrix", "Rotation", "Orientation"])),
            "offset": draw(st.sampled_from(["Offset", "Position", "Origin"])),
            "spacing": draw(st.sampled_from(["ElementSpacing", "ElementSize"])),
            "local": draw(st.sampled_from(["LOCAL", "Local", "local"])),
            "size": draw(st.booleans()),
        },
    }[kind]
    fault = draw(st.sampled_from(("",) * 5 + faults))
    return Coding(
        kind, draw(st.sampled_from(CODES)), draw(st.sampled_from(TYPES[kind])), draw(st.booleans()), fault, more
    )


@dataclass(frozen=True)
class Case:
    """A volume and its mask, each written in its own way."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    image: Coding
    mask: Coding
    moved: float  # millimetres that the mask lies beside its image
    seed: int


CASES = st.builds(
    Case,
    st.tuples(*[st.integers(3, 6)] * 3),
    st.sampled_from([(2.0, 2.0, 2.0), (1.0, 1.5, 2.0), (0.5, 0.5, 3.0)]),
    codings(FAULTS),
    codings(),
    st.sampled_from([0.0] * 7 + [40.0]),
    st.integers(0, 999),
)


def write(folder: Path, name: str, values: np.ndarray, affine: np.ndarray, coding: Coding) -> tuple[Path, np.ndarray]:
    """A file of voxels along RAS axes, (X, Y, Z), and the values that it means."""
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(coding.code))
    stored = apply_orientation(values.astype(coding.dtype), turn)
    affine = affine @ inv_ornt_aff(turn, values.shape)
    if coding.fault == "sheared" and has_fault(coding):
        affine = affine @ np.array([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    content = {"nii": nifti, "mgh": freesurfer, "mha": metaimage}[coding.kind](stored, affine, coding)
    content = content[: len(content) - 5] if coding.fault == "cut" else content
    ends = {"nii": (".nii", ".nii.gz"), "mgh": (".mgh", ".mgz"), "mha": (".mha", ".mha")}[coding.kind]
    path = folder / f"{name}{ends[coding.packed]}"
    path.write_bytes(gzip.compress(content, 1) if coding.packed and coding.kind != "mha" else content)
    slope, inter = coding.more.get("slope", (1.0, 0.0))
    scaled = slope not in (0.0, 1.0) and np.isfinite(slope)
    return path, values.astype(coding.dtype) * slope + inter if scaled else values.astype(coding.dtype)


def nifti(stored: np.ndarray, affine: np.ndarray, coding: Coding) -> bytes:
    more, order = coding.more, ">" if coding.more["big"] else "<"
    header = (nib.Nifti2Header if more["two"] else nib.Nifti1Header)(endianness=order)
    volumes = (2,) if coding.fault == "series" else (1,) * more["axes"]
    header.set_data_shape((*stored.shape, *volumes))
    header.set_data_dtype(np.dtype(order + coding.dtype))
    inside = np.diag([1 / UNITS[more["unit"]]] * 3 + [1.0]) @ affine
    sform, qform = (0, 0) if coding.fault == "no orientation" else more["codes"]
    header.set_qform(inside, qform, strip_shears=True)
    header.set_sform(inside, sform)
    if coding.fault == "mirrored":
        header.set_sform(np.diag([-1.0, 1, 1, 1]) @ inside, 1)
        header["qform_code"] = 1
    header["pixdim"][4:] = 1
    header["xyzt_units"] = more["unit"]
    header["scl_slope"], header["scl_inter"] = more["slope"]
    header["vox_offset"] = header.single_vox_offset
    header["magic"] = header.single_magic
    return header.binaryblock + b"\0" * 4 + stored.astype(order + coding.dtype).tobytes("F") * max(volumes or (1,))


def freesurfer(stored: np.ndarray, affine: np.ndarray, coding: Coding) -> bytes:
    steps = np.sqrt((affine[:3, :3] ** 2).sum(0))
    header = np.zeros((), nib.freesurfer.MGHImage.header_class.template_dtype)
    volumes = 2 if coding.fault == "series" else 1
    header["version"], header["dims"], header["type"] = 1, (*stored.shape, volumes), MGH[coding.dtype]
    header["goodRASFlag"] = coding.fault != "no orientation"
    header["delta"], header["Mdc"] = steps, (affine[:3, :3] / steps).T
    header["Pxyz_c"] = (affine @ [*(np.array(stored.shape) / 2), 1])[:3]
    return header.tobytes().ljust(284, b"\0") + stored.astype(">" + coding.dtype).tobytes("F") * volumes


def metaimage(stored: np.ndarray, affine: np.ndarray, coding: Coding) -> bytes:
    more, lps = coding.more, RAS @ affine
    steps = np.sqrt((affine[:3, :3] ** 2).sum(0))
    sizes = (*stored.shape, 2) if coding.fault == "series" else stored.shape
    body = stored.astype((">" if more["big"] else "<") + coding.dtype).tobytes("F") * (len(sizes) - 2)
    packed = coding.packed and not more["text"]
    if more["text"]:
        body = " ".join(repr(each.item()) for each in stored.ravel("F")).encode() + b"\n"
    body = zlib.compress(body) if packed else body
    words = {
        "ObjectType": "Image",
        "NDims": len(sizes),
        "BinaryData": not more["text"],
        "BinaryDataByteOrderMSB": more["big"],
        "CompressedData": packed,
        "CompressedDataSize": len(body) if packed and more["size"] else None,
        more["matrix"]: " ".join(map(repr, padded((lps[:3, :3] / steps).T, len(sizes)).ravel().tolist())),
        more["offset"]: " ".join(map(str, [*lps[:3, 3].tolist(), 0.0][: len(sizes)])),
        more["spacing"]: " ".join(map(str, [*steps.tolist(), 1.0][: len(sizes)])),
        "DimSize": " ".join(map(str, sizes)),
        "ElementType": f"MET_{MET[coding.dtype]}",
        "ElementDataFile": more["local"],
    }
    return "".join(f"{name} = {value}\n" for name, value in words.items() if value is not None).encode() + body


def padded(matrix: np.ndarray, size: int) -> np.ndarray:
    result = np.eye(size)
    result[:3, :3] = matrix
    return result


def as_others_read(path: Path) -> np.ndarray:
    """The voxels along RAS axes by nibabel or SimpleITK."""
    if path.suffix == ".mha":
        image = SimpleITK.DICOMOrient(SimpleITK.ReadImage(str(path)), "LPS")
        return SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0)[::-1, ::-1]
    content = path.read_bytes()
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    nifti = (
        nib.Nifti2Image
        if 540 in (int.from_bytes(content[:4], order) for order in ("little", "big"))
        else nib.Nifti1Image
    )
    image = nib.as_closest_canonical((nib.MGHImage if content[:4] == b"\0\0\0\1" else nifti).from_bytes(content))
    return image.get_fdata().reshape(image.shape[:3])


def misread(coding: Coding) -> bool:
    """True for MetaImage files that SimpleITK misreads: text with a byte order, and compressed voxels of no size."""
    if coding.kind != "mha":
        return False
    more = coding.more
    return more["big"] if more["text"] else coding.packed and not more["size"]


def has_fault(coding: Coding) -> bool:
    """Whether the file has a fault: some formats cannot have every fault, and a qform cannot be sheared."""
    absent = {"mha": ("", "no orientation", "mirrored"), "mgh": ("", "mirrored"), "nii": ("",)}[coding.kind]
    sheared_qform = coding.kind == "nii" and coding.fault == "sheared" and not coding.more["codes"][0]
    return coding.fault not in absent and not sheared_qform


def outcome(read: Any) -> tuple[Scan | None, str]:
    try:
        return read(), ""
    except (ValueError, OSError) as error:
        return None, str(error)


def require_values(scan: Scan, meant: np.ndarray, path: Path, coding: Coding) -> None:
    """The voxels are those that were written, and those that another program reads."""
    np.testing.assert_allclose(scan.image[0], meant, rtol=1e-6)
    if not misread(coding):
        np.testing.assert_allclose(scan.image[0], as_others_read(path), rtol=1e-6)


def check(case: Case, counts: dict[str, int]) -> None:
    rng = np.random.default_rng(case.seed)
    affine = np.diag([*case.spacing, 1.0])
    affine[:3, 3] = rng.integers(-50, 50, 3)
    values, labels = rng.integers(0, 100, case.shape), rng.integers(0, 2, case.shape)
    labels[0, 0, 0] = 1
    beside = affine + np.array([[0, 0, 0, case.moved], *[[0.0] * 4] * 3])
    plain = Coding("nii", "RAS", "f4", False, "", NEUTRAL)
    mask_coding = Coding(**{**vars(case.mask), "more": {**case.mask.more, "slope": (1.0, 0.0)}})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, meant = write(folder, "image", values, affine, case.image)
        mask, _ = write(folder, "mask", labels, beside, mask_coding)
        alone, fault = outcome(lambda: read_scan(path))
        both, pair_fault = outcome(lambda: read_scan(path, mask))
        grid = Grid(2.0, (4, 5, 6))
        pair, other_fault = outcome(lambda: read_pair(Pair("a", path, mask), grid, {1: 1}, True))
        assert pair_fault == other_fault, (pair_fault, other_fault)
        if case.moved and not fault:
            assert pair_fault.startswith(f"{mask.name} is up to 40.00 mm away from its image")
        if has_fault(case.image):
            assert path.name in fault
            assert pair_fault == fault
            counts["refused"] += 1
            return
        assert fault == ""
        counts["read"] += 1
        require_values(alone, meant, path, case.image)
        np.testing.assert_allclose(alone.spacing, case.spacing, rtol=1e-5)
        np.testing.assert_allclose(alone.affine, affine, atol=1e-3)
        if case.moved:
            return
        assert pair_fault == ""
        np.testing.assert_array_equal(both.image, alone.image)
        np.testing.assert_array_equal(both.mask, labels)
        same = write(folder, "plain", meant, affine, plain)[0], write(folder, "plain-mask", labels, affine, plain)[0]
        expected = read_pair(Pair("a", *same), grid, {1: 1}, True)
        np.testing.assert_allclose(pair.image, expected.image, rtol=1e-4, atol=1e-3)
        np.testing.assert_array_equal(pair.mask, expected.mask)


NEUTRAL = {"big": False, "two": False, "codes": (1, 0), "unit": 2, "slope": (1.0, 0.0), "axes": 0}


@pytest.mark.parametrize("number", [80, pytest.param(3000, marks=pytest.mark.slow)])
def test_one_volume_is_the_same_in_every_file_or_refused_by_every_reader(number):
    counts = {"read": 0, "refused": 0}

    @settings(max_examples=number, **FIXED)
    @given(CASES)
    def each(case: Case) -> None:
        check(case, counts)

    each()
    assert min(counts.values()) > number / 20
