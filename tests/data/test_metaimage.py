"""Fields and coding of MetaImage files (.mha): what is read is what ITK reads, the rest is refused by name.

The expected values were obtained with SimpleITK 2.5 on the same files.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from bench.data.readers.metaimage import read_mha
from bench.data.readers.nifti import read_scan

VOXELS = np.arange(24, dtype="<i2").reshape(2, 3, 4).transpose(2, 1, 0)  # x fastest, as the file has it
FIELDS = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "1 2 3",
    "ElementSpacing": "1 2 3",
    "DimSize": "4 3 2",
    "ElementType": "MET_SHORT",
}
LPS = np.array([[-1.0, 0, 0, -1], [0, -2, 0, -2], [0, 0, 3, 3], [0, 0, 0, 1]])  # of FIELDS, to RAS
BODY = VOXELS.tobytes(order="F")
PACKED = zlib.compress(BODY)
FOUR = {
    "NDims": "4",
    "DimSize": "4 3 2 1",
    "TransformMatrix": "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1",
    "Offset": "1 2 3 0",
    "ElementSpacing": "1 2 3 1",
}


def written(folder: Path, body: bytes = BODY, **fields: str | None) -> Path:
    """A file of FIELDS; a field that is None is left out."""
    given = {**FIELDS, **fields}
    lines = [f"{name} = {value}\n" for name, value in given.items() if value is not None]
    path = folder / "a.mha"
    path.write_bytes("".join([*lines, "ElementDataFile = LOCAL\n"]).encode() + body)
    return path


def text(values: np.ndarray) -> bytes:
    return " ".join(map(str, values.ravel(order="F"))).encode() + b"\n"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (BODY, {}),
        (BODY, {"ObjectType": None, "BinaryData": None, "BinaryDataByteOrderMSB": None}),
        (BODY, {"BinaryData": "1"}),
        (BODY, FOUR),
        (BODY, {"ElementSpacing": None, "ElementSize": "1 2 3"}),
        (BODY, {"ElementSize": "5 5 5"}),
        (BODY, {"Offset": None, "Position": "1 2 3"}),
        (BODY, {"Offset": None, "Origin": "1 2 3"}),
        (BODY, {"TransformMatrix": None, "Rotation": "1 0 0 0 1 0 0 0 1"}),
        (BODY, {"TransformMatrix": None, "Orientation": "1 0 0 0 1 0 0 0 1"}),
        (BODY, {"AnatomicalOrientation": "RAI"}),
        (BODY, {"AnatomicalOrientation": "???", "CenterOfRotation": "5 5 5", "Modality": "MET_MOD_MR"}),
        (BODY, {"ElementToIntensityFunctionSlope": "1", "ElementToIntensityFunctionOffset": "0"}),
        (VOXELS.astype(">i2").tobytes(order="F"), {"BinaryDataByteOrderMSB": "True"}),
        (VOXELS.astype(">i2").tobytes(order="F"), {"BinaryDataByteOrderMSB": None, "ElementByteOrderMSB": "True"}),
        (VOXELS.astype("<i8").tobytes(order="F"), {"ElementType": "MET_LONG_LONG"}),
        (text(VOXELS), {"BinaryData": "False"}),
        (text(VOXELS / 1.0), {"BinaryData": "False", "ElementType": "MET_DOUBLE"}),
        (PACKED, {"CompressedData": "True"}),
        (PACKED, {"CompressedData": "True", "CompressedDataSize": str(len(PACKED))}),
    ],
)
def test_one_volume_in_all_spellings(tmp_path, body, fields):
    values, affine = read_mha(written(tmp_path, body, **fields))
    np.testing.assert_array_equal(values, VOXELS)
    np.testing.assert_allclose(affine, LPS)


@pytest.mark.parametrize(("units", "scale"), [("mm", 1.0), ("um", 0.001), ("cm", 10.0)])
def test_units_of_length_become_millimetres(tmp_path, units, scale):
    _, affine = read_mha(written(tmp_path, DistanceUnits=units))
    np.testing.assert_allclose(affine[:3], LPS[:3] * scale)


@pytest.mark.parametrize(
    ("matrix", "letters", "rows"),
    [  # as ITK writes them; rows: of the affine's directions to RAS
        ("-1 0 0 0 -1 0 0 0 1", "LPI", [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ("0 1 0 0 0 -1 -1 0 0", "ASL", [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]),
        ("0 -1 0 1 0 0 0 0 1", "PRI", [[0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    ],
)
def test_the_letters_of_an_orientation_are_those_of_its_matrix(tmp_path, matrix, letters, rows):
    fields = {"TransformMatrix": matrix, "ElementSpacing": "1 1 1"}
    _, affine = read_mha(written(tmp_path, **fields, AnatomicalOrientation=letters))
    np.testing.assert_array_equal(affine[:3, :3], rows)
    with pytest.raises(ValueError, match="AnatomicalOrientation 'SAL', which its matrix contradicts"):
        read_mha(written(tmp_path, **fields, AnatomicalOrientation="SAL"))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"ObjectType": "Tube"}, "holds a Tube .ObjectType., not an image"),
        ({"HeaderSize": "4"}, "skips bytes before its voxels .HeaderSize = 4."),
        ({"HeaderSize": "-1"}, "skips bytes before its voxels"),
        ({"ElementToIntensityFunctionSlope": "2"}, "scales its voxels .ElementToIntensityFunctionSlope = 2."),
        ({"ElementToIntensityFunctionOffset": "-1024"}, "scales its voxels"),
        ({"ElementNumberOfChannels": "3"}, "3 values per voxel"),
        ({"ElementType": "MET_LONG"}, "ElementType 'MET_LONG', which is not read"),
        ({"ElementType": "MET_SHORT_ARRAY"}, "ElementType 'MET_SHORT_ARRAY'"),
        ({"ElementByteOrderMSB": "True"}, "states two byte orders"),
        ({"BinaryData": "perhaps"}, "BinaryData = 'perhaps', expected True or False"),
        ({"NDims": "4"}, "states 4 dimensions .NDims., but DimSize has 3"),
        ({"NDims": "2", "DimSize": "4 6"}, "has dimensions .4, 6., expected 3"),
        ({"DimSize": "4 3 -2"}, "has dimensions"),
        ({"DimSize": "4 3 nan"}, "has dimensions"),
        ({**FOUR, "DimSize": "2 3 2 2"}, "has dimensions .2, 3, 2, 2., expected 3"),
        ({"TransformMatrix": None}, "has no TransformMatrix"),
        ({"TransformMatrix": "1 0 0 0 1 0"}, "TransformMatrix = '1 0 0 0 1 0', expected 9 numbers"),
        ({"TransformMatrix": "1 0.2 0 0 1 0 0 0 1"}, "sheared grid"),
        ({"TransformMatrix": "1 0 0 1 0 0 0 0 1"}, "singular affine"),
        ({"Rotation": "0 1 0 1 0 0 0 0 1"}, "has TransformMatrix and Rotation, which differ"),
        ({"Position": "9 9 9"}, "has Offset and Position, which differ"),
        ({"Offset": None}, "has no Offset"),
        ({"Offset": "nan 0 0"}, "NaN, infinite or very large"),
        ({"ElementSpacing": None}, "has no ElementSpacing"),
        ({"ElementSpacing": "-1 2 3"}, "invalid affine"),
        ({"DistanceUnits": "ells"}, "unknown DistanceUnits 'ells'"),
        ({"CompressedDataSize": "-3"}, "CompressedDataSize = '-3', expected a number of bytes"),
    ],
)
def test_a_field_without_a_certain_meaning_is_refused_by_name(tmp_path, fields, says):
    with pytest.raises(ValueError, match=rf"^a\.mha .*{says}"):
        read_mha(written(tmp_path, **fields))


def test_a_field_that_is_stated_twice_is_refused(tmp_path):
    path = written(tmp_path)
    path.write_bytes(b"DimSize = 2 3 4\n" + path.read_bytes())
    with pytest.raises(ValueError, match="states DimSize twice"):
        read_mha(path)


SIZE = {"CompressedData": "True", "CompressedDataSize": str(len(PACKED))}


@pytest.mark.parametrize(
    ("body", "fields", "says"),
    [
        (BODY + b"x", {}, "more bytes of voxels than"),
        (BODY[:-1], {}, "states 48 bytes of voxels, the file has 47"),
        (PACKED[:-2], {"CompressedData": "True"}, "the checksum of its compressed voxels is missing"),
        (PACKED[:-2], SIZE, "states .* compressed bytes, the file has"),
        (PACKED[:-9], {"CompressedData": "True"}, "is truncated"),
        (PACKED[:-1] + bytes([PACKED[-1] ^ 1]), SIZE, "not a complete MetaImage file: .*incorrect data check"),
        (PACKED + b"garbage", {"CompressedData": "True"}, "more compressed voxels"),
        (PACKED + b"garbage", SIZE, "more bytes of voxels"),
        (zlib.compress(BODY + b"xx"), {"CompressedData": "True"}, "more compressed voxels"),
        (BODY, SIZE, "not a complete MetaImage file|is truncated"),
        (text(VOXELS)[:-4], {"BinaryData": "False"}, "states 24 voxels"),
        (text(VOXELS) + b"5", {"BinaryData": "False"}, "states 24 voxels"),
        (text(VOXELS).replace(b"7", b"x"), {"BinaryData": "False"}, "not of type int16"),
        (text(VOXELS).replace(b"7", b"40000"), {"BinaryData": "False"}, "not of type int16"),
        (text(VOXELS).replace(b"7", b"7.5"), {"BinaryData": "False"}, "not of type int16"),
        (PACKED, {**SIZE, "BinaryData": "False"}, "text and compressed"),
    ],
)
def test_voxels_are_exactly_those_of_the_header(tmp_path, body, fields, says):
    with pytest.raises(ValueError, match=rf"^a\.mha .*({says})"):
        read_mha(written(tmp_path, body, **fields))


def test_no_single_wrong_bit_of_compressed_voxels_is_accepted(tmp_path):
    for at in range(len(PACKED)):
        for bit in range(8):
            spoilt = bytearray(PACKED)
            spoilt[at] ^= 1 << bit
            try:
                values, _ = read_mha(written(tmp_path, bytes(spoilt), **SIZE))
            except ValueError:
                continue
            np.testing.assert_array_equal(values, VOXELS)  # bits of the header of zlib that change no voxel


def test_it_is_a_scan_and_a_mask_as_other_volumes_are(tmp_path):
    path = written(tmp_path, VOXELS.astype("u1").tobytes(order="F"), ElementType="MET_UCHAR")
    scan = read_scan(path, path)
    assert (scan.image.dtype, scan.spacing) == (np.uint8, (1.0, 2.0, 3.0))
    np.testing.assert_array_equal(scan.image[0], VOXELS[::-1, ::-1])
    np.testing.assert_array_equal(scan.mask, scan.image[0])
