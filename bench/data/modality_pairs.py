"""Parts of a fold whose samples are a scan with a source and a target contrast: all ordered pairs of its channels."""

from __future__ import annotations

import numpy as np
import torch

from bench.data.loader import Normaliser, Part
from bench.evaluation.translation import CODE, INSIDE, LABEL, TRUTH, pair_code

DARK = 0.1  # share of the range up to the 99th percentile; a voxel that is darker in every contrast is outside


class ModalityPart(Part):
    """The scans of one part of a fold with every ordered pair of different contrasts; scan by scan, then by source.

    A sample has two channels: the image of the source contrast, and the code of the pair in every voxel.
    """

    def __init__(
        self,
        array: np.ndarray,
        rows: np.ndarray,
        names: tuple[str, ...],
        masks: np.ndarray | None,
        normaliser: Normaliser,
        device: torch.device | str,
    ) -> None:
        """array: (N, K, ...) scans. rows: of this part. names: of the K contrasts. masks: (N, ...) label maps."""
        count = len(names)
        self._members = Part(array, rows, np.zeros(len(rows)), normaliser, device)
        orders = [(one, other) for one in range(count) for other in range(count) if one != other]
        self.places = np.repeat(np.arange(len(rows)), len(orders))  # in `rows`, of each sample
        self.source, self.target = np.tile(np.array(orders, dtype=np.int64), (len(rows), 1)).T
        self.rows, self._names, self.device = np.asarray(rows)[self.places], names, self._members.device
        self.codes = pair_code(self.source, self.target, count)
        self._array, self._masks = array, masks
        self.y = ModalityTargets(self)

    def __len__(self) -> int:
        return len(self.places)

    def names(self, ids: np.ndarray) -> np.ndarray:
        """The name of each sample: the id of its scan, and its contrasts. ids: (N,) of all scans."""
        pairs = zip(self.rows, self.source, self.target, strict=True)
        return np.array([f"{ids[row]}: {self._names[one]} > {self._names[other]}" for row, one, other in pairs])

    def take(self, positions: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Samples at `positions`, (B, 2, ...), and the images of their target contrasts, (B, 1, ...), normalised."""
        positions = np.asarray(positions)
        scans, _ = self._members.take(self.places[positions])
        each = torch.arange(len(positions), device=scans.device)
        source, target = (
            scans[each, self.index(channels[positions])][:, None] for channels in (self.source, self.target)
        )
        codes = self.index(self.codes[positions]).to(source.dtype).reshape(-1, *[1] * (source.ndim - 1))
        return torch.cat([source, codes.expand_as(source)], dim=1), target

    def truth(self, position: int) -> np.ndarray:
        """The target of a sample, (4, ...) float32: see `bench.evaluation.translation`."""
        row, (_, image) = self.rows[position], self.take(np.array([position]))
        found = np.zeros((4, *image.shape[2:]), dtype=np.float32)
        found[TRUTH], found[CODE] = image[0, 0].cpu().numpy(), self.codes[position]
        found[INSIDE] = inside_head(np.asarray(self._array[row]))
        found[LABEL] = 0 if self._masks is None else self._masks[row]
        return found


class ModalityTargets:
    """Targets of a part, (N, 4, ...) float32, read when they are asked for: see `bench.evaluation.translation`."""

    def __init__(self, part: ModalityPart) -> None:
        self._part = part
        self._all: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._part)

    def __getitem__(self, positions: np.ndarray | slice) -> np.ndarray:
        return np.stack([self._part.truth(position) for position in np.arange(len(self))[positions].tolist()])

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        if self._all is None:
            self._all = self[:]
        return self._all.astype(dtype or np.float32, copy=bool(copy))


def inside_head(scan: np.ndarray) -> np.ndarray:
    """The voxels of a head: those that are bright in any contrast.

    Parameters
    ----------
    scan : ndarray of shape (K, ...)
        All contrasts of one scan.

    Returns
    -------
    ndarray of shape (...), bool
    """
    flat = scan.reshape(len(scan), -1).astype(np.float64)
    low, high = flat.min(axis=1), np.percentile(flat, 99, axis=1)
    bright = flat > (low + DARK * (high - low))[:, None]
    return bright.any(axis=0).reshape(scan.shape[1:])
