"""Fields of a NIfTI header that change what voxels mean: each is read as nibabel or the standard says, or refused."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bench.data.readers.nifti import read_scan

VOXELS = (np.arange(120) % 113).reshape(4, 5, 6).astype(np.int16)
LAS = np.diag([-2.0, 2.0, 2.0, 1.0])
TURN = np.array([[0.8, -0.6, 0, 0], [0.6, 0.8, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
FIELDS = nib.Nifti1Header.template_dtype


def header_of(order: str = "<", affine: np.ndarray = LAS, **fields: object) -> bytearray:
    """A whole file of VOXELS with an sform, in which some fields are others."""
    header = nib.Nifti1Header(endianness=order)
    header.set_xyzt_units("mm")
    content = bytearray(nib.Nifti1Image(VOXELS, affine, header, dtype=np.int16).to_bytes())
    for name, value in fields.items():
        kind, at = FIELDS.fields[name][:2]
        content[at : at + kind.itemsize] = np.asarray(value, kind.base.newbyteorder(order)).tobytes()
    return content


def written(folder: Path, content: bytes, name: str = "a.nii.gz") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(bytes(content), 1) if name.endswith("z") else bytes(content))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ValueError, match=path.name) as caught:
        read_scan(path)
    return str(caught.value)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("code", "scale"), [(0, 1.0), (2, 1.0), (10, 1.0), (1, 1000.0), (3, 0.001), (3 + 16, 0.001)])
def test_units_of_length_become_millimetres(tmp_path, code, scale, order):
    stored = np.diag([-2.0 / scale, 2.0 / scale, 2.0 / scale, 1.0])
    stored[:3, 3] = np.array([7.0, -8.0, 9.0]) / scale
    scan = read_scan(written(tmp_path, header_of(order, stored, xyzt_units=code)))
    assert scan.spacing == (2.0, 2.0, 2.0)
    np.testing.assert_allclose(scan.affine[:3, 3], [7.0 - 2.0 * 3, -8.0, 9.0], rtol=1e-5)
    np.testing.assert_array_equal(scan.image[0], VOXELS[::-1])


def test_units_of_the_qform_become_millimetres_too(tmp_path):
    content = header_of(qform_code=1, sform_code=0, xyzt_units=3, pixdim=[-1, 2000, 2000, 2000, 0, 0, 0, 0])
    assert read_scan(written(tmp_path, content)).spacing == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"xyzt_units": 5}, "unknown unit of length 5 in xyzt_units"),
        ({"sform_code": 9}, "unknown sform_code 9"),
        ({"qform_code": -1}, "unknown qform_code -1"),
        ({"scl_slope": np.inf}, "infinite scaling"),
        ({"bitpix": 32}, "32 bits per voxel .bitpix., but its datatype is int16"),
        ({"intent_code": 1007}, "holds vector .intent_code 1007., not grey values"),
        ({"intent_code": 1005}, "holds symmetric matrix"),
        ({"intent_code": 2003}, "holds rgb vector"),
        ({"dim": [4, 4, 5, 3, 2, 1, 1, 1]}, "4D series of 2 volumes"),
        ({"dim": [6, 4, 5, 3, 1, 1, 2, 1]}, "has 6 dimensions"),
        ({"sform_code": 0, "qform_code": 1, "pixdim": [1, 2, 0, 2, 0, 0, 0, 0]}, "voxels of 2 x 0 x 2 .pixdim."),
        ({"sform_code": 0, "qform_code": 1, "pixdim": [1, 2, -2, 2, 0, 0, 0, 0]}, "voxels of 2 x -2 x 2 .pixdim."),
        ({"sform_code": 0, "qform_code": 1, "pixdim": [1, 2, np.nan, 2, 0, 0, 0, 0]}, "voxels of 2 x nan x 2"),
        ({"sform_code": 0, "qform_code": 1, "pixdim": [-7, 2, 2, 2, 0, 0, 0, 0]}, "handedness -7 in pixdim"),
        ({"sform_code": 0, "qform_code": 0}, "no orientation"),
    ],
)
def test_a_field_without_a_certain_meaning_is_refused_by_name(tmp_path, fields, says):
    path = written(tmp_path, header_of(**fields))
    with pytest.raises(ValueError, match=says):
        read_scan(path)


@pytest.mark.parametrize("axes", [3, 4, 5, 6, 7])
def test_further_axes_of_one_voxel_are_one_volume(tmp_path, axes):
    path = written(tmp_path, header_of(dim=[axes, 4, 5, 6, 1, 1, 1, 1]))
    scan = read_scan(path)
    assert scan.image.shape == (1, 4, 5, 6)
    np.testing.assert_array_equal(scan.image[0], np.reshape(nib.load(path).dataobj, (4, 5, 6))[::-1])


@pytest.mark.parametrize("qform", [np.diag([2.0, 2, 2, 1]), np.diag([-2.0, -2, 2, 1]) @ np.diag([1.0, 1, -1, 1])])
def test_sform_and_qform_of_other_hands_are_refused(tmp_path, qform):
    image = nib.Nifti1Image(VOXELS, LAS)
    image.set_qform(qform, 1)
    image.set_sform(LAS, 1)
    refused = refusal(written(tmp_path, image.to_bytes()))
    assert "contradict each other on left and right" in refused or "on the directions of its axes" in refused
    assert "qform" in refused


@pytest.mark.parametrize(("codes", "noted"), [((1, 1), True), ((4, 1), True), ((1, 0), False), ((0, 1), False)])
def test_sform_and_qform_that_differ_less_are_read_by_the_standard_and_noted(tmp_path, codes, noted):
    image = nib.Nifti1Image(VOXELS, TURN @ LAS)
    image.set_qform(LAS, codes[1])
    image.set_sform(TURN @ LAS, codes[0])
    path = written(tmp_path, image.to_bytes())
    scan = read_scan(path)
    expected = nib.as_closest_canonical(nib.load(path))
    np.testing.assert_allclose(scan.affine, expected.affine, atol=1e-5)
    np.testing.assert_array_equal(scan.image[0], expected.dataobj)
    assert bool(scan.notes) == noted
    assert all("qform and sform differ, by up to" in note for note in scan.notes)


def test_sizes_of_voxels_that_differ_are_refused_in_one_space_and_noted_in_two(tmp_path):
    image = nib.Nifti1Image(VOXELS, LAS)
    image.set_qform(np.diag([-1.0, 1, 1, 1]), 1)
    image.set_sform(LAS, 1)
    assert "1 x 1 x 1 mm in pixdim, 2 x 2 x 2 mm in the sform, both in one space" in refusal(
        written(tmp_path, image.to_bytes())
    )
    image.set_sform(LAS, 4)
    scan = read_scan(written(tmp_path, image.to_bytes()))
    assert (scan.spacing, len(scan.notes)) == ((2.0, 2.0, 2.0), 1)
    content = header_of(qform_code=0, pixdim=[1, 5, 5, 5, 0, 0, 0, 0])
    assert "other sizes in pixdim" in read_scan(written(tmp_path, content)).notes[0]


def test_equal_sform_and_qform_have_no_note_and_an_invalid_qform_has_one(tmp_path):
    image = nib.Nifti1Image(VOXELS, LAS)
    image.set_qform(LAS, 1)
    assert read_scan(written(tmp_path, image.to_bytes())).notes == ()
    content = bytearray(image.to_bytes())
    struct.pack_into("<3f", content, 256, 3.0, 3.0, 3.0)
    assert "the qform is not valid" in read_scan(written(tmp_path, content)).notes[0]


@pytest.mark.parametrize(("code", "noted"), [(0, False), (3, True), (24, True), (1002, True), (1001, False)])
def test_an_intent_of_a_statistic_or_of_labels_is_noted(tmp_path, code, noted):
    assert bool(read_scan(written(tmp_path, header_of(intent_code=code))).notes) == noted


def test_a_mask_on_another_grid_is_refused_and_on_a_turned_one_is_read(tmp_path):
    image = written(tmp_path, header_of(), "i.nii.gz")
    elsewhere = written(tmp_path, header_of(affine=np.eye(4)), "m.nii.gz")
    with pytest.raises(ValueError, match=r"m\.nii\.gz is up to .* mm away from its image"):
        read_scan(image, elsewhere)
    turned = nib.Nifti1Image(VOXELS, LAS).as_reoriented(np.array([[1, -1], [0, 1], [2, -1]]))
    mask = written(tmp_path, turned.to_bytes(), "t.nii")
    np.testing.assert_array_equal(read_scan(image, mask).mask, VOXELS[::-1])


def test_maps_that_are_written_say_their_unit(tmp_path):
    from bench.analysis.explain.nifti_maps import write_nifti

    write_nifti(tmp_path / "map.nii.gz", VOXELS, LAS)
    assert nib.load(tmp_path / "map.nii.gz").header.get_xyzt_units()[0] == "mm"
