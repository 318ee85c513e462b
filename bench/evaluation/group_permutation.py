"""Permutations of the predictions of whole groups: what a group contributes with the predictions of every other group.

A group takes the predictions of another group in their order, and repeats them where the other group has fewer scans.
Targets stay where they are. Constant predictions therefore keep their score, also where patients have more scans.
"""

from __future__ import annotations

import numpy as np

DRAWS = 2000  # permutations that are drawn where a score is not a sum over groups


def same_sizes(member: np.ndarray) -> bool:
    """Whether all groups have the same number of scans.

    Parameters
    ----------
    member : ndarray of int of shape (N,)
        Index of the group of each scan, from 0.

    Returns
    -------
    bool
    """
    return len(np.unique(np.bincount(member))) == 1


def centred(table: np.ndarray) -> np.ndarray:
    """Remove the means of rows and columns of a table (double centring).

    Parameters
    ----------
    table : ndarray of shape (G, G)

    Returns
    -------
    ndarray of shape (G, G)
    """
    return table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()


def over_groups(table: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Sum the contributions of pairs of scans over the groups.

    Parameters
    ----------
    table : ndarray of shape (N, N)
        Contribution of the target of a scan (row) and the prediction of a scan (column).
    member : ndarray of int of shape (N,)
        Index of the group of each scan, from 0.

    Returns
    -------
    ndarray of shape (G, G)
        Contribution of the targets of a group (row) and the predictions of another (column).
    """
    people = int(member.max()) + 1
    if people == len(member):
        return table[np.ix_(np.argsort(member), np.argsort(member))]
    scans, place = _places(member)
    columns = (table[np.arange(len(member)), own[place % len(own)]] for own in scans)
    return np.stack([np.bincount(member, column, people) for column in columns], axis=1)


def drawn_areas(y: np.ndarray, p: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Areas under the ROC curve of permutations drawn with a fixed seed; several classes: the mean over classes.

    Parameters
    ----------
    y : ndarray of int of shape (N,)
        True classes; each has a scan.
    p : ndarray of shape (N, K)
        Predicted probabilities.
    member : ndarray of int of shape (N,)
        Index of the group of each scan, from 0.

    Returns
    -------
    ndarray of shape (2000,)
        In [0, 1].
    """
    from scipy.stats import rankdata

    scans, place = _places(member)
    sizes = np.array([len(own) for own in scans])
    starts, rows = np.cumsum(sizes) - sizes, np.concatenate(scans)
    givers = np.argsort(np.random.default_rng(0).random((DRAWS, len(scans))), axis=1)[:, member]  # group for each scan
    taken = rows[starts[givers] + place % sizes[givers]]
    areas = []
    for k in [1] if p.shape[1] == 2 else range(p.shape[1]):
        size = (y == k).sum()
        ranks = rankdata(p[:, k][taken], axis=1)[:, y == k].sum(axis=1)
        areas.append((ranks - size * (size + 1) / 2) / (size * (len(y) - size)))
    return np.mean(areas, axis=0)


def _places(member: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The rows of each group, and the index of each scan within its group."""
    scans = [np.flatnonzero(member == group) for group in range(int(member.max()) + 1)]
    place = np.empty(len(member), dtype=int)
    for own in scans:
        place[own] = np.arange(len(own))
    return scans, place
