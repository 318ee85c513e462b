"""Voxels that were chosen one by one before the scans were prepared: few vary over people, and they lie scattered.

Voxels outside a mask or a brain are constant as well, but those inside lie side by side. Where voxels were chosen by
what distinguishes the classes in all scans, the choice has seen the test scans, and only this trace is left of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bench.data.prepare import Prepared

MOST = 400  # scans that are read, spread evenly over the set
FEWEST = 20  # scans, below which nothing is judged
HALF = 0.5  # share of voxels that vary, above which none were chosen
SCATTERED = 0.25  # of the way from neighbours at random to neighbours that all vary
TYPICAL = 1e-3  # of the largest range over people: a smaller one is rounding


def chosen_voxel_lines(prepared: Prepared) -> list[str]:
    """Tell whether the voxels that vary over scans look chosen.

    Parameters
    ----------
    prepared : Prepared
        The data set.

    Returns
    -------
    list of str
        One sentence, or none.
    """
    rows = np.unique(np.linspace(0, len(prepared.ids) - 1, MOST).round().astype(int))
    if len(rows) < FEWEST or prepared.task.kind not in ("classification", "regression"):
        return []
    varying = _varying(prepared.images(), rows)
    share, beside = float(varying.mean()), neighbours_share(varying)
    if not 0 < share < HALF or beside > share + SCATTERED * (1 - share):
        return []
    return [
        f"{int(varying.sum()):,} of {varying.size:,} voxels vary over the scans, and they lie scattered: of their"
        f" neighbours {beside:.0%} vary. Such voxels were chosen one by one before the scans were prepared; if that was"
        " done by the targets of all scans, scores are too good. Choose inside a method: it is given the training part"
        " alone"
    ]


def neighbours_share(varying: np.ndarray) -> float:
    """Of the neighbours of varying voxels, along each axis, the share that varies too.

    Parameters
    ----------
    varying : ndarray of bool
        Voxels of a grid.

    Returns
    -------
    float
        About the share of all voxels that vary if these lie at random, 1 if all vary; 0 if no varying voxel has a
        neighbour.
    """
    both = pairs = 0
    for axis in range(varying.ndim):
        first = np.take(varying, range(varying.shape[axis] - 1), axis)
        second = np.take(varying, range(1, varying.shape[axis]), axis)
        both += 2 * int((first & second).sum())
        pairs += int(first.sum() + second.sum())
    return both / pairs if pairs else 0.0


def _varying(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Voxels of the grid with different values in some scans, in any channel."""
    low = np.array(images[rows[0]], dtype=np.float32)
    high = low.copy()
    for row in rows[1:]:
        scan = np.asarray(images[row], dtype=np.float32)
        np.minimum(low, scan, out=low)
        np.maximum(high, scan, out=high)
    reach = high - low
    return (reach > TYPICAL * reach.max(initial=0)).any(axis=0)
