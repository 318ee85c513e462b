"""Decode one sample to an array of the set's shape, or report why it cannot be used."""

from __future__ import annotations

import hashlib
import itertools
import struct
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import Dataset, Sample, Scan, Task
from bench.core.background import background_of
from bench.core.printable_text import printable
from bench.core.unavailable_files import why_unavailable
from bench.data.readers.voxel_grids import fitted

if TYPE_CHECKING:
    import numpy as np

ROOM = 0.2  # share of an axis that may be cropped or padded; a scan that differs more does not belong to the set
TOLERANCE = 0.02  # relative tolerance of the spacing
STAGES = ("checksum", "decode", "check")  # timed stages of one scan, before it is written
FAULTS = (  # exceptions that readers raise on a broken file
    OSError,
    ValueError,  # UnicodeDecodeError is one
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
    BufferError,
    MemoryError,
    RuntimeError,  # RecursionError and NotImplementedError are
    struct.error,
    zlib.error,
)
WORDS = {
    FileNotFoundError: "no file {}",
    IsADirectoryError: "{} is a folder, not a file; replace it by the scan file",
    NotADirectoryError: "no file {}: part of its path is a file, not a folder",
    PermissionError: "no permission to read {}; change its permissions",
}


@dataclass(frozen=True, eq=False)
class DecodedScan:
    """Result of decoding a sample: image and mask of the set's shape, or the reason for excluding it."""

    sample: Sample
    image: np.ndarray | None = None  # (C, ...), uint8 or float32
    mask: np.ndarray | None = None
    checksum: str = ""  # of the files, in order
    fitted: str = ""  # dimensions before cropping or padding; empty if neither was needed
    affine: tuple[float, ...] = ()  # voxels to scanner millimetres, (3, 4) in row-major order
    fault: str = ""
    notes: tuple[str, ...] = ()  # of the reader
    seconds: Mapping[str, float] = field(default_factory=dict)  # by stage: checksum, decode, check


def decode(sample: Sample, dataset: Dataset, root: Path | None) -> DecodedScan:
    """Read one sample and fit it to the set's shape. A broken file does not raise: `fault` describes it."""
    checksum, marks = "", [time.perf_counter()]
    try:
        checksum = checksum_of(sample, root)
        marks.append(time.perf_counter())
        scan = sample.read()
        marks.append(time.perf_counter())
        _check(scan, dataset)
        image = _fit(_grey(scan.image), dataset.shape[1:])
        mask = None if scan.mask is None else fitted(_classes(scan, dataset), dataset.shape[1:], 0)
    except FAULTS as error:
        return DecodedScan(sample, checksum=checksum, fault=_reason(error))
    marks.append(time.perf_counter())
    before = scan.image.shape[1:]
    size = "" if before == tuple(dataset.shape[1:]) else " x ".join(map(str, before))
    spent = (ended - begun for begun, ended in itertools.pairwise(marks))
    placed, seconds = _placed(scan, dataset.shape[1:]), dict(zip(STAGES, spent, strict=True))
    return DecodedScan(sample, image, mask, checksum, size, placed, notes=tuple(scan.notes), seconds=seconds)


def checksum_of(sample: Sample, root: Path | None) -> str:
    """SHA-256 over the files of a sample; empty if it has none. ValueError for a file outside `root`."""
    if not sample.files:
        return ""
    total = hashlib.sha256()
    for path in sample.files:
        _inside(path, root)
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _inside(path: Path, root: Path | None) -> None:
    if reason := why_unavailable(path):
        raise ValueError(f"{path.name} {reason}")
    try:
        target = path.resolve(strict=True)
    except FileNotFoundError as error:  # names the first missing part of the path
        if other := _alike_name(path):
            raise ValueError(f"no file {path.name}, but {other}, whose name differs in case; rename it") from error
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
    except RuntimeError as error:  # circular links, before Python 3.13
        raise ValueError(f"{path.name} is a link to itself; replace it by the file") from error
    if root is not None and not target.is_relative_to(root.resolve()):
        remedy = "copy the file into the folder"
        if "/.git/annex/" in target.as_posix():
            remedy = "run in its folder: git annex unlock . (or give the top folder of the DataLad dataset)"
        raise ValueError(f"{path.name} links to a file outside the data folder; {remedy}")
    if target.is_dir():
        raise ValueError(f"{path.name} is a folder, not a file; replace it by the scan file")
    if not target.is_file():
        raise ValueError(f"{path.name} is a pipe or a device, not a file; replace it by the scan file")


