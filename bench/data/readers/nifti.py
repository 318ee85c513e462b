"""Read NIfTI files: decompress with isal, reorient the axes to left-right, posterior-anterior, inferior-superior.

The header is checked before memory is allocated for voxels, and the size that it states limits decompression.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bench.core import Scan
from bench.data.readers.nifti_header import AGAIN, LIMIT, HeaderInfo, layout, parse_header, steps_of

if TYPE_CHECKING:
    import numpy as np

CHUNK = 1 << 19  # bytes decompressed at a time: they fit into the processor's cache


def read_scan(path: Path, mask: Path | None = None) -> Scan:
    """Read a .nii or .nii.gz file: image (1, D, H, W), uint8 if the file has unscaled uint8 voxels, else float32.

    mask: a label map on the same grid, or None. ValueError or OSError if a file is broken.
    """
    image, spacing, affine = _read(path)
    if mask is None:
        return Scan(image[None], spacing, affine=affine)
    labels, *_ = _read(mask)
    if labels.shape != image.shape:
        raise ValueError(f"{mask.name} has dimensions {labels.shape}, but its image {image.shape}")
    return Scan(image[None], spacing, labels, affine)


def _read(path: Path) -> tuple[np.ndarray, tuple[float, ...], np.ndarray]:
    """The array (D, H, W) in RAS orientation, its spacing in millimetres, and its affine (4, 4)."""
    from isal import igzip, isal_zlib

    try:
        with _opened(path) as raw:
            packed = _packed(raw, path)
            file = igzip.IGzipFile(fileobj=raw) if packed else raw
            info = parse_header(file)
            values = _voxels(file, info)
            if packed:
                _finish(file, info)
        return _reoriented(values, info)
    except EOFError as error:
        raise ValueError(f"{path.name} {_truncation(path)}") from error
    except (igzip.BadGzipFile, isal_zlib.error) as error:
        raise ValueError(f"{path.name} is not a complete gzip file: {error}; {AGAIN}") from error
    except ValueError as error:
        raise ValueError(f"{path.name} {error}") from error


def _opened(path: Path) -> BinaryIO:
    if path.is_dir():
        raise ValueError("is a folder, not a file; replace it by the scan file")
    if path.exists() and not path.is_file():
        raise ValueError("is a pipe or a device, not a file; replace it by the scan file")
    return path.open("rb")


def _packed(file: io.BufferedReader, path: Path) -> bool:
    """True if the file is gzip. ValueError if name and content disagree."""
    first = file.peek(4)[:4]
    if not first:
        raise ValueError(f"is not a NIfTI file: it is empty (0 bytes); {AGAIN}")
    packed, named = first[:2] == b"\x1f\x8b", path.suffix.lower() == ".gz"
    if named and not packed:
        if layout(first):
            raise ValueError(f"is not a gzip file, but a plain NIfTI file; rename it to {path.stem}, or compress it")
        raise ValueError(f"is not a gzip file: its first bytes are wrong; {AGAIN}")
    if packed and not named:
        raise ValueError(f"is a gzip file without the ending .gz; rename it to {path.name}.gz")
    return packed


def _voxels(file: BinaryIO, info: HeaderInfo) -> np.ndarray:
    """The scaled voxels in the file's order; at most one chunk is in memory twice."""
    import numpy as np

    at = file.tell()
    while at < info.offset and (passed := len(file.read(min(CHUNK, info.offset - at)))):
        at += passed
    values = np.empty(math.prod(info.shape), info.array_dtype)  # memory is allocated as it is filled
    if info.dtype == info.array_dtype and info.scaling is None:
        size = _fill(file, memoryview(values.view(np.uint8)))
    else:
        size = _convert(file, info, values)
    if size < info.size:
        raise ValueError(f"is {_missing(info, size)}; {AGAIN}")
    return values


def _fill(file: BinaryIO, buffer: memoryview) -> int:
    """Fill `buffer` from the file; returns the number of bytes read."""
    size = 0
    while size < len(buffer) and (read := file.readinto(buffer[size : size + CHUNK])):
        size += read
    return size


def _convert(file: BinaryIO, info: HeaderInfo, values: np.ndarray) -> int:
    """Fill `values` chunk by chunk, scaled in float64 as nibabel does; returns the number of bytes read."""
    import numpy as np

    size, total = info.dtype.itemsize, 0
    slope, inter = map(np.float64, info.scaling or (1, 0))
    with np.errstate(all="ignore"):  # too large values become infinite; preparation reports them
        for part in np.split(values, range(CHUNK // size, len(values), CHUNK // size)):
            content = file.read(len(part) * size)
            total += len(content)
            if len(content) < len(part) * size:
                break
            numbers = np.frombuffer(content, info.dtype)
            part[:] = numbers if info.scaling is None else numbers * slope + inter
    return total


def _finish(file: BinaryIO, info: HeaderInfo) -> None:
    """Decompress and discard what follows the voxels: the checksum at the end of a gzip file covers all of it."""
    left, spare = LIMIT - info.offset - info.size, bytearray(CHUNK)
    while read := file.readinto(spare):
        left -= read
        if left < 0:
            raise ValueError(f"has more than {LIMIT >> 30} GiB when decompressed; {AGAIN}")


def _missing(info: HeaderInfo, size: int) -> str:
    return f"truncated: the header states {info.size} bytes of voxels, the file has {size}"


def _truncation(path: Path) -> str:
    """Message for a truncated gzip file: which part of its content is missing."""
    head, size = b"", 0
    for piece in _recovered(path):
        head, size = head + piece[: 1024 - len(head)], size + len(piece)
    try:
        info = parse_header(io.BytesIO(head))
    except ValueError:
        return f"is a gzip file truncated in its header; {AGAIN}"
    if size >= info.offset + info.size:
        return f"is a truncated gzip file: its voxels are complete, but the end of the file is missing; {AGAIN}"
    return f"is a gzip file {_missing(info, max(0, size - info.offset))}; {AGAIN}"


def _recovered(path: Path) -> Iterator[bytes]:
    """The content that can be decompressed, in pieces, up to LIMIT bytes."""
    unpacker, size = zlib.decompressobj(31), 0
    with path.open("rb") as file:
        while size < LIMIT and (piece := unpacker.unused_data or file.read(CHUNK >> 7)):
            if unpacker.eof:
                unpacker = zlib.decompressobj(31)
            try:
                content = unpacker.decompress(piece)
            except zlib.error:
                return
            size += len(content)
            yield content


def _reoriented(values: np.ndarray, info: HeaderInfo) -> tuple[np.ndarray, tuple[float, ...], np.ndarray]:
    """A view of the voxels along the closest right-anterior-superior axes, their spacing, and their affine."""
    import numpy as np
    from nibabel.orientations import inv_ornt_aff, io_orientation

    turn = io_orientation(info.affine)
    order = np.argsort(turn[:, 0])
    flips = tuple(slice(None, None, int(sign)) for sign in turn[:, 1])
    values = values.reshape(info.shape, order="F")[flips].transpose(order)
    spacing = tuple(round(float(step), 4) for step in steps_of(info.affine)[order])
    return values, spacing, info.affine @ inv_ornt_aff(turn, info.shape)
