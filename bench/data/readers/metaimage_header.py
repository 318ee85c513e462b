"""Fields at the start of a MetaImage file (.mha) and their meaning; what has no certain meaning is refused by name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from bench.data.readers.voxel_grids import AGAIN, LIMIT, checked_affine, directions_of

if TYPE_CHECKING:
    import numpy as np

TYPES = {
    "MET_UCHAR": "u1",
    "MET_CHAR": "i1",
    "MET_USHORT": "u2",
    "MET_SHORT": "i2",
    "MET_UINT": "u4",
    "MET_INT": "i4",
    "MET_ULONG_LONG": "u8",
    "MET_LONG_LONG": "i8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
LOCAL = ("LOCAL", "Local", "local")  # spellings of voxels that follow the header
LINES, WIDEST = 500, 10_000  # limits of a header: lines, and bytes per line
UNITS = {"mm": 1.0, "um": 0.001, "cm": 10.0, "m": 1000.0}  # DistanceUnits -> millimetres
ORDER = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
MATRIX = ("TransformMatrix", "Rotation", "Orientation")  # names of one field
OFFSET = ("Offset", "Position", "Origin")
OPPOSITE = dict(zip("RLAPIS", "LRPASI", strict=True))
ALONG = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}  # letter -> axis of LPS, sign


@dataclass(frozen=True)
class MetaImageHeader:
    """Shape, type, coding and affine of the voxels that follow."""

    shape: tuple[int, int, int]  # in the file's own order
    dtype: np.dtype
    text: bool  # voxels are written as numbers in ASCII
    packed: bool  # voxels are compressed by zlib
    packed_size: int  # bytes of the compressed voxels; 0 if it is not stated
    affine: np.ndarray  # (4, 4) to RAS millimetres

    @property
    def size(self) -> int:
        """Bytes of the voxels in memory."""
        return math.prod(self.shape) * self.dtype.itemsize


def parse_metaimage_header(file: BinaryIO) -> MetaImageHeader:
    """Parse the header at the start of `file`. ValueError if it is invalid or describes no scan."""
    fields = _fields(file)
    _refuse_unread(fields)
    header = MetaImageHeader(
        _shape(fields),
        _dtype(fields),
        not _flag(fields, "BinaryData", True),
        _flag(fields, "CompressedData", False),
        _packed_size(fields),
        _affine(fields),
    )
    if header.size > LIMIT:
        raise ValueError(f"states more than {LIMIT >> 30} GiB of voxels; {AGAIN}")
    return header


def _fields(file: BinaryIO) -> dict[str, str]:
    fields: dict[str, str] = {}
    for _ in range(LINES):
        name, sign, value = (part.strip() for part in file.readline(WIDEST).decode("latin-1").partition("="))
        if not sign:
            break
        if fields.setdefault(name, value) != value:
            raise ValueError(f"states {name} twice: {fields[name][:40]!r} and {value[:40]!r}; {AGAIN}")
        if name == "ElementDataFile":
            if value not in LOCAL:
                raise ValueError("has its voxels in another file; save header and voxels as one .mha")
            return fields
    raise ValueError(f"is not a MetaImage file: its header does not end; {AGAIN}")


def _refuse_unread(fields: dict[str, str]) -> None:
    """Raise ValueError if a field gives voxels a meaning that is not read."""
    if fields.get("ObjectType", "Image") != "Image":
        raise ValueError(f"holds a {fields['ObjectType'][:40]} (ObjectType), not an image; give one volume")
    if fields.get("HeaderSize", "0") != "0":
        raise ValueError(f"skips bytes before its voxels (HeaderSize = {fields['HeaderSize'][:40]}); {AGAIN}")
    scale = {"ElementToIntensityFunctionSlope": 1.0, "ElementToIntensityFunctionOffset": 0.0}
    for name, neutral in scale.items():
        if name in fields and _numbers(fields, name, 1)[0] != neutral:
            raise ValueError(f"scales its voxels ({name} = {fields[name][:40]}), which is not read; save scaled voxels")


def _numbers(fields: dict[str, str], name: str, count: int) -> list[float]:
    """The numbers in a field. ValueError if it is missing or holds anything else."""
    if name not in fields:
        raise ValueError(f"has no {name}; {AGAIN}")
    try:
        values = [float(word) for word in fields[name].split()]
    except ValueError:
        values = []
    if len(values) != count:
        raise ValueError(f"has {name} = {fields[name][:80]!r}, expected {count} numbers; {AGAIN}")
    return values


def _flag(fields: dict[str, str], name: str, default: bool) -> bool:
    value = fields.get(name, str(default)).lower()
    if value not in ("true", "false", "t", "f", "1", "0"):
        raise ValueError(f"has {name} = {value[:40]!r}, expected True or False; {AGAIN}")
    return value in ("true", "t", "1")


def _packed_size(fields: dict[str, str]) -> int:
    value = fields.get("CompressedDataSize", "0")
    if not value.isdecimal() or not value.isascii():
        raise ValueError(f"has CompressedDataSize = {value[:40]!r}, expected a number of bytes; {AGAIN}")
    return int(value[:20])


def _axes(fields: dict[str, str]) -> int:
    """Number of axes in the file: 3, or more if the others have one voxel."""
    words = fields["DimSize"].split() if "DimSize" in fields else []
    if fields.get("NDims", str(len(words))) != str(len(words)):
        raise ValueError(f"states {fields['NDims'][:40]} dimensions (NDims), but DimSize has {len(words)}; {AGAIN}")
    return len(words)


def _shape(fields: dict[str, str]) -> tuple[int, int, int]:
    sizes = _numbers(fields, "DimSize", _axes(fields))
    shape = tuple(int(size) if math.isfinite(size) else 0 for size in sizes)
    channels = fields.get("ElementNumberOfChannels", "1")
    if len(shape) < 3 or min(shape) < 1 or shape != tuple(sizes) or max(shape[3:], default=1) > 1 or channels != "1":
        several = "" if channels == "1" else f" and {channels[:40]} values per voxel"
        raise ValueError(f"has dimensions {shape}{several}, expected 3 with one grey value per voxel; give one volume")
    return shape[:3]


def _dtype(fields: dict[str, str]) -> np.dtype:
    import numpy as np

    kind = fields.get("ElementType", "")
    if kind not in TYPES:
        raise ValueError(f"has the ElementType {kind[:40]!r}, which is not read; save it as one of {', '.join(TYPES)}")
    large = {_flag(fields, name, False) for name in ORDER if name in fields}
    if len(large) > 1:
        raise ValueError(f"states two byte orders ({' and '.join(ORDER)}); {AGAIN}")
    return np.dtype((">" if True in large else "<") + TYPES[kind])


def _affine(fields: dict[str, str]) -> np.ndarray:
    """Affine (4, 4) to RAS. MetaImage uses LPS axes (left, posterior, superior); an axis is a row of its matrix."""
    import numpy as np

    count = _axes(fields)
    matrix = np.reshape(_one_of(fields, MATRIX, count**2), (count, count))
    offset = _one_of(fields, OFFSET, count)
    spacing = "ElementSpacing" if "ElementSpacing" in fields or "ElementSize" not in fields else "ElementSize"
    steps = np.array(_numbers(fields, spacing, count))
    units = fields.get("DistanceUnits", "mm")
    if units not in UNITS:
        raise ValueError(f"has the unknown DistanceUnits {units[:40]!r}; {AGAIN}")
    if not (steps > 0).all() or matrix[:3, 3:].any() or matrix[3:, :3].any():
        raise ValueError(f"has an invalid affine; {AGAIN}")
    affine = np.eye(4)
    with np.errstate(all="ignore"):  # what is not finite is refused
        affine[:3, :3], affine[:3, 3] = matrix[:3, :3].T * steps[:3], offset[:3]
        affine = checked_affine(np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.diag([UNITS[units]] * 3 + [1.0]) @ affine)
    _require_orientation(fields, affine)
    return affine


def _one_of(fields: dict[str, str], names: tuple[str, ...], count: int) -> list[float]:
    """The numbers of a field that has several names. ValueError if two of them are given and differ."""
    given = [name for name in names if name in fields] or [names[0]]
    values = [_numbers(fields, name, count) for name in given]
    if any(other != values[0] for other in values):
        raise ValueError(f"has {given[0]} and {given[1]}, which differ; {AGAIN}")
    return values[0]


def _require_orientation(fields: dict[str, str], affine: np.ndarray) -> None:
    """Raise ValueError if AnatomicalOrientation contradicts the affine.

    Its letters name the side that an axis starts from (as ITK writes it) or the side that it leads to.
    """
    letters = fields.get("AnatomicalOrientation", "?")
    if "?" in letters:
        return
    lps = directions_of(affine) * [[-1.0], [-1.0], [1.0]]
    for word in (letters, "".join(OPPOSITE.get(letter, "") for letter in letters)):
        along = [ALONG.get(letter, (0, 0)) for letter in word[:3]]
        if len(word) >= 3 and all(sign * lps[row, at] > 0.5 for at, (row, sign) in enumerate(along)):
            return
    raise ValueError(f"has the AnatomicalOrientation {letters[:40]!r}, which its matrix contradicts; {AGAIN}")
