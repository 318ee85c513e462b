"""One training scan while it is augmented, with its mask and with the movement that its voxels still have to make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.training.augment.axis_sampling import sample_along_axes
from bench.training.augment.scan_random import ScanRandom


@dataclass
class ChangedScan:
    """A prepared scan, in its own unit, on the device.

    Movements of a scan are composed and carried out by `resample`: a scan is interpolated once at most. Millimetres
    are counted from the centre of the grid.
    """

    x: Tensor  # (C, *sizes), float32
    mask: Tensor | None  # (*sizes), int64
    spacing: tuple[float, ...]
    random: ScanRandom
    matrix: np.ndarray | None = None  # (R, R): from millimetres of the result to millimetres of the scan
    offset: np.ndarray | None = None  # (R,) in millimetres, added after the matrix
    displacement: Tensor | None = None  # (R, *sizes) in shares of the sizes, added before the matrix

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(self.x.shape[1:])

    @property
    def millimetres(self) -> np.ndarray:
        """(R,) extent of the grid."""
        return np.array(self.sizes) * np.array(self.spacing)

    def move(self, matrix: np.ndarray, offset: np.ndarray) -> None:
        """Add an affine movement; it reads the scan that earlier movements made."""
        if self.matrix is None:
            self.matrix, self.offset = np.eye(len(self.sizes)), np.zeros(len(self.sizes))
        self.offset = self.matrix @ offset + self.offset
        self.matrix = self.matrix @ matrix

    def resample(self) -> None:
        """Carry out the movements: scans linearly, masks from the nearest voxel; beyond the border it is repeated."""
        if self.matrix is None and self.displacement is None:
            return
        if self.displacement is None and np.array_equal(self.matrix, np.diag(np.diag(self.matrix))):
            self.x, self.mask = sample_along_axes(self.x, self.mask, self._places_along_axes())
        else:
            self._sample_from_grid()
        self.matrix = self.offset = self.displacement = None

    def _places_along_axes(self) -> list[np.ndarray]:
        """Where the voxels of each axis are read, in voxels, if the matrix is diagonal."""
        places = []
        for size, step, scale, offset in zip(self.sizes, self.spacing, np.diag(self.matrix), self.offset, strict=True):
            centre = (size - 1) / 2
            places.append((np.arange(size) - centre) * scale + offset / step + centre)
        return places

    def _sample_from_grid(self) -> None:
        grid = self._grid()[None]
        self.x = F.grid_sample(self.x[None], grid, mode="bilinear", padding_mode="border", align_corners=False)[0]
        if self.mask is not None:
            some = self.mask[None, None].to(grid.dtype)
            moved = F.grid_sample(some, grid, mode="nearest", padding_mode="border", align_corners=False)
            self.mask = moved[0, 0].to(self.mask.dtype)

    def _grid(self) -> Tensor:
        """(*sizes, R): where each voxel of the result is read, in torch's units and order of axes.

        Sums of products of whole fields only: the bits depend neither on the batch nor on the number of threads.
        """
        rank = len(self.sizes)
        places = [self._places(axis) for axis in range(rank)]
        matrix = np.eye(rank) if self.matrix is None else self.matrix
        offset = np.zeros(rank) if self.offset is None else self.offset
        result = torch.empty((*self.sizes, rank), device=self.x.device)
        for axis in range(rank):
            scaled = matrix[axis] * (2 / self.millimetres[axis])  # torch counts in halves of the size
            parts = [place * float(part) for part, place in zip(scaled, places, strict=True) if part]
            parts[0] = parts[0] + float(offset[axis] * 2 / self.millimetres[axis])
            result[..., rank - 1 - axis] = sum(parts[1:], parts[0])
        return result

    def _places(self, axis: int) -> Tensor:
        """Millimetres along an axis of the voxels of the result, after the displacement; it broadcasts to the sizes."""
        size, step = self.sizes[axis], float(self.spacing[axis])
        line = (torch.arange(size, device=self.x.device, dtype=torch.float32) - (size - 1) / 2) * step
        line = line.reshape([size if each == axis else 1 for each in range(len(self.sizes))])
        return line if self.displacement is None else line + self.displacement[axis] * (size * step)


def channel_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel of (C, *sizes), shaped to broadcast.

    Sums are taken in float64 and, on a processor, in one thread: their bits do not depend on the number of threads.
    """
    mean = _mean(x)
    return mean, _mean((x - mean).square_()).sqrt()


def channel_range(x: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest value of each channel of (C, *sizes), shaped to broadcast."""
    values, shape = x.flatten(1), (-1, *[1] * (x.ndim - 1))
    return values.amin(1).reshape(shape), values.amax(1).reshape(shape)


def _mean(x: Tensor) -> Tensor:
    values = x.flatten(1)
    if x.is_cpu:
        sums = torch.from_numpy(np.add.reduce(values.numpy(), axis=1, dtype=np.float64))
    else:
        sums = values.sum(1, dtype=torch.float64)
    return (sums / values.shape[1]).float().reshape(-1, *[1] * (x.ndim - 1))
