"""Read MetaImage volumes (.mha, one file); the header is checked before the voxels are read."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bench.data.readers.metaimage_header import MetaImageHeader, parse_metaimage_header
from bench.data.readers.voxel_grids import AGAIN, LIMIT

if TYPE_CHECKING:
    import numpy as np

LONGEST = 32  # characters of a voxel that is written as text


def read_mha(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The voxels in the file's order and their affine (4, 4) to RAS millimetres. ValueError if the file is broken."""
    try:
        with path.open("rb") as file:
            header = parse_metaimage_header(file)
            read = _from_text if header.text else _from_bytes
            values = read(file, header)
        return values.reshape(header.shape, order="F"), header.affine
    except zlib.error as error:
        raise ValueError(f"{path.name} is not a complete MetaImage file: {error}; {AGAIN}") from error
    except ValueError as error:
        raise ValueError(f"{path.name} {error}") from error


def _from_bytes(file: BinaryIO, header: MetaImageHeader) -> np.ndarray:
    """Voxels in binary: neither less nor more than the header states."""
    import numpy as np

    content = _unpacked(file, header) if header.packed else file.read(header.size)
    if len(content) < header.size:
        raise ValueError(
            f"is truncated: the header states {header.size} bytes of voxels, the file has {len(content)}; {AGAIN}"
        )
    if file.read(1):
        raise ValueError(f"has more bytes of voxels than the header states; {AGAIN}")
    return np.frombuffer(content, header.dtype)


def _unpacked(file: BinaryIO, header: MetaImageHeader) -> bytes:
    """The decompressed voxels, read to the checksum at the end of the compressed ones."""
    packed = file.read(header.packed_size or LIMIT)
    if len(packed) < header.packed_size:
        states = f"the header states {header.packed_size} compressed bytes, the file has {len(packed)}"
        raise ValueError(f"is truncated: {states}; {AGAIN}")
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(packed, header.size)
    more = b"" if unpacker.eof else unpacker.decompress(unpacker.unconsumed_tail, 1)  # reads the checksum too
    if more or unpacker.unused_data:
        raise ValueError(f"has more compressed voxels than the header states; {AGAIN}")
    if len(content) == header.size and not unpacker.eof:
        raise ValueError(f"is truncated: the checksum of its compressed voxels is missing; {AGAIN}")
    return content


def _from_text(file: BinaryIO, header: MetaImageHeader) -> np.ndarray:
    """Voxels that are written as numbers. ValueError if one is no number of the header's type."""
    import numpy as np

    if header.packed:
        raise ValueError(f"has voxels that are text and compressed; {AGAIN}")
    count = math.prod(header.shape)
    words = file.read(count * LONGEST).split()
    if len(words) != count or file.read(1):
        raise ValueError(f"states {count} voxels, the file has {len(words)} or more words; {AGAIN}")
    try:
        values = [(float if header.dtype.kind == "f" else int)(word) for word in words]
        return np.array(values, header.dtype)  # OverflowError for whole numbers beyond the type
    except (ValueError, OverflowError) as error:
        raise ValueError(f"has a voxel that is not of type {header.dtype.name}: {error}; {AGAIN}") from error