def _alike_name(path: Path) -> str:
    """The name of a file beside a missing one that differs from it in case only; empty if there is none."""
    names = (each.name for each in path.parent.iterdir()) if path.parent.is_dir() else ()
    return next((printable(name) for name in sorted(names) if name.casefold() == path.name.casefold()), "")


def _check(scan: Scan, dataset: Dataset) -> None:
    import numpy as np

    shape, image = tuple(dataset.shape), scan.image
    if image.ndim != len(shape) or image.shape[0] != shape[0]:
        raise ValueError(f"has dimensions {image.shape}, expected {shape} (channels first)")
    far = [abs(have - want) > ROOM * want for have, want in zip(image.shape[1:], shape[1:], strict=True)]
    if any(far):
        raise ValueError(f"has dimensions {image.shape[1:]}, expected about {shape[1:]}; resample it to that grid")
    if len(scan.spacing) != len(dataset.spacing) or not np.allclose(scan.spacing, dataset.spacing, rtol=TOLERANCE):
        raise ValueError(
            f"has a spacing of {tuple(scan.spacing)} mm, expected {tuple(dataset.spacing)} mm; resample it"
        )
    if image.dtype.kind not in "biuf":
        raise ValueError(f"holds {image.dtype}, not grey values; convert it to one grey value per voxel")
    _finite(image, "")
    if image.min() == image.max():
        raise ValueError(f"is empty: every voxel is {image.flat[0]}; copy or export it again")


def _finite(array: np.ndarray, where: str) -> None:
    import numpy as np

    if array.dtype.kind != "f":
        return
    wrong = array.size - int(np.isfinite(array).sum())
    if wrong:
        raise ValueError(f"has {wrong} voxels that are NaN or infinite{where}; replace them, or leave the scan out")


def _classes(scan: Scan, dataset: Dataset) -> np.ndarray:
    import numpy as np

    mask, classes = scan.mask, max(2, len(dataset.task.classes))
    if mask.shape != scan.image.shape[1:]:
        raise ValueError(f"has a mask of dimensions {mask.shape}, but an image of {scan.image.shape[1:]}")
    if mask.dtype.kind not in "biuf":
        raise ValueError(f"has a mask of type {mask.dtype}, expected class indices")
    _finite(mask, " in its mask")
    with np.errstate(invalid="ignore"):  # values too large for an index are reported below
        indices = mask.astype(np.int64)
    if (indices != mask).any() or indices.min() < 0 or indices.max() >= classes:
        raise ValueError(f"has a mask with values outside the class indices 0 to {classes - 1}")
    return indices.astype(mask_type(dataset.task))


def mask_type(task: Task) -> type:
    """Data type of the stored masks of a task."""
    import numpy as np

    return np.uint8 if len(task.classes) <= 256 else np.int16


def _grey(image: np.ndarray) -> np.ndarray:
    import numpy as np

    if image.dtype in (np.uint8, np.float32):
        return image
    with np.errstate(over="ignore"):
        grey = image.astype(np.float32, copy=False)
    _finite(grey, " as 32-bit floats")
    return grey


def _fit(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Crop each channel around its centre, or pad it with the value of its background."""
    import numpy as np

    if image.shape[1:] == tuple(shape):
        return np.ascontiguousarray(image)
    return np.stack([fitted(channel, shape, background_of(channel)) for channel in image])


def _placed(scan: Scan, shape: tuple[int, ...]) -> tuple[float, ...]:
    """First three rows of the affine after `_fit`, in row-major order; empty if the scan has no affine."""
    import numpy as np

    if scan.affine is None:
        return ()
    moved = [(have - want) // 2 if have > want else -((want - have) // 2) for have, want in _sizes(scan, shape)]
    affine = np.array(scan.affine, dtype=float)
    affine[:3, 3] += affine[:3, :3] @ moved
    return tuple(round(number, 6) for number in affine[:3].ravel().tolist())


def _sizes(scan: Scan, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(zip(scan.image.shape[1:], shape, strict=True))


def _reason(error: Exception) -> str:
    """Message in one line, without folder names of this computer."""
    words = WORDS.get(type(error))
    if words:
        return words.format(Path(error.filename or "").name or "(unnamed)")
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    if isinstance(error, MemoryError):
        return "needs more memory than is available"
    text = " ".join(str(error).split())
    return text if text and isinstance(error, ValueError) else f"cannot be read: {type(error).__name__} {text}".strip()
