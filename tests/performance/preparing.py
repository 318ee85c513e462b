"""Preparing a whole data set against a plain loop that does the same work."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import TYPE_CHECKING

from performance import own
from performance.measure import Result, Settings, seconds
from performance.scans import NONE, oasis

if TYPE_CHECKING:
    import numpy as np

NAME = "preparing ad_oasis, times as fast"
LEAST = 1.2
COMPARED = (
    "bench.data.prepare.prepare on all cores against nibabel and numpy in a ThreadPool of as many: SHA-256 of each"
    " file, decode, turn, check that all is finite and not constant, crop or pad, append to one .npy; below the"
    " harness's seconds by stage, each stage in one thread"
)


def run(settings: Settings) -> Iterator[Result]:
    """All scans of the set, in turns, each time into an empty folder; what the first turns read is not counted."""
    tree = oasis()
    if tree is None:
        yield Result(NAME, limit=LEAST, better="higher", skipped=NONE)
        return
    ratios = []
    with own.folders() as folder:
        _plain(tree, folder)
        for number in range(settings.pairs(7)):
            turns = [lambda: _ours(tree, folder), lambda: _plain(tree, folder)]
            first = number % 2
            spent = {first: seconds(turns[first])}
            spent[1 - first] = seconds(turns[1 - first])
            ratios.append(spent[1] / spent[0])
        details = _stages(tree, folder)
    yield Result(NAME, ratios, LEAST, "higher", compared=COMPARED, details=details)


def _ours(tree: Path, folder: Path) -> None:
    from bench.data.prepare import prepare

    shutil.rmtree(folder / "data")
    (folder / "data").mkdir()
    prepare("ad_oasis", None, tree, workers=os.cpu_count())


def _stages(tree: Path, folder: Path) -> dict[str, float]:
    """Seconds of the stages of the harness, from its own timers, for a set prepared in one thread."""
    from bench.data.prepare import prepare

    shutil.rmtree(folder / "data")
    (folder / "data").mkdir()
    return prepare("ad_oasis", None, tree, workers=1).manifest["seconds"]


def _plain(tree: Path, folder: Path) -> None:
    import numpy as np
    from numpy.lib import format as npy

    from bench import registry

    dataset = registry.make("datasets", "ad_oasis")
    paths = [sample.files[0] for sample in dataset.samples(tree)]
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(paths), *dataset.shape)}
    with ThreadPool(os.cpu_count()) as pool, (folder / "plain.npy").open("wb") as file:
        npy.write_array_header_1_0(file, header)
        for _, image in pool.imap(lambda path: _decoded(path, dataset.shape[1:]), paths):
            file.write(np.ascontiguousarray(image).data)
        file.flush()
        os.fsync(file.fileno())


def _decoded(path: Path, shape: tuple[int, ...]) -> tuple[str, np.ndarray]:
    """The checksum of a file and its voxels in canonical order, checked and brought to `shape`."""
    import nibabel as nib
    import numpy as np

    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    image = np.asanyarray(nib.as_closest_canonical(nib.load(path)).dataobj)
    if not np.isfinite(image).all() or image.min() == image.max():
        raise ValueError(f"{path.name} is broken")
    for axis, want in enumerate(shape):
        before = abs(image.shape[axis] - want) // 2
        if image.shape[axis] > want:
            image = np.take(image, range(before, before + want), axis)
        elif image.shape[axis] < want:
            missing = want - image.shape[axis]
            image = np.pad(image, [(before, missing - before) if each == axis else (0, 0) for each in range(3)])
    return checksum, image
