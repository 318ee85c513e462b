"""From a sample to an array of the set's shape, or to the reason why not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import Dataset, Sample, Scan

if TYPE_CHECKING:
    import numpy as np

ROOM = 0.2  # of an axis that may be cropped or padded: a scan further off is no scan of this set
TOLERANCE = 0.02  # of the spacing
FAULTS = (
    OSError,
    ValueError,
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
)  # what a broken file makes readers say


@dataclass(frozen=True, eq=False)
class Decoded:
    """What came of a sample: image and mask of the set's shape, or why it is left out."""

    sample: Sample
    image: np.ndarray | None = None  # (C, ...), uint8 or float32
    mask: np.ndarray | None = None
    checksum: str = ""  # of the files, in their order
    fitted: str = ""  # the dimensions before cropping or padding, where there was any
    fault: str = ""


def decode(sample: Sample, dataset: Dataset, root: Path | None) -> Decoded:
    """Read one sample and fit it to the set. Never raises for a broken file: the fault is part of the answer."""
    checksum = ""
    try:
        checksum = checksum_of(sample, root)
        scan = sample.read()
        _check(scan, dataset)
        image = _fit(_grey(scan.image), dataset.shape[1:])
        mask = None if scan.mask is None else _fit(_classes(scan, dataset), dataset.shape[1:])
    except FAULTS as error:
        return Decoded(sample, checksum=checksum, fault=_in_words(error))
    before = scan.image.shape[1:]
    fitted = "" if before == tuple(dataset.shape[1:]) else " x ".join(map(str, before))
    return Decoded(sample, image, mask, checksum, fitted)


def checksum_of(sample: Sample, root: Path | None) -> str:
    """SHA-256 over the files of a sample; empty where it has none. ValueError for a file outside `root`."""
    if not sample.files:
        return ""
    total = hashlib.sha256()
    for path in sample.files:
        _inside(path, root)
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _inside(path: Path, root: Path | None) -> None:
    try:
        target = path.resolve(strict=True)
    except RuntimeError as error:  # a circle of links, before Python 3.13
        raise ValueError(f"{path.name} is a link to itself") from error
    if root is not None and not target.is_relative_to(root.resolve()):
        raise ValueError(f"{path.name} leads outside the data folder; put the file itself there")


def _check(scan: Scan, dataset: Dataset) -> None:
    import numpy as np

    shape, image = tuple(dataset.shape), scan.image
    if image.ndim != len(shape) or image.shape[0] != shape[0]:
        raise ValueError(f"has dimensions {image.shape}, expected {shape} (channels first)")
    far = [abs(have - want) > ROOM * want for have, want in zip(image.shape[1:], shape[1:], strict=True)]
    if any(far):
        raise ValueError(f"has dimensions {image.shape[1:]}, expected about {shape[1:]}")
    if len(scan.spacing) != len(dataset.spacing) or not np.allclose(scan.spacing, dataset.spacing, rtol=TOLERANCE):
        raise ValueError(f"has a spacing of {tuple(scan.spacing)} mm, expected {tuple(dataset.spacing)} mm")
    if not np.isfinite(image).all():
        raise ValueError(f"has {int((~np.isfinite(image)).sum())} voxels that are NaN or infinite")
    if image.min() == image.max():
        raise ValueError(f"is empty: every voxel is {image.flat[0]}")


def _classes(scan: Scan, dataset: Dataset) -> np.ndarray:
    import numpy as np

    mask, classes = scan.mask, max(2, len(dataset.task.classes))
    if mask.shape != scan.image.shape[1:]:
        raise ValueError(f"has a mask of dimensions {mask.shape}, its image {scan.image.shape[1:]}")
    indices = mask.astype(np.int64)
    if (indices != mask).any() or indices.min() < 0 or indices.max() >= classes:
        raise ValueError(f"has a mask with values outside the class indices 0 to {classes - 1}")
    return indices.astype(np.uint8 if classes <= 256 else np.int16)


def _grey(image: np.ndarray) -> np.ndarray:
    import numpy as np

    return image if image.dtype == np.uint8 else image.astype(np.float32)


def _fit(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Crop or pad the last axes about their centres, with zeros."""
    import numpy as np

    lead = array.ndim - len(shape)
    for axis, want in enumerate(shape, start=lead):
        have = array.shape[axis]
        if have > want:
            array = np.take(array, range((have - want) // 2, (have - want) // 2 + want), axis)
        if have < want:
            before = (want - have) // 2
            array = np.pad(array, [(before, want - have - before) if a == axis else (0, 0) for a in range(array.ndim)])
    return np.ascontiguousarray(array)


def _in_words(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"no file {Path(error.filename or '').name}"
    return str(error) or type(error).__name__
