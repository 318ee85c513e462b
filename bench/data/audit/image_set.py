"""Load images or volumes for an audit from a folder or from a prepared set.

A folder has one subfolder per class; subfolders named Training, Testing and the like at any depth are parts of a split.
"""

from __future__ import annotations

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
from bench.data.audit.volume_decoding import decode_volume, is_volume
from bench.data.readers.litter import is_passed_over
from bench.data.readers.nifti import ENDS
from bench.data.readers.tabular import read_table

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
    """Readable images, and faults of the others. All fields but the last two have one entry per readable image."""

    names: tuple[str, ...]
    sets: tuple[str, ...]
    parts: tuple[str, ...]  # train, val, test, or empty
    labels: tuple[str, ...]  # empty if unknown
    groups: tuple[str, ...]  # declared group; the name of the image if none is declared
    checksums: tuple[str, ...]  # of the decoded pixels and their shape
    vectors: np.ndarray  # (N, P) float32, standardised
    faults: tuple[tuple[str, str], ...]  # (name, why it cannot be read)
    oddities: tuple[tuple[str, str], ...]  # (name, what is strange): constant, saturated

    def __len__(self) -> int:
        return len(self.names)


def from_folder(
    root: Path, title: str, split: Path | None = None, threads: int | None = None, cropped: bool = False
) -> ImageSet:
    """Decode every image, or every volume, under `root` in parallel; `faults` lists files that cannot be read.

    title: name of the set, the prefix of every image name. split: a table with columns path and split; paths are
    relative to `root` or its parent. cropped: crop images to the head first. BenchError if none can be read, or the
    folder holds images and volumes, which cannot be compared.
    """
    import numpy as np

    paths = sorted(_images(root))
    if not paths:
        raise BenchError(
            f"no image under {root}; expected one folder per class with {', '.join([*sorted(SUFFIXES), *ENDS])}"
        )
    if len({is_volume(path) for path in paths}) == 2:
        raise BenchError(f"{root} holds images and volumes, which cannot be compared; audit a folder of each")
    if cropped and is_volume(paths[0]):
        raise BenchError(f"{root} holds volumes; --against traces slices, so it takes a folder of images")
    parts = _read_parts(split) if split else {}
    if split and not any(_part(parts, root, path.relative_to(root)) for path in paths):
        raise BenchError(f"the table {split} names none of the images in {root}; its paths must be relative to it")
    rows, faults, oddities, vectors = [], [], [], []
    for path, image in zip(paths, _decoded(paths, threads, cropped), strict=True):
        place = path.relative_to(root)
        name = f"{title}/{place.as_posix()}"
        if image.fault:
            faults.append((name, image.fault))
            continue
        part, label = _place(place.parts[:-1])
        rows.append((name, title, _part(parts, root, place) or part, label, name, image.checksum))
        vectors.append(image.small)
        oddities += [(name, image.oddity)] if image.oddity else []
    if not rows:
        raise BenchError(f"none of the {len(faults)} images under {root} can be read; the first, {faults[0][0]}: "
                         f"{faults[0][1]}")  # fmt: skip
    columns = zip(*rows, strict=True)
    return ImageSet(*columns, standardise(np.stack(vectors)), tuple(faults), tuple(oddities))


def from_prepared(prepared: Prepared) -> ImageSet:
    """The scans of a prepared set; volumes are represented by their three middle slices."""
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
    """Concatenate several sets. BenchError if they mix images and volumes, which cannot be compared."""
    import numpy as np

    if len({each.vectors.shape[1] for each in sets}) > 1:
        raise BenchError("images cannot be compared with volumes; audit them separately")
    columns = {
        each.name: sum((tuple(getattr(one, each.name)) for one in sets), ())
        for each in fields(ImageSet)
        if each.name != "vectors"
    }
    return ImageSet(vectors=np.concatenate([one.vectors for one in sets]), **columns)


def _images(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        raise BenchError(f"no folder {root}; give a folder with one subfolder per class")
    for folder, _, names in os.walk(root):
        for path in (Path(folder, name) for name in names):
            if (path.suffix.lower() in SUFFIXES or is_volume(path)) and not is_passed_over(path, root):
                yield path


def _decoded(paths: Sequence[Path], threads: int | None, cropped: bool) -> Iterator[DecodedImage]:
    from threadpoolctl import threadpool_limits

    workers = threads or os.cpu_count() or 1
    with warnings.catch_warnings(), threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        warnings.simplefilter("ignore")  # Pillow warns about irregular files that it can read
        yield from pool.map(lambda path: decode_volume(path) if is_volume(path) else decode(path, cropped), paths)


def _place(folders: Sequence[str]) -> tuple[str, str]:
    """(part of the split, class) of an image, from the names of its folders."""
    parts = [PARTS[folder.lower()] for folder in folders if folder.lower() in PARTS]
    classes = [folder for folder in folders if folder.lower() not in PARTS]
    return parts[0] if parts else "", classes[0] if classes else ""


def _read_parts(table: Path) -> Mapping[str, str]:
    """Path -> part, from a table. BenchError if it cannot be read, lacks a column, or has an unknown part."""
    parts: dict[str, str] = {}
    for line in read_table(table, table.parent, ("path",), ","):
        if "split" not in line.values:
            raise BenchError(f"the table {table} needs the columns path and split; found {', '.join(line.values)}")
        path, text = line.values["path"] or "", line.values["split"]
        part = PARTS.get(text.lower()) if text else ""
        if part is None:
            raise BenchError(f"{line.place}: split is {text[:40]!r}; known parts: {', '.join(PARTS)}, or n/a")
        if parts.setdefault(path, part) != part:
            raise BenchError(f"{line.place}: {path[:80]} is in two parts; keep one row")
    return parts


def _part(parts: Mapping[str, str], root: Path, place: Path) -> str:
    return parts.get(place.as_posix()) or parts.get(f"{root.resolve().name}/{place.as_posix()}", "")
