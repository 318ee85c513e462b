"""The samples of a part of a fold, by the kind of task: scans, or what another kind makes of them, such as pairs."""

from __future__ import annotations

import numpy as np
import torch

from bench.core import task_kind
from bench.data.loader import Normaliser, Part
from bench.data.prepare import Prepared
from bench.data.splits import Fold


def part_of(
    prepared: Prepared,
    array: np.ndarray,
    rows: np.ndarray,
    targets: np.ndarray,
    normaliser: Normaliser,
    device: torch.device,
    training: bool = False,
) -> Part:
    """The samples that the scans of a part make.

    Parameters
    ----------
    prepared : Prepared
    array : ndarray of shape (N, C, ...)
        Its scans after the view.
    rows : ndarray of shape (R,)
        Scans of the part.
    targets : ndarray of shape (R, ...)
        Their targets.
    normaliser : Normaliser
    device : torch.device
    training : bool
        Whether a network learns from them; a kind may then make other samples than for a test.

    Returns
    -------
    Part
    """
    if make := task_kind(prepared.task.kind).part:
        return make(prepared, array, rows, normaliser, device, training)
    return Part(array, rows, targets, normaliser, device)


def sample_names(prepared: Prepared, part: Part, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ids and groups of the samples of a part.

    Parameters
    ----------
    prepared : Prepared
    part : Part
        As `part_of` made it.
    rows : ndarray of shape (R,)
        Its scans.

    Returns
    -------
    ids, groups : ndarray of shape (len(part),)
        A pair of scans has the ids of both, the fixed one first, and their couple; a pair of contrasts the id of its
        scan and the names of the contrasts, and the person.
    """
    ids, groups = np.array(prepared.ids), np.array(prepared.groups)
    if not hasattr(part, "names"):
        return ids[rows], groups[rows]
    return part.names(ids), groups[part.rows]


def first_rows(rows: np.ndarray, prepared: Prepared, most: int) -> np.ndarray:
    """The first `most` scans of a part, in order; 0: all of them.

    Group by group, and the first group whole, where the samples of a kind of task need whole groups.
    """
    if not most or task_kind(prepared.task.kind).units is None:
        return rows[: most or None]
    order = [row for group in dict.fromkeys(prepared.groups[row] for row in rows)
             for row in rows if prepared.groups[row] == group]  # fmt: skip
    first = sum(prepared.groups[row] == prepared.groups[rows[0]] for row in rows)
    return np.sort(np.array(order[: max(most, first)], dtype=np.int64))


def limited_fold(fold: Fold, prepared: Prepared, most: int) -> Fold:
    """At most `most` scans of each part; 0: all of them.

    They are taken from the strata in turn, or group by group where the samples of a kind of task need whole groups.
    """
    if not most:
        return fold
    whole = task_kind(prepared.task.kind).units is not None

    def limited(rows: np.ndarray) -> np.ndarray:
        if whole:
            return first_rows(rows, prepared, most)
        counts: dict[str, int] = {}
        turns = []
        for row in rows:
            stratum = prepared.strata[row]
            turns.append(counts.setdefault(stratum, 0))
            counts[stratum] += 1
        return np.sort(rows[np.argsort(turns, kind="stable")[:most]])

    return Fold(limited(fold.train), limited(fold.val), limited(fold.test))
