"""The partial and the full confounder test of Spisak: whether predictions depend on a covariate beyond the target.

Partial: are predictions independent of the covariate, given the target? A small p shows a bias. Full: are predictions
independent of the target, given the covariate? A small p shows that the covariate does not explain the predictions
alone. Both are conditional permutation tests: the covariate (or the target) is permuted so that its relation to the
target (or the covariate) is kept, and the share of variance that it has in common with the predictions is compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

PERMUTATIONS = 999
STEPS = 50  # of the Markov chain that draws each permutation
KNOTS = 5  # of the spline by which one variable depends on a number


@dataclass(frozen=True)
class Variable:
    """A target or a covariate of N people.

    Attributes
    ----------
    values : ndarray of shape (N,)
        Numbers, or category numbers from 0.
    categories : bool
        Whether they are categories.
    """

    values: np.ndarray
    categories: bool


@dataclass(frozen=True)
class ConfounderTest:
    """The result of one test.

    Attributes
    ----------
    shared : float
        Share of the variance of the predictions that is in common with the permuted variable (R squared).
    expected : float
        The same, on average over permutations.
    p : float
        One-sided; NaN if predictions or the permuted variable do not vary.
    """

    shared: float
    expected: float
    p: float


def conditional_permutations(
    moved: Variable, given: Variable, rng: np.random.Generator, permutations: int = PERMUTATIONS, steps: int = STEPS
) -> np.ndarray:
    """Permutations of a variable that keep its relation to another one.

    Given categories, it is permuted inside each of them. Given a number, permutations are drawn by a Markov chain of
    swaps in proportion to the likelihood of the moved variable given the number: a normal law, or a multinomial
    logistic one for categories, whose parameters follow a cubic spline. If that model is right, the observed order and
    the permutations are exchangeable, and tests are exact.

    Parameters
    ----------
    moved, given : Variable
        Of the same N people.
    rng : numpy.random.Generator
    permutations : int
        Number of permutations, M.
    steps : int
        Steps of the chain.

    Returns
    -------
    ndarray of shape (M, N)
        In each row the person whose value each person gets.

    References
    ----------
    Berrett, Wang, Barber & Samworth, Journal of the Royal Statistical Society B 2020.
    """
    people = len(moved.values)
    if given.categories:
        found = np.tile(np.arange(people), (permutations, 1))
        for category in np.unique(given.values):
            rows = np.flatnonzero(given.values == category)
            found[:, rows] = rng.permuted(found[:, rows], axis=1)
        return found
    likelihood = _log_likelihood(moved, given)
    pairings = [rng.permutation(people) for _ in range(steps)]
    hub = _chain(likelihood, np.arange(people)[None], pairings[::-1], rng)
    return _chain(likelihood, np.repeat(hub, permutations, axis=0), pairings, rng)


def confounder_test(predictions: np.ndarray, moved: Variable, permuted: np.ndarray) -> ConfounderTest:
    """Compare what predictions share with a variable with what they share with its permutations.

    Parameters
    ----------
    predictions : ndarray of shape (N, D)
        One or several numbers that are predicted for each person.
    moved : Variable
        The covariate in the partial test, the target in the full one.
    permuted : ndarray of shape (M, N)
        From `conditional_permutations` of `moved`, given the target in the partial test and the covariate in the full
        one.

    Returns
    -------
    ConfounderTest

    References
    ----------
    Spisak, GigaScience 2022.
    """
    centred = predictions - predictions.mean(axis=0)
    total = float((centred**2).sum())
    basis = _basis(moved)
    if total <= 1e-12 * max(1.0, float((predictions**2).sum())) or not basis.shape[1]:
        return ConfounderTest(math.nan, math.nan, math.nan)
    observed = _shared(centred, basis, np.arange(len(basis))[None])[0] / total
    drawn = _shared(centred, basis, permuted) / total
    p = (1 + int((drawn >= observed - 1e-12).sum())) / (1 + len(drawn))
    return ConfounderTest(float(observed), float(drawn.mean()), p)


def _basis(variable: Variable) -> np.ndarray:
    """(N, R): orthonormal columns of mean 0 that span what is linear in a number, or constant in categories."""
    values = variable.values
    table = (values[:, None] == np.unique(values)) if variable.categories else values[:, None]
    table = table.astype(float) - table.mean(axis=0)
    left, sizes, _ = np.linalg.svd(table, full_matrices=False)
    return left[:, sizes > 1e-9 * max(1.0, float(sizes.max(initial=0.0)))]


def _shared(centred: np.ndarray, basis: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """(M,) sums of squares of the predictions that the permuted columns explain."""
    sums = np.zeros(len(orders))
    for column in basis.T:
        sums += ((column[orders] @ centred) ** 2).sum(axis=1)
    return sums


def _log_likelihood(moved: Variable, given: Variable) -> np.ndarray:
    """(N, N): the log likelihood that the value of the person of a row is that of the person of a column."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import SplineTransformer

    z = given.values[:, None].astype(float)
    knots = np.unique(np.quantile(z, np.linspace(0, 1, KNOTS)))
    design = SplineTransformer(knots=knots[:, None], degree=3).fit_transform(z) if len(knots) > 1 else z
    if moved.categories:
        chances = LogisticRegression(C=10.0, max_iter=1000).fit(design, moved.values).predict_log_proba(design)
        return chances[:, np.unique(moved.values, return_inverse=True)[1]].T
    mean = Ridge(1e-3).fit(design, moved.values).predict(design)
    variance = max(float(np.mean((moved.values - mean) ** 2)), 1e-12)
    return -((moved.values[:, None] - mean[None]) ** 2) / (2 * variance)


def _chain(
    likelihood: np.ndarray, start: np.ndarray, pairings: list[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Orders (M, N) after a step for each pairing: two people swap their values in proportion to the likelihood."""
    from scipy.special import expit

    orders, half = start.copy(), start.shape[1] // 2
    for pairing in pairings:
        one, two = pairing[:half], pairing[half : 2 * half]
        first, second = orders[:, one], orders[:, two]
        gain = likelihood[first, two] + likelihood[second, one] - likelihood[first, one] - likelihood[second, two]
        swapped = rng.random(gain.shape) < expit(gain)
        orders[:, one], orders[:, two] = np.where(swapped, second, first), np.where(swapped, first, second)
    return orders
