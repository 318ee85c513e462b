"""From prepared scans to batches: views computed once and kept as memory maps, normalisation, the parts of a fold.

It knows rows of an array and their targets. Which rows are whose is decided by `bench.data.splits`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from bench.core import digest, paths, plain
from bench.storage.array_file import NpyWriter, move, opened
from bench.storage.atomic_io import disk_errors
from bench.storage.locks import locked
from bench.views import View

if TYPE_CHECKING:
    from bench.data.prepare import Prepared

CHUNK = 2**24  # voxels that are worked on at a time
HELD = 2**30  # bytes that a part keeps in main memory of its own; a larger one reads from the memory map
GPU_SHARE = 0.4  # of the free memory of a GPU that a part may take; the network needs the rest


def view_array(prepared: Prepared, view: View, progress: Callable[[int, int], None] | None = None) -> np.ndarray:
    """The view of every scan, (N, *shape after the view), a read-only memory map.

    Computed once, on the CPU, and kept as float32 under the data root; where the view leaves scans as they are, the
    prepared images themselves. One process computes a view and others wait for it; a damaged one is computed anew.
    progress: called with (scans done, scans) while it computes.
    """
    images = prepared.images()
    if view.keeps(prepared.shape, prepared.spacing):
        return images
    key = {"fingerprint": prepared.fingerprint, "name": prepared.name, "view": plain(view)}
    shape = (len(images), *view.shape(tuple(images.shape[1:]), prepared.spacing))
    places = [root / f"{digest(key)}.npy" for root in paths.views_roots()]
    found = next((kept for kept in (_kept(path, shape) for path in places) if kept is not None), None)
    if found is not None:
        return found
    path = next((path for path in places if paths.writable(path.parent)), places[0])
    with disk_errors(path.parent), locked(path.with_name(f".{path.stem}.claim")) as held:
        found = _kept(path, shape)
        if found is None:
            unfinished = path.with_name(f".{path.stem}{held.mark}.npy")
            _compute(images, view, prepared.spacing, unfinished, shape, progress or (lambda done, total: None))
            move(unfinished, path)
    return opened(path, shape) if found is None else found


def _kept(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        return opened(path, shape)
    except ValueError:  # not there, or damaged: it can always be computed
        return None


def _compute(
    images: np.ndarray,
    view: View,
    spacing: tuple[float, ...],
    path: Path,
    shape: tuple[int, ...],
    progress: Callable[[int, int], None],
) -> None:
    """Write the views of all scans, and leave no file where that fails."""
    file = NpyWriter(path, shape[1:], np.float32)
    try:
        for rows in _chunks(len(images), images[0].size):
            scans = torch.from_numpy(np.array(images[rows.start : rows.stop]))
            for image in view(scans, spacing).numpy():
                file.append(image)
            progress(rows.stop, len(images))
        file.close()
    except BaseException:
        file.leave()
        path.unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class Normaliser:
    """Mean 0 and deviation 1 of each channel, over all voxels of the scans it was learnt on."""

    mean: tuple[float, ...]  # of each channel
    deviation: tuple[float, ...]

    @classmethod
    def fit(cls, array: np.ndarray, rows: np.ndarray) -> Normaliser:
        """Learnt on some rows of an array (N, C, ...). A channel that is the same everywhere keeps deviation 1."""
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
        """That which changes no number."""
        return cls((0.0,) * channels, (1.0,) * channels)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, ...) of any type to float32, a tensor of its own."""
        shape = (-1, *[1] * (x.ndim - 2))
        mean = torch.tensor(self.mean, dtype=torch.float32).to(x.device, non_blocking=True).reshape(shape)
        deviation = torch.tensor(self.deviation, dtype=torch.float32).to(x.device, non_blocking=True).reshape(shape)
        return (x - mean).div_(deviation)


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and sum of squared deviations from it, in float64."""
    if values.dtype == np.uint8:  # exact, and needs no copy in float64
        counts, levels = np.bincount(values.reshape(-1), minlength=256), np.arange(256.0)
        mean = (counts @ levels) / values.size
        return mean, counts @ (levels - mean) ** 2
    exact = values.astype(np.float64).reshape(-1)
    mean = exact.mean()
    exact -= mean
    return mean, exact @ exact


class Part:
    """The scans of one part of a fold, train or validation or test, with their targets; it knows no other rows.

    It lies on the device as a whole where there is room; in main memory of its own up to 1 GiB; else it is read from
    the memory map, batch by batch.
    """

    def __init__(
        self,
        array: np.ndarray,
        rows: np.ndarray,
        y: np.ndarray,
        normaliser: Normaliser,
        device: torch.device | str = "cpu",
    ) -> None:
        """array: (N, C, ...). rows: which of them these are. y: their targets, in the same order, (len(rows), ...)."""
        if len(rows) != len(y):
            raise ValueError(f"{len(y)} targets for {len(rows)} scans")
        self.y, self.device = np.asarray(y), torch.device(device)
        self._normaliser, self._map, self._rows = normaliser, array, np.asarray(rows)
        self._scans: torch.Tensor | None = None
        self._normalised = False
        self._targets = torch.from_numpy(np.array(y)).to(self.device)
        if len(rows) * array[0].nbytes <= self._room():
            self._hold()

    def __len__(self) -> int:
        return len(self.y)

    def index(self, positions: np.ndarray) -> torch.Tensor:
        """Positions as an index on the device, (B,) int64; nothing waits for the copy."""
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
        """All scans once, in order: (positions, x, y) of `size` scans, the last batch perhaps of fewer."""
        for part in _chunks(len(self), 1, size):
            positions = np.arange(part.start, part.stop)
            yield positions, *self.take(positions)

    def _room(self) -> float:
        if self.device.type == "cuda":
            return GPU_SHARE * torch.cuda.mem_get_info(self.device)[0]
        return HELD

    def _hold(self) -> None:
        """Keep the scans here, and let go of the array. Floats are normalised now, bytes when they are taken."""
        scans = torch.from_numpy(np.asarray(self._map[self._rows])).to(self.device)
        self._normalised = scans.dtype == torch.float32
        if self._normalised:
            for some in scans.split(64):
                some.copy_(self._normaliser(some))
        self._scans = scans
        self._map, self._rows = None, None

    def _read(self, positions: np.ndarray) -> torch.Tensor:
        scans = torch.from_numpy(np.asarray(self._map[self._rows[np.asarray(positions)]]))
        if self.device.type != "cuda":
            return scans
        with contextlib.suppress(RuntimeError):  # memory that cannot be pinned is only slower to copy
            scans = scans.pin_memory()
        return scans.to(self.device, non_blocking=True)


def shuffled_batches(n: int, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Positions of n scans in batches without end, shuffled anew every epoch.

    The incomplete batch at the end of an epoch is dropped; fewer than `batch_size` scans are one batch.
    """
    if n < 1:
        raise ValueError("there are no scans to shuffle")
    size = min(n, batch_size)
    while True:
        order = rng.permutation(n)
        for start in range(0, n - size + 1, size):
            yield order[start : start + size]


def _chunks(rows: int, voxels: int, most: int = CHUNK) -> Iterator[range]:
    """Ranges of rows of at most about `most` voxels together."""
    step = max(1, most // max(1, voxels))
    for start in range(0, rows, step):
        yield range(start, min(rows, start + step))
