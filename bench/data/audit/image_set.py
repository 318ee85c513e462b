"""Images from a folder, or from a prepared set, as an audit sees them.

A folder holds a folder a class; folders called Training, Testing and the like are parts of a split, wherever they lie.
"""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import BenchError
from bench.data.audit.decoding import DecodedImage, decode, oddity
from bench.data.audit.similarity import checksum, feature_vectors, standardise

if TYPE_CHECKING:
    import numpy as np

    from bench.data.prepare import Prepared

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".gif", ".webp"))
PARTS = {
    "training": "train",
    "train": "train",
    "testing": "test",
    "test": "test",
    "validation": "val",
    "valid": "val",
    "val": "val",
}


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images that could be read, and the names of those that could not. All but the last two have an entry an image."""

    names: tuple[str, ...]
    sets: tuple[str, ...]
    parts: tuple[str, ...]  # train, val, test, or empty
    labels: tuple[str, ...]  # empty where there is none
    groups: tuple[str, ...]  # declared; the name of the image where nothing is
    checksums: tuple[str, ...]  # of the decoded pixels and their shape
    vectors: np.ndarray  # (N, P) float32, standardised
    faults: tuple[tuple[str, str], ...]  # (name, why it cannot be read)
    oddities: tuple[tuple[str, str], ...]  # (name, what is strange): constant, saturated

    def __len__(self) -> int:
        return len(self.names)


def from_folder(
    root: Path, title: str, split: Path | None = None, threads: int | None = None, cropped: bool = False
) -> ImageSet:
    """Every image under `root`, decoded side by side. A file that is no image is among the faults.

    title: of the set; it stands before every name. split: a table with columns path and split; its paths begin in
    `root` or in the folder above. cropped: vectors of the box around what is not background. BenchError where there
    is no image at all.
    """
    import numpy as np

    paths = sorted(_images(root))
    if not paths:
        raise BenchError(f"no image under {root}; expected a folder a class with {', '.join(sorted(SUFFIXES))} in it")
    parts = _read_parts(split) if split else {}
    kept, faults, oddities, vectors = [], [], [], []
    for path, found in zip(paths, _decoded(paths, threads, cropped), strict=True):
        place = path.relative_to(root)
        name = f"{title}/{place.as_posix()}"
        if found.fault:
            faults.append((name, found.fault))
            continue
        part, label = _place(place.parts[:-1])
        kept.append((name, title, _part(parts, root, place) or part, label, name, found.checksum))
        vectors.append(found.small)
        oddities += [(name, found.oddity)] if found.oddity else []
    if not kept:
        raise BenchError(f"none of the {len(faults)} images under {root} can be read; the first, {faults[0][0]}: "
                         f"{faults[0][1]}")  # fmt: skip
    columns = zip(*kept, strict=True)
    return ImageSet(*columns, standardise(np.stack(vectors)), tuple(faults), tuple(oddities))


def from_prepared(prepared: Prepared) -> ImageSet:
    """The scans of a prepared set; volumes by their three middle slices."""
    images, classes = prepared.images(), prepared.task.classes
    kind = prepared.task.kind
    labels = [classes[int(target)] if kind == "classification" else "" for target in prepared.targets.tolist()]
    count = len(prepared.ids)
    names = tuple(f"{prepared.name}/{each}" for each in prepared.ids)
    odd = [(name, oddity(image)) for name, image in zip(names, images, strict=True)]
    return ImageSet(
        names,
        (prepared.name,) * count,
        tuple(prepared.parts),
        tuple(labels),
        tuple(f"{prepared.name}/{group}" for group in prepared.groups),
        tuple(checksum(image) for image in images),
        feature_vectors(images),
        tuple((f"{prepared.name}/{broken['id']}", broken["reason"]) for broken in prepared.manifest["broken"]),
        tuple((name, strange) for name, strange in odd if strange),
    )


def concatenate(sets: Sequence[ImageSet]) -> ImageSet:
    """Several sets side by side. BenchError where images and volumes are mixed: they cannot be compared."""
    import numpy as np

    if len({each.vectors.shape[1] for each in sets}) > 1:
        raise BenchError("images cannot be compared with volumes; audit them one after the other")
    columns = {
        each.name: sum((tuple(getattr(one, each.name)) for one in sets), ())
        for each in fields(ImageSet)
        if each.name != "vectors"
    }
    return ImageSet(vectors=np.concatenate([one.vectors for one in sets]), **columns)


def _images(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        raise BenchError(f"no folder {root}; give one with a folder a class in it")
    for folder, _, names in os.walk(root):
        for name in names:
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Path(folder, name)


def _decoded(paths: Sequence[Path], threads: int | None, cropped: bool) -> Iterator[DecodedImage]:
    from threadpoolctl import threadpool_limits

    workers = threads or os.cpu_count() or 1
    with warnings.catch_warnings(), threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        warnings.simplefilter("ignore")  # what Pillow finds strange about a file that it reads all the same
        yield from pool.map(lambda path: decode(path, cropped), paths)


def _place(folders: Sequence[str]) -> tuple[str, str]:
    """(part of the split, class) of an image from the folders it lies in."""
    parts = [PARTS[folder.lower()] for folder in folders if folder.lower() in PARTS]
    classes = [folder for folder in folders if folder.lower() not in PARTS]
    return parts[0] if parts else "", classes[0] if classes else ""


def _read_parts(table: Path) -> Mapping[str, str]:
    """Path -> part, of a table. BenchError where it is no such table."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"the table {table} cannot be read: {error}") from error
    if not rows or not {"path", "split"} <= set(rows[0]):
        raise BenchError(
            f"the table {table} needs the columns path and split; found {', '.join(rows[0] if rows else ())}"
        )
    return {row["path"]: PARTS.get(str(row["split"]).lower(), str(row["split"])) for row in rows}


def _part(parts: Mapping[str, str], root: Path, place: Path) -> str:
    return parts.get(place.as_posix()) or parts.get(f"{root.resolve().name}/{place.as_posix()}", "")
