"""NIfTI files to canonical arrays: decoded with isal, turned to left-right, posterior-anterior, inferior-superior.

The header is read and checked before any memory is taken for voxels, and no more is unpacked than it promises.
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

CHUNK = 1 << 19  # bytes unpacked at a time: they stay in the processor's cache


def read_scan(path: Path, mask: Path | None = None) -> Scan:
    """The scan of a .nii or .nii.gz file: image (1, D, H, W), uint8 where the file holds plain uint8, else float32.

    mask: a label map on the same grid, or None. ValueError or OSError where a file is broken: which, and what to do.
    """
    image, spacing, affine = _read(path)
    if mask is None:
        return Scan(image[None], spacing, affine=affine)
    labels, *_ = _read(mask)
    if labels.shape != image.shape:
        raise ValueError(f"{mask.name} has dimensions {labels.shape}, its image {image.shape}")
    return Scan(image[None], spacing, labels, affine)


def _read(path: Path) -> tuple[np.ndarray, tuple[float, ...], np.ndarray]:
    """The array (D, H, W) in RAS, its spacing in millimetres, and where it lies, (4, 4)."""
    from isal import igzip, isal_zlib

    try:
        with _opened(path) as raw:
            packed = _packed(raw, path)
            file = igzip.IGzipFile(fileobj=raw) if packed else raw
            info = parse_header(file)
            values = _voxels(file, info)
            if packed:
                _finish(file, info)
        return _turned(values, info)
    except EOFError as error:
        raise ValueError(f"{path.name} {_cut_short(path)}") from error
    except (igzip.BadGzipFile, isal_zlib.error) as error:
        raise ValueError(f"{path.name} is no whole gzip file: {error}; {AGAIN}") from error
    except ValueError as error:
        raise ValueError(f"{path.name} {error}") from error


def _opened(path: Path) -> BinaryIO:
    if path.is_dir():
        raise ValueError("is a folder, not a file; put the scan itself there")
    if path.exists() and not path.is_file():
        raise ValueError("is a pipe or a device, not a file; put the scan itself there")
    return path.open("rb")


def _packed(file: io.BufferedReader, path: Path) -> bool:
    """Whether the file is gzip. ValueError where its name says otherwise than its first bytes."""
    first = file.peek(4)[:4]
    if not first:
        raise ValueError(f"is no NIfTI file: it is empty, 0 bytes; {AGAIN}")
    packed, named = first[:2] == b"\x1f\x8b", path.suffix.lower() == ".gz"
    if named and not packed:
        if layout(first):
            raise ValueError(f"is no whole gzip file, but a plain NIfTI file: name it {path.stem}, or compress it")
        raise ValueError(f"is no whole gzip file: it does not begin as one does; {AGAIN}")
    if packed and not named:
        raise ValueError(f"is a gzip file whose name does not say so: name it {path.name}.gz")
    return packed


def _voxels(file: BinaryIO, info: HeaderInfo) -> np.ndarray:
    """The voxels in the file's order, of the numbers they stand for; no more than a chunk is held twice."""
    import numpy as np

    at = file.tell()
    while at < info.offset and (passed := len(file.read(min(CHUNK, info.offset - at)))):
        at += passed
    values = np.empty(math.prod(info.shape), info.array_dtype)  # takes memory as it is filled
    if info.dtype == info.array_dtype and info.scaling is None:
        held = _filled(file, memoryview(values.view(np.uint8)))
    else:
        held = _converted(file, info, values)
    if held < info.size:
        raise ValueError(f"is {_missing(info, held)}; {AGAIN}")
    return values


def _filled(file: BinaryIO, room: memoryview) -> int:
    """How many bytes of `room` could be filled from the file."""
    held = 0
    while held < len(room) and (read := file.readinto(room[held : held + CHUNK])):
        held += read
    return held


def _converted(file: BinaryIO, info: HeaderInfo, values: np.ndarray) -> int:
    """Fill `values` chunk by chunk; the bytes read. Scaled in float64, as nibabel does."""
    import numpy as np

    size, held = info.dtype.itemsize, 0
    slope, inter = map(np.float64, info.scaling or (1, 0))
    with np.errstate(all="ignore"):  # what is too large becomes infinite, which the checks tell
        for part in np.split(values, range(CHUNK // size, len(values), CHUNK // size)):
            content = file.read(len(part) * size)
            held += len(content)
            if len(content) < len(part) * size:
                break
            numbers = np.frombuffer(content, info.dtype)
            part[:] = numbers if info.scaling is None else numbers * slope + inter
    return held


def _finish(file: BinaryIO, info: HeaderInfo) -> None:
    """Unpack what follows the voxels and forget it: only the end of a gzip file tells whether the rest is whole."""
    left, spare = LIMIT - info.offset - info.size, bytearray(CHUNK)
    while read := file.readinto(spare):
        left -= read
        if left < 0:
            raise ValueError(f"holds more than {LIMIT >> 30} GiB when unpacked; {AGAIN}")


def _missing(info: HeaderInfo, held: int) -> str:
    return f"cut short: the header promises {info.size} bytes of voxels, the file holds {held}"


def _cut_short(path: Path) -> str:
    """What a gzip file that ends too early still holds, in words."""
    head, held = b"", 0
    for piece in _salvaged(path):
        head, held = head + piece[: 1024 - len(head)], held + len(piece)
    try:
        info = parse_header(io.BytesIO(head))
    except ValueError:
        return f"is a gzip file cut short, in its header; {AGAIN}"
    if held >= info.offset + info.size:
        return f"is a gzip file cut short: its voxels are there, the end of the file is not whole; {AGAIN}"
    return f"is a gzip file {_missing(info, max(0, held - info.offset))}; {AGAIN}"


def _salvaged(path: Path) -> Iterator[bytes]:
    """What can be unpacked, in pieces, as far as LIMIT."""
    unpacker, held = zlib.decompressobj(31), 0
    with path.open("rb") as file:
        while held < LIMIT and (piece := unpacker.unused_data or file.read(CHUNK >> 7)):
            if unpacker.eof:
                unpacker = zlib.decompressobj(31)
            try:
                content = unpacker.decompress(piece)
            except zlib.error:
                return
            held += len(content)
            yield content


def _turned(values: np.ndarray, info: HeaderInfo) -> tuple[np.ndarray, tuple[float, ...], np.ndarray]:
    """A view of the voxels along the closest right-anterior-superior axes, their spacing, and their affine."""
    import numpy as np
    from nibabel.orientations import inv_ornt_aff, io_orientation

    turn = io_orientation(info.affine)
    order = np.argsort(turn[:, 0])
    flips = tuple(slice(None, None, int(sign)) for sign in turn[:, 1])
    values = values.reshape(info.shape, order="F")[flips].transpose(order)
    spacing = tuple(round(float(step), 4) for step in steps_of(info.affine)[order])
    return values, spacing, info.affine @ inv_ornt_aff(turn, info.shape)
