"""Strata of people by a covariate, strata by several, and people of different classes who are alike in covariates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BANDS = 3  # of a number, with about as many people each
CALIPER = 0.25  # standard deviations by which matched people may differ in a number


def number_bands(values: np.ndarray, bands: int = BANDS) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Divide people by a number into bands of about equal size.

    Parameters
    ----------
    values : ndarray of shape (N,)
        The number of each person; NaN if it is unknown.
    bands : int
        Bands to make; fewer if values repeat.

    Returns
    -------
    ndarray of shape (N,)
        Band of each person from 0, -1 if the number is unknown.
    list of (float, float)
        Smallest and largest value in each band.
    """
    known = np.isfinite(values)
    labels = np.full(len(values), -1)
    if not known.any():
        return labels, []
    edges = np.unique(np.quantile(values[known], np.arange(1, bands) / bands))
    places = np.searchsorted(edges, values[known], side="left")
    present, labels[known] = np.unique(places, return_inverse=True)
    ends = [values[labels == number] for number in range(len(present))]
    return labels, [(float(each.min()), float(each.max())) for each in ends]


def crossed_strata(labels: Sequence[np.ndarray]) -> np.ndarray:
    """Strata of people who are alike in several labels.

    Parameters
    ----------
    labels : sequence of ndarray of shape (N,)
        Each has the stratum of each person by one covariate, -1 if it is unknown.

    Returns
    -------
    ndarray of shape (N,)
        Stratum of each person, -1 if one of the labels is.
    """
    table = np.stack(labels, axis=1)
    known = (table >= 0).all(axis=1)
    crossed = np.full(len(table), -1)
    if known.any():
        crossed[known] = np.unique(table[known], axis=0, return_inverse=True)[1].reshape(-1)
    return crossed


def matched_people(classes: np.ndarray, exact: np.ndarray, numbers: np.ndarray, caliper: float = CALIPER) -> np.ndarray:
    """Choose as many people of each class who are alike in covariates.

    Inside each stratum of `exact`, the people of the rarest class are paired with people of each other class so that
    the sum of distances in `numbers` is smallest. Pairs that differ by more than the caliper in a number are dropped,
    and so are people without a partner in every class.

    Parameters
    ----------
    classes : ndarray of shape (N,)
        Class of each person.
    exact : ndarray of shape (N,)
        Stratum in which people are to be equal, -1: unknown, never matched.
    numbers : ndarray of shape (N, D)
        Further numbers, in any units; people with NaN are never matched. D may be 0.
    caliper : float
        In standard deviations of each number.

    Returns
    -------
    ndarray of shape (N,)
        True for those who were chosen. It depends on no prediction.

    References
    ----------
    Rosenbaum & Rubin, The American Statistician 1985.
    """
    usable = (exact >= 0) & np.isfinite(numbers).all(axis=1)
    scaled = np.zeros(numbers.shape)
    if usable.any() and numbers.shape[1]:
        spread = numbers[usable].std(axis=0)
        scaled[usable] = numbers[usable] / np.where(spread > 0, spread, 1.0)
    chosen = np.zeros(len(classes), dtype=bool)
    kinds = np.unique(classes)
    for stratum in np.unique(exact[usable]):
        members = [np.flatnonzero(usable & (exact == stratum) & (classes == kind)) for kind in kinds]
        for number in _complete_sets(members, scaled, caliper):
            chosen[number] = True
    return chosen


def _complete_sets(members: Sequence[np.ndarray], scaled: np.ndarray, caliper: float) -> list[list[int]]:
    """Rows of people, one of each class, all near the one of the rarest class."""
    from scipy.optimize import linear_sum_assignment

    rare = min(members, key=len)
    sets = {int(row): [int(row)] for row in rare}
    for other in (each for each in members if each is not rare):
        apart = np.abs(scaled[rare][:, None] - scaled[other][None])
        far = (apart > caliper).any(axis=2)
        cost = np.where(far, 1e6, np.sqrt((apart**2).sum(axis=2)))
        for first, second in zip(*linear_sum_assignment(cost), strict=True):
            if not far[first, second]:
                sets[int(rare[first])].append(int(other[second]))
    return [each for each in sets.values() if len(each) == len(members)]
