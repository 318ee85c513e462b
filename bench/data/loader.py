"""Load prepared scans as batches: cached views, normalisation, and the parts of a fold.

The loader handles rows of an array and their targets; `bench.data.splits` decides which rows belong to which part.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from bench import registry
from bench.core import digest, paths, plain
from bench.storage.array_file import NpyWriter, memory_map, move
from bench.storage.atomic_io import disk_errors
from bench.storage.locks import locked
from bench.views import View

if TYPE_CHECKING:
    from bench.data.prepare import Prepared

CHUNK = 2**24  # voxels processed at a time
MEMORY_LIMIT = 2**30  # bytes: a part up to this size is loaded into main memory; a larger one stays on the memory map
GPU_SHARE = 0.4  # share of a GPU's free memory that a part may use; the network needs the rest


def view_array(prepared: Prepared, view: View, progress: Callable[[int, int], None] | None = None) -> np.ndarray:
    """The view of every scan, (N, *shape after the view), as a read-only memory map.

    The view is computed once, on the CPU, and cached as float32 under the data root; if it leaves scans unchanged, the
    prepared images are returned. One process computes a view while others wait; a damaged cache is computed again.
    progress: called with (scans done, scans) during the computation.
    """
    images = prepared.images()
    if view.keeps(prepared.shape, prepared.spacing):
        return images
    key = {"fingerprint": prepared.fingerprint, "name": prepared.name, "view": plain(view)}
    if registry.is_plugin(type(view)):
        key["code"] = registry.code(type(view))  # a user edits a view without a new version
    shape = (len(images), *view.shape(tuple(images.shape[1:]), prepared.spacing))
    places = [root / f"{digest(key)}.npy" for root in paths.views_roots()]
    cached = next((array for array in (_cached(path, shape) for path in places) if array is not None), None)
    if cached is not None:
        return cached
    path = next((path for path in places if paths.writable(path.parent)), places[0])
    with disk_errors(path.parent), locked(path.with_name(f".{path.stem}.claim")) as held:
        cached = _cached(path, shape)
        if cached is None:
            unfinished = path.with_name(f".{path.stem}{held.mark}.npy")
            _compute(images, view, prepared.spacing, unfinished, shape, progress or (lambda done, total: None))
            move(unfinished, path)
    return memory_map(path, shape) if cached is None else cached


def _cached(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        return memory_map(path, shape)
    except ValueError:  # missing or damaged: it can be computed again
        return None


def _compute(
    images: np.ndarray,
    view: View,
    spacing: tuple[float, ...],
    path: Path,
    shape: tuple[int, ...],
    progress: Callable[[int, int], None],
) -> None:
    """Write the views of all scans; remove the file if that fails."""
    file = NpyWriter(path, shape[1:], np.float32)
    try:
        for rows in _chunks(len(images), images[0].size):
            scans = torch.from_numpy(np.array(images[rows.start : rows.stop]))
            for image in _viewed(view, scans, spacing, shape[1:]):
                file.append(image)
            progress(rows.stop, len(images))
        file.close()
    except BaseException:
        file.release()
        path.unlink(missing_ok=True)
        raise


def _viewed(view: View, scans: torch.Tensor, spacing: tuple[float, ...], shape: tuple[int, ...]) -> np.ndarray:
    """The view of some scans, (B, *shape). ValueError if the view computes another shape than it declares."""
    result = view(scans, spacing).numpy()
    if result.shape != (len(scans), *shape):
        computed = f"scans of shape {result.shape[1:]}" if len(result) == len(scans) else f"{len(result)} scans"
        raise ValueError(
            f"the view {view.kind_name} computes {computed} of {len(scans)} scans, but its method `shape` returns "
            f"{shape}; correct one of them"
        )
    return result


@dataclass(frozen=True)
class Normaliser:
    """Scales each channel to mean 0 and deviation 1 over all voxels of the scans it was fitted on."""

    mean: tuple[float, ...]  # of each channel
    deviation: tuple[float, ...]

    @classmethod
    def fit(cls, array: np.ndarray, rows: np.ndarray) -> Normaliser:
        """Fit on some rows of an array (N, C, ...). A constant channel gets deviation 1."""
        count, mean, spread = 0, np.zeros(array.shape[1]), np.zeros(array.shape[1])
        for part in _chunks(len(rows), array[0].size, CHUNK // 8):
            scans = array[rows[part.start : part.stop]]
            voxels = scans.size // array.shape[1]
            centre, squares = np.array([_moments(scans[:, channel]) for channel in range(array.shape[1])]).T
            shift, total = centre - mean, count + voxels
            spread += squares + shift**2 * (count * voxels / total)
            mean, count = mean + shift * (voxels / total), total
        deviation = np.sqrt(spread / max(1, count))
        deviation[deviation == 0] = 1.0
        return cls(tuple(mean.tolist()), tuple(deviation.tolist()))

    @classmethod
    def none(cls, channels: int) -> Normaliser:
        """The identity: mean 0 and deviation 1."""
        return cls((0.0,) * channels, (1.0,) * channels)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, ...) of any type to a new float32 tensor."""
        shape = (-1, *[1] * (x.ndim - 2))
        mean = torch.tensor(self.mean, dtype=torch.float32).to(x.device, non_blocking=True).reshape(shape)
        deviation = torch.tensor(self.deviation, dtype=torch.float32).to(x.device, non_blocking=True).reshape(shape)
        return (x - mean).div_(deviation)


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and sum of squared deviations from the mean, in float64."""
    if values.dtype == np.uint8:  # exact, and needs no copy in float64
        counts, levels = np.bincount(values.reshape(-1), minlength=256), np.arange(256.0)
        mean = (counts @ levels) / values.size
        return mean, counts @ (levels - mean) ** 2
    exact = values.astype(np.float64).reshape(-1)
    mean = exact.mean()
    exact -= mean
    return mean, exact @ exact


class Part:
    """The scans of one part of a fold (train, validation or test) with their targets; it has no access to other rows.

    On a GPU the part is loaded as a whole if it takes at most 40 % of the free memory; on the CPU up to 1 GiB.
    Otherwise, and where memory ends meanwhile, batches are read from the memory map.
    """

    def __init__(
        self,
        array: np.ndarray,
        rows: np.ndarray,
        y: np.ndarray,
        normaliser: Normaliser,
        device: torch.device | str = "cpu",
    ) -> None:
        """array: (N, C, ...). rows: rows of this part. y: their targets, in the same order, (len(rows), ...)."""
        if len(rows) != len(y):
            raise ValueError(f"{len(y)} targets for {len(rows)} scans")
        self.y, self.device = np.asarray(y), torch.device(device)
        self._normaliser, self._map, self._rows = normaliser, array, np.asarray(rows)
        self._scans: torch.Tensor | None = None
        self._normalised = False
        self._targets = torch.from_numpy(np.array(y)).to(self.device)
        if len(rows) * array[0].nbytes <= self._memory_limit():
            with contextlib.suppress(torch.OutOfMemoryError):  # others share the GPU: batches are read from the map
                self._load()

    def __len__(self) -> int:
        return len(self.y)

    def index(self, positions: np.ndarray) -> torch.Tensor:
        """Positions as an index on the device, (B,) int64, copied asynchronously."""
        index = torch.as_tensor(positions, dtype=torch.int64)
        return index.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else index

    def take(self, positions: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Scans at `positions` of this part, (B, C, ...), float32, normalised, and their targets, on the device.

        Targets are int64 where `y` are whole numbers (classes, masks), else float32.
        """
        index = self.index(positions)
        y = self._targets.index_select(0, index)
        y = y.float() if y.is_floating_point() else y.long()
        x = self._read(positions) if self._scans is None else self._scans.index_select(0, index)
        return (x if self._normalised else self._normaliser(x)), y

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, torch.Tensor, torch.Tensor]]:
        """All scans once, in order: (positions, x, y) of `size` scans; the last batch may be smaller."""
        for part in _chunks(len(self), 1, size):
            positions = np.arange(part.start, part.stop)
            yield positions, *self.take(positions)

    def evenly(self, count: int) -> Excerpt:
        """At most `count` of the scans, evenly spaced over the part."""
        return Excerpt(self, np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(np.int64)))

    def _memory_limit(self) -> float:
        if self.device.type == "cuda":
            return GPU_SHARE * torch.cuda.mem_get_info(self.device)[0]
        return MEMORY_LIMIT

    def _load(self) -> None:
        """Load all scans and release the array. Floats are normalised now, bytes when they are taken."""
        scans = torch.from_numpy(np.asarray(self._map[self._rows])).to(self.device)
        normalised = scans.dtype == torch.float32
        if normalised:
            for some in scans.split(64):
                some.copy_(self._normaliser(some))
        self._scans, self._normalised = scans, normalised
        self._map, self._rows = None, None

    def _read(self, positions: np.ndarray) -> torch.Tensor:
        scans = torch.from_numpy(np.asarray(self._map[self._rows[np.asarray(positions)]]))
        if self.device.type != "cuda":
            return scans
        with contextlib.suppress(RuntimeError):  # unpinned memory works too, but its copy is slower
            scans = scans.pin_memory()
        return scans.to(self.device, non_blocking=True)


