"""Read volumes: NIfTI and FreeSurfer files, and MetaImage files by `read_mha`.

Files are decompressed with isal, and axes reoriented to left-right, posterior-anterior, inferior-superior. The header
is checked before memory is allocated for voxels, and the size that it states limits decompression.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bench.core import Scan
from bench.data.readers.freesurfer_header import START, parse_freesurfer_header
from bench.data.readers.metaimage import read_mha
from bench.data.readers.nifti_header import HeaderInfo, layout, parse_header
from bench.data.readers.voxel_grids import AGAIN, LIMIT, reoriented, require_same_grid

if TYPE_CHECKING:
    import numpy as np

ENDS = (".nii.gz", ".nii", ".mgz", ".mgh.gz", ".mgh", ".mha")  # of the names of volumes, in order of preference
FREESURFER = (".mgz", ".mgh.gz", ".mgh")
CHUNK = 1 << 19  # bytes decompressed at a time: they fit into the processor's cache


def read_scan(path: Path, mask: Path | None = None) -> Scan:
    """Read a volume (a file that ends in one of ENDS): image (1, D, H, W), uint8 for unscaled uint8 voxels, or float32.

    mask: a label map on the same grid, or None. ValueError or OSError if a file is broken, or if the mask has other
    dimensions or lies more than half a voxel away from its image.
    """
    image = _volume(path)
    if mask is None:
        return image
    labels = _volume(mask)
    require_same_grid(image, labels, mask.name)
    return replace(image, mask=labels.image[0])


def _volume(path: Path) -> Scan:
    """The voxels (1, D, H, W) of one file in RAS orientation."""
    if path.name.lower().endswith(".mha"):
        values, affine = read_mha(path)
        notes = ()
    else:
        values, info = _read(path)
        affine, notes = info.affine, info.notes
    turned, spacing, affine = reoriented(values, affine)
    return Scan(_grey(turned)[None], spacing, affine=affine, notes=notes)


def bare_name(name: str) -> str:
    """The name of a volume without its ending, whichever of ENDS it has."""
    return next((name[: -len(end)] for end in ENDS if name.lower().endswith(end)), name)


def _grey(values: np.ndarray) -> np.ndarray:
    import numpy as np

    if values.dtype == np.uint8:
        return values
    with np.errstate(over="ignore"):  # too large values become infinite; preparation reports them
        return values.astype(np.float32, copy=False)


def _read(path: Path) -> tuple[np.ndarray, HeaderInfo]:
    """The array in the file's order, and the header."""
    from isal import igzip, isal_zlib

    parse = _parser(path)
    try:
        with _opened(path) as raw:
            packed = _packed(raw, path)
            file = igzip.IGzipFile(fileobj=raw) if packed else raw
            info = parse(file)
            values = _voxels(file, info)
            if packed:
                _finish(file, info)
        return values.reshape(info.shape, order="F"), info
    except EOFError as error:
        raise ValueError(f"{path.name} {_truncation(path, parse)}") from error
    except (igzip.BadGzipFile, isal_zlib.error) as error:
        raise ValueError(f"{path.name} is not a complete gzip file: {error}; {AGAIN}") from error
    except ValueError as error:
        raise ValueError(f"{path.name} {error}") from error


def _parser(path: Path) -> Callable[[BinaryIO], HeaderInfo]:
    return parse_freesurfer_header if path.name.lower().endswith(FREESURFER) else parse_header


def _opened(path: Path) -> BinaryIO:
    if path.is_dir():
        raise ValueError("is a folder, not a file; replace it by the scan file")
    if path.exists() and not path.is_file():
        raise ValueError("is a pipe or a device, not a file; replace it by the scan file")
    return path.open("rb")


def _packed(file: io.BufferedReader, path: Path) -> bool:
    """True if the file is gzip. ValueError if name and content disagree."""
    first = file.peek(4)[:4]
    name, kind = path.name.lower(), "FreeSurfer" if path.name.lower().endswith(FREESURFER) else "NIfTI"
    if not first:
        raise ValueError(f"is not a {kind} file: it is empty (0 bytes); {AGAIN}")
    packed, named = first[:2] == b"\x1f\x8b", name.endswith((".gz", ".mgz"))
    if named and not packed:
        plain, end = ("NIfTI", ".nii") if layout(first) else ("FreeSurfer", ".mgh")
        if layout(first) or first == START:
            better = f"{bare_name(path.name)}{end}"
            raise ValueError(f"is not a gzip file, but a plain {plain} file; rename it to {better}, or compress it")
        raise ValueError(f"is not a gzip file: its first bytes are wrong; {AGAIN}")
    if packed and not named:
        end = ".mgz" if kind == "FreeSurfer" else ".nii.gz"
        raise ValueError(f"is a gzip file without the ending {end}; rename it to {bare_name(path.name)}{end}")
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


def _truncation(path: Path, parse: Callable[[BinaryIO], HeaderInfo]) -> str:
    """Message for a truncated gzip file: which part of its content is missing."""
    head, size = b"", 0
    for piece in _recovered(path):
        head, size = head + piece[: 1024 - len(head)], size + len(piece)
    try:
        info = parse(io.BytesIO(head))
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
