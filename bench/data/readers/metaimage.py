"""Read MetaImage volumes (.mha, one file); the header is checked before the voxels are read."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bench.data.readers.nifti_header import AGAIN, LIMIT, THINNEST, VAST

if TYPE_CHECKING:
    import numpy as np

TYPES = {
    "MET_UCHAR": "u1",
    "MET_CHAR": "i1",
    "MET_USHORT": "u2",
    "MET_SHORT": "i2",
    "MET_UINT": "u4",
    "MET_INT": "i4",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
LINES, WIDEST = 500, 10_000  # limits of a header: lines, and bytes per line


def read_mha(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The voxels in the file's order and their affine (4, 4) to RAS millimetres. ValueError if the file is broken."""
    import numpy as np

    try:
        with path.open("rb") as file:
            fields = _fields(file)
            shape, affine, dtype = _shape(fields), _affine(fields), _dtype(fields)
            size = math.prod(shape) * dtype.itemsize
            if size > LIMIT:
                raise ValueError(f"states more than {LIMIT >> 30} GiB of voxels; {AGAIN}")
            content = _voxels(file, fields, size)
        return np.frombuffer(content, dtype).reshape(shape, order="F"), affine
    except (KeyError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not a complete MetaImage file: {error}; {AGAIN}") from error
    except ValueError as error:
        raise ValueError(f"{path.name} {error}") from error


def _fields(file: BinaryIO) -> dict[str, str]:
    fields: dict[str, str] = {}
    for _ in range(LINES):
        name, sign, value = file.readline(WIDEST).decode("ascii").partition("=")
        if not sign:
            break
        fields[name.strip()] = value.strip()
        if name.strip() == "ElementDataFile":
            if value.strip() != "LOCAL":
                raise ValueError("has its voxels in another file; save header and voxels as one .mha")
            return fields
    raise ValueError(f"is not a MetaImage file: its header does not end; {AGAIN}")


def _shape(fields: dict[str, str]) -> tuple[int, ...]:
    shape = tuple(int(word) for word in fields["DimSize"].split())
    if len(shape) != 3 or min(shape) < 1 or fields.get("ElementNumberOfChannels", "1") != "1":
        raise ValueError(f"has dimensions {shape}, expected 3 with one grey value per voxel; give one volume")
    return shape


def _dtype(fields: dict[str, str]) -> np.dtype:
    import numpy as np

    large = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False")).lower() == "true"
    return np.dtype((">" if large else "<") + TYPES[fields["ElementType"]])


def _affine(fields: dict[str, str]) -> np.ndarray:
    """Affine (4, 4) to RAS. MetaImage uses LPS axes (left, posterior, superior); an axis is a row of its matrix."""
    import numpy as np

    words = [fields["TransformMatrix"], fields["ElementSpacing"], fields["Offset"]]
    axes, steps, offset = (np.array([float(word) for word in text.split()]) for text in words)
    if (len(axes), len(steps), len(offset)) != (9, 3, 3):
        raise ValueError(f"has no complete orientation, spacing and offset; {AGAIN}")
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes.reshape(3, 3).T * steps, offset
    if not (np.abs(affine) < VAST).all() or not (steps > THINNEST).all() or abs(np.linalg.det(affine)) < THINNEST**3:
        raise ValueError(f"has an invalid affine; {AGAIN}")
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def _voxels(file: BinaryIO, fields: dict[str, str], size: int) -> bytes:
    if fields.get("CompressedData", "False").lower() == "true":
        content = zlib.decompressobj().decompress(file.read(LIMIT), size)  # no more than the header states
    else:
        content = file.read(size)
    if len(content) < size:
        raise ValueError(
            f"is truncated: the header states {size} bytes of voxels, the file has {len(content)}; {AGAIN}"
        )
    return content
