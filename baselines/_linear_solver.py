"""Penalised linear models of few columns, with the penalty chosen by leaving out people of the training part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.core import Task

INNER = 5  # folds of the training part that choose among the candidates for classes
PREDICTIONS = 600  # the folds are drawn again until so many scans were predicted,
REPEATS = 4  # but at most so often: a choice by one division of a hundred people depends on its draw
TINY = 1e-15  # the smallest probability of which the logarithm is taken
NEWTON = 300  # columns up to which Newton's method is faster than quasi-Newton steps


@dataclass(frozen=True)
class Columns:
    """A table (N, p) in its own axes: left (N, r) and right (r, p) are orthonormal, and it is left * lengths @ right.

    A model with a squared penalty on its weights is the same in these axes, and r is at most N.
    """

    left: np.ndarray
    lengths: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, table: np.ndarray) -> Columns:
        """The axes of a table whose columns have mean 0; those in which it hardly varies are left out."""
        wide = table.shape[1] > len(table)
        values, vectors = np.linalg.eigh((table @ table.T if wide else table.T @ table).astype(np.float64))
        kept = values > 1e-6 * max(values[-1], 1e-30)
        axes, lengths = vectors[:, kept], np.sqrt(values[kept])
        if wide:
            return cls(axes, lengths, (axes.T @ table) / lengths[:, None])
        return cls((table @ axes) / lengths, lengths, axes.T)


@dataclass(frozen=True)
class LinearFit:
    """Weights (outputs, r) and offsets (outputs,), their penalty, and its error on people who were left out."""

    weights: np.ndarray
    offsets: np.ndarray
    penalty: float
    error: float  # mean squared error or log loss; NaN if it could not be estimated


def fit_best(
    forms: Sequence[Columns], y: np.ndarray, task: Task, penalties: Sequence[float], groups: np.ndarray | None
) -> tuple[int, LinearFit]:
    """Choose among several forms of the same scans, jointly with the penalty; ties go to the first form.

    groups: (N,), the person of each scan; None: no two scans are of one person. Returns the position of the form and
    the model, fitted on all N scans, whose weights apply to `left * lengths`.
    """
    people = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    fit = _numbers if task.kind == "regression" else _classes
    found = [fit(each, y, task.outputs, sorted(penalties), people) for each in forms]
    errors = [np.inf if np.isnan(each.error) else each.error for each in found]
    best = int(np.argmin(errors))
    return best, found[best]


def _numbers(x: Columns, y: np.ndarray, outputs: int, penalties: Sequence[float], people: np.ndarray) -> LinearFit:
    """Ridge regression; its error is that of leaving out each person, in closed form."""
    errors = [_left_out_error(x.left, y, x.lengths**2 / (x.lengths**2 + penalty), people) for penalty in penalties]
    best = int(np.argmin(errors))
    weights = x.left.T @ (y - y.mean()) * x.lengths / (x.lengths**2 + penalties[best])
    return LinearFit(weights[None], np.atleast_1d(y.mean()), penalties[best], errors[best])


def _left_out_error(left: np.ndarray, y: np.ndarray, shrink: np.ndarray, people: np.ndarray) -> float:
    """The mean squared error of predicting each person's scans by the ridge regression on all other people.

    With H, the matrix that gives the fitted values, the residuals of the scans of a person who is left out are
    (I - H)^-1 times those of the fit, of the block of that person's scans.
    """
    residuals = y - y.mean() - left @ (shrink * (left.T @ (y - y.mean())))
    errors = residuals / np.maximum(1 - 1 / len(y) - (left**2) @ shrink, 1e-9)
    counts = np.bincount(people)
    for person in np.flatnonzero(counts > 1):
        rows = np.flatnonzero(people == person)
        hat = 1 / len(y) + (left[rows] * shrink) @ left[rows].T
        errors[rows] = np.linalg.lstsq(np.eye(len(rows)) - hat, residuals[rows], rcond=None)[0]
    return float(np.mean(errors**2))


def _classes(x: Columns, y: np.ndarray, outputs: int, penalties: Sequence[float], people: np.ndarray) -> LinearFit:
    """Logistic regression; its error is the log loss in repeated cross-validation over people."""
    from sklearn.linear_model import LogisticRegression

    weights, offsets = np.zeros((outputs, len(x.lengths))), np.full(outputs, -30.0)  # -30: a class without scans
    labels = y.astype(int)
    seen = np.unique(labels)
    if len(seen) == 1:
        offsets[seen] = 0.0
        return LinearFit(weights, offsets, penalties[len(penalties) // 2], np.nan)
    scores = x.left * x.lengths
    penalty, error = _penalty(scores, labels, penalties, people)
    model = LogisticRegression(C=1 / penalty, tol=1e-6, max_iter=2000).fit(scores, labels)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(seen) == 2:  # scikit-learn returns only the second class
        coefficients, intercepts = np.vstack([-coefficients, coefficients]) / 2, np.tile(intercepts, 2) * [-0.5, 0.5]
    weights[seen], offsets[seen] = coefficients, intercepts
    return LinearFit(weights, offsets, penalty, error)


def _penalty(x: np.ndarray, labels: np.ndarray, penalties: Sequence[float], people: np.ndarray) -> tuple[float, float]:
    """The penalty with the smallest log loss, and that loss; the middle one and NaN if no division is possible."""
    import sklearn
    from sklearn.linear_model import LogisticRegression

    parts = list(inner_folds(labels, people))
    if not parts:
        return penalties[len(penalties) // 2], np.nan
    seen, kinds = np.unique(labels, return_inverse=True)
    newton = x.shape[1] <= NEWTON and len(seen) == 2  # the fastest there; all solvers agree
    model = LogisticRegression(tol=1e-4, max_iter=2000, solver="newton-cholesky" if newton else "lbfgs")
    losses = np.zeros((len(parts), len(penalties)))
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):  # hundreds of small fits
        for number, (rows, left) in enumerate(parts):
            for at, penalty in enumerate(penalties):
                chances = model.set_params(C=1 / penalty).fit(x[rows], labels[rows]).predict_proba(x[left])
                losses[number, at] = -np.log(np.maximum(chances[range(len(left)), kinds[left]], TINY)).mean()
    best = int(np.argmin(losses.mean(0)))
    return penalties[best], float(losses.mean(0)[best])


def inner_folds(labels: np.ndarray, people: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows (learnt from, left out) of stratified folds over people, drawn often enough for a steady choice.

    labels: (N,) classes. people: (N,) numbers from 0. The draws depend on nothing but these. A division of which a part
    lacks a class is left out; there is none if a class has one person.
    """
    from sklearn.model_selection import StratifiedKFold

    _, first = np.unique(people, return_index=True)
    strata = labels[first]  # the class of a person's first scan
    folds = min(INNER, int(np.bincount(strata)[np.unique(strata)].min()))
    if folds < 2:
        return
    repeats = min(REPEATS, -(-PREDICTIONS // len(labels)))
    classes = set(labels)
    for number in range(repeats):
        for _, out in StratifiedKFold(folds, shuffle=True, random_state=number).split(strata, strata):
            left = np.isin(people, out)
            if set(labels[~left]) == set(labels[left]) == classes:
                yield np.flatnonzero(~left), np.flatnonzero(left)