@dataclass(frozen=True)
class Excerpt:
    """Some of the scans of a part, in order. positions: (n,) of the scans in the part."""

    part: Part
    positions: np.ndarray

    @property
    def y(self) -> np.ndarray:
        """Targets of these scans, (n, ...)."""
        return self.part.y[self.positions]

    def __len__(self) -> int:
        return len(self.positions)

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, torch.Tensor, torch.Tensor]]:
        """These scans once, in order: (positions in the part, x, y) of `size` scans."""
        for rows in _chunks(len(self), 1, size):
            positions = self.positions[rows.start : rows.stop]
            yield positions, *self.part.take(positions)


def shuffled_batches(n: int, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless batches of positions of n scans, reshuffled every epoch.

    The incomplete batch at the end of an epoch is dropped; fewer than `batch_size` scans form one batch.
    """
    if n < 1:
        raise ValueError("n is 0: no scans to shuffle")
    size = min(n, batch_size)
    while True:
        order = rng.permutation(n)
        for start in range(0, n - size + 1, size):
            yield order[start : start + size]


def _chunks(rows: int, voxels: int, most: int = CHUNK) -> Iterator[range]:
    """Ranges of rows with about `most` voxels each, at least one row."""
    step = max(1, most // max(1, voxels))
    for start in range(0, rows, step):
        yield range(start, min(rows, start + step))
