"""Masks of which a share of the connected components is left out, as where somebody overlooked structures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.core import digest

OBJECT = 8  # voxels: smaller components are specks of an outline, no structures of their own, and stay


@dataclass(frozen=True)
class Component:
    """A connected component of one class of a mask; voxels that share a corner are connected.

    Attributes
    ----------
    label : int
        Its class.
    box : tuple of slice
        The smallest box around it.
    inside : ndarray of bool
        Its voxels in that box.
    """

    label: int
    box: tuple[slice, ...]
    inside: np.ndarray

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(self.inside.sum())


def components(mask: np.ndarray, smallest: int = OBJECT) -> list[Component]:
    """List the connected components of every class of a mask but the background, class by class.

    Parameters
    ----------
    mask : ndarray of int of shape (D, H, W) or (H, W)
        Class of each voxel; 0 is the background.
    smallest : int
        Voxels that a component has at least.

    Returns
    -------
    list of Component
        In an order that depends on the mask alone.
    """
    from scipy.ndimage import find_objects, label

    found = []
    for number, outer in enumerate(find_objects(mask), start=1):
        if outer is None:
            continue
        parts, _ = label(mask[outer] == number, np.ones((3,) * mask.ndim))
        for index, inner in enumerate(find_objects(parts), start=1):
            box = tuple(slice(o.start + i.start, o.start + i.stop) for o, i in zip(outer, inner, strict=True))
            found.append(Component(number, box, parts[inner] == index))
    return [each for each in found if each.size >= smallest]


def left_out(mask: np.ndarray, share: float, *chance: Any) -> list[Component]:
    """Choose the components of a mask that are left out.

    Of n components, share x n are left out, rounded up or down at random so that the mean is exact.

    Parameters
    ----------
    mask : ndarray of int of shape (D, H, W) or (H, W)
        Class of each voxel.
    share : float
        Share of the components, in [0, 1].
    *chance : object
        What the choice depends on besides; a smaller share chooses some of those of every larger one.

    Returns
    -------
    list of Component
    """
    found = components(mask)
    order = sorted(range(len(found)), key=lambda number: digest(["missing", *chance, number]))
    rounding = int(digest(["rounding", *chance], 12), 16) / 16**12  # in [0, 1)
    return [found[number] for number in order[: math.floor(share * len(found) + rounding)]]


def without(mask: np.ndarray, missing: Sequence[Component]) -> np.ndarray:
    """Copy a mask without some of its components, whose voxels become background.

    Parameters
    ----------
    mask : ndarray of int of shape (D, H, W) or (H, W)
    missing : sequence of Component
        As `left_out` chooses them.

    Returns
    -------
    ndarray
        Of the same shape and type.
    """
    changed = np.array(mask)
    for each in missing:
        changed[each.box][each.inside] = 0
    return changed


class IncompleteMasks:
    """Masks (N, ...) of which those of some rows lack components; they are read where they are indexed.

    Parameters
    ----------
    masks : ndarray of int of shape (N, ...)
    rows : sequence of int
        Rows that lack components: the training scans.
    share : float
        Share of the components that are left out, in [0, 1].
    names : sequence of str
        Name of each scan.
    *chance : object
        What the choice depends on, besides the name of the scan.
    """

    def __init__(self, masks: np.ndarray, rows: Sequence[int], share: float, names: Sequence[str], *chance: Any):
        self._masks, self._rows, self._share = masks, frozenset(int(row) for row in rows), share
        self._names, self._chance = names, chance

    def __len__(self) -> int:
        return len(self._masks)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Masks of some rows, (len(rows), ...)."""
        chosen = np.array(self._masks[rows])
        for at, row in enumerate(np.asarray(rows).tolist()):
            if row in self._rows:
                missing = left_out(chosen[at], self._share, *self._chance, self._names[row])
                chosen[at] = without(chosen[at], missing)
        return chosen
