"""Predict a covariate from the features of a network, across people, against chance by permutation.

A linear model is fitted on some people of a test part and asked about the others. The same folds and penalties are used
for permuted values, so that whatever bias they have is in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FOLDS = 5
PERMUTATIONS = 200
PENALTIES = (1.0, 10.0, 100.0, 1000.0)  # of ridge regression on standardised features; chosen by leaving out a scan
FEWEST = 10  # people of a test part
RARE = 4  # people who share a category


@dataclass(frozen=True)
class ProbeScores:
    """How well a covariate is predicted, and how well its permutations are.

    score: AUC of two categories, balanced accuracy of more, correlation of numbers. permuted: (PERMUTATIONS,).
    """

    score: float
    permuted: np.ndarray
    measure: str  # auc, balanced_accuracy or correlation
    people: int


def probe_covariate(
    features: np.ndarray, values: Sequence[object], people: Sequence[str], rng: np.random.Generator
) -> ProbeScores | None:
    """The scores of one test part; None if too few people have a value, or too few share each of two categories.

    features: (N, F). values: (N,) numbers, texts or None. people: (N,), whose scans are in one fold.
    """
    rows, y, measure = _usable(values, people)
    who = np.unique(np.asarray(people)[rows], return_inverse=True)[1]
    if rows.size == 0 or who.max() + 1 < FEWEST:
        return None
    orders = [np.arange(len(rows)), *(_permuted(y, who, rng) for _ in range(PERMUTATIONS))]
    targets = np.stack([y[order] for order in orders], axis=1)
    predicted = _left_out(features[rows], targets, who, measure, rng)
    scores = [_score(targets[:, at], predicted[at], measure) for at in range(targets.shape[1])]
    return ProbeScores(scores[0], np.array(scores[1:]), measure, int(who.max()) + 1)


def _usable(values: Sequence[object], people: Sequence[str]) -> tuple[np.ndarray, np.ndarray, str]:
    """Rows with a value, the values as numbers or category numbers, and what they are judged by.

    Two different numbers, such as 0 and 1 for the sex, are categories.
    """
    known = {value for value in values if value is not None and value == value}
    if len(known) > 2 and not any(isinstance(value, str) for value in known):
        numbers = np.array([np.nan if value is None else float(value) for value in values])
        rows = np.flatnonzero(np.isfinite(numbers))
        return rows, numbers[rows], "correlation"
    shared: dict[str, set[str]] = {}
    for value, person in zip(values, people, strict=True):
        if value in known:
            shared.setdefault(str(value), set()).add(str(person))
    kept = sorted(value for value, members in shared.items() if len(members) >= RARE)
    rows = np.array([row for row, value in enumerate(values) if str(value) in kept and len(kept) > 1], dtype=int)
    y = np.array([kept.index(str(values[row])) for row in rows], dtype=int)
    return rows, y, "auc" if len(kept) == 2 else "balanced_accuracy"


def _permuted(y: np.ndarray, who: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An order of the rows: people swap values where each has one; else scans do."""
    first = np.unique(who, return_index=True)[1]
    if (y == y[first][who]).all():
        return first[rng.permutation(len(first))][who]
    return rng.permutation(len(y))


def _left_out(
    features: np.ndarray, targets: np.ndarray, who: np.ndarray, measure: str, rng: np.random.Generator
) -> list[np.ndarray]:
    """For each column of targets the predictions for people who were left out: (N,) or, of categories, (N, K)."""
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import StandardScaler

    kinds = int(targets.max()) + 1 if measure != "correlation" else 0
    wide = np.eye(kinds)[targets.astype(int)].reshape(len(targets), -1) if kinds > 2 else targets.astype(float)
    predicted = np.zeros(wide.shape)
    parts = rng.permutation(who.max() + 1) % min(FOLDS, who.max() + 1)
    for part in np.unique(parts):
        out = parts[who] == part
        scaler = StandardScaler().fit(features[~out])
        model = RidgeCV(PENALTIES, alpha_per_target=True).fit(scaler.transform(features[~out]), wide[~out])
        predicted[out] = model.predict(scaler.transform(features[out])).reshape(out.sum(), -1)
    return list(np.moveaxis(predicted.reshape(len(targets), targets.shape[1], -1), 1, 0))


def _score(y: np.ndarray, predicted: np.ndarray, measure: str) -> float:
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    if measure == "auc":
        return float(roc_auc_score(y, predicted[:, 0]))
    if measure == "balanced_accuracy":
        return float(balanced_accuracy_score(y, predicted.argmax(axis=1)))
    if predicted[:, 0].std() <= 1e-12:
        return 0.0
    return float(np.corrcoef(y, predicted[:, 0])[0, 1])
