"""The test over people and its rivals, on the differences of one simulated study.

- `corrected t`: Nadeau & Bengio (2003), over folds.
- `bootstrap`, `bootstrap, allowance`: people are drawn again within folds; the normal quantile, without and with the
  factor for shared training parts.
- `people, no allowance`, `people, no training`, `people and partitions`: the test over people without its factor,
  without the variance of training, and with the spread of the means of partitions in its place.
- `mixed model`: random effects of people and of trainings by the method of moments, without and with the factor on the
  variance of people.
- `Obuchowski-Rockette`: each partition is a reader of all people (Hillis 2007 for the degrees of freedom).
- `nested cross-validation`: Bates, Hastie & Tibshirani (JASA 2024), with the contributions of people as losses, so that
  an area under the ROC curve has one too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import ndtr, stdtr
from simulated_draws import Drawn
from simulated_worlds import World

from bench.evaluation import corrected_interval
from bench.evaluation.person_test import FoldDifference, PeopleTest, people_test, people_variances

Tested = tuple[float, float, float]  # p, standard error, degrees of freedom
RESAMPLES = 100


def p_values(world: World, drawn: Drawn, at: int, rng: np.random.Generator) -> dict[str, Tested]:
    """Test -> what it finds in the contrast number `at` of a study."""
    folds = drawn.differences[at]
    ours = deciding(world, folds)
    found = {"people": (ours.p, ours.se, ours.df), "corrected t": _corrected(world, folds)}
    drawn_again = bootstrap_error(folds, rng.spawn(1)[0])
    found["bootstrap"] = _normal(folds, drawn_again)
    if world.external:
        return found
    people = people_variances(folds)
    training = ours.se_training**2, float(len(folds) - len({fold.partition for fold in folds}))
    wide = [(world.sharing * v, df) for v, df in people]
    found |= {
        "bootstrap, allowance": _normal(folds, math.sqrt(world.sharing) * drawn_again),
        "people, no allowance": _p(folds, [*people, training]),
        "people, no training": _p(folds, wide),
    }
    if world.partitions > 1 and not world.sites:
        found |= _between_partitions(world, folds, people, training)
    if world.nested:
        found["nested cross-validation"] = nested_test(folds, drawn.nested[at], world.parts)
    return found


def deciding(world: World, folds: Sequence[FoldDifference]) -> PeopleTest:
    """The test over people, as reports make it."""
    return people_test(folds, world.sharing, same_people=bool(world.external), train_to_test=world.ratio)


def _corrected(world: World, folds: Sequence[FoldDifference]) -> Tested:
    people = None
    if world.external:
        parts = people_variances(folds)
        people = (sum(v for v, _ in parts), len(set().union(*(fold.people.tolist() for fold in folds))))
    old = corrected_interval(np.array([fold.difference for fold in folds]), 1.0, world.ratio, people=people)
    return old.p, old.se, old.df


def _between_partitions(
    world: World, folds: Sequence[FoldDifference], people: Sequence[tuple[float, float]], training: tuple[float, float]
) -> dict[str, Tested]:
    """The tests that need several partitions."""
    between, cases = _between(folds), people[0][1]
    net = max(0.0, sum(v for v, _ in people) - _noise(folds))
    readers = between[1] * ((net + between[0]) / between[0]) ** 2 if between[0] else math.inf
    spread = max(training, between)
    return {
        "people and partitions": _p(folds, [*((world.sharing * v, df) for v, df in people), between]),
        "mixed model": _p(folds, [(net, cases), spread]),
        "mixed model, allowance": _p(folds, [(world.sharing * net, cases), spread]),
        "Obuchowski-Rockette": _t(folds, net + between[0], min(readers, 1e6)),
    }


def bootstrap_error(folds: Sequence[FoldDifference], rng: np.random.Generator) -> float:
    """The standard deviation of the mean difference when people are drawn again, everywhere with the same weight."""
    people = np.unique(np.concatenate([fold.people for fold in folds]))
    drawn = rng.multinomial(len(people), np.full(len(people), 1 / len(people)), RESAMPLES).astype(float)
    means = []
    for fold in folds:
        weights = drawn[:, np.searchsorted(people, fold.people)]
        for stratum in np.unique(fold.strata):
            rows = fold.strata == stratum
            total = weights[:, rows].sum(axis=1)
            inside = fold.values[rows] - fold.values[rows].mean()
            means.append(weights[:, rows] @ inside / np.where(total > 0, total, np.inf))
    return float(np.std(np.sum(means, axis=0) / len(folds), ddof=1))


def nested_test(
    outer: Sequence[FoldDifference], inner: Mapping[tuple[int, int, int], FoldDifference], folds: int
) -> Tested:
    """Nested cross-validation: its corrected estimate against the error that the folds left out show.

    inner: (partition, fold left out, fold tested) -> differences of models that learnt from neither.
    """
    squared, within = [], []
    for fold in outer:
        seen = [gap.difference for (p, left, _), gap in inner.items() if (p, left) == (fold.partition, fold.fold)]
        squared.append((np.mean(seen) - fold.difference) ** 2)
        within.append(sum(v for v, _ in people_variances([fold])))
    naive = math.sqrt(np.mean([sum(v for v, _ in people_variances(part)) for part in _by_partition(outer).values()]))
    error = math.sqrt(max(0.0, float(np.mean(squared) - np.mean(within))) * (folds - 1) / folds)
    error = min(max(error, naive), math.sqrt(folds) * naive)
    nested = float(np.mean([gap.difference for gap in inner.values()]))
    plain = float(np.mean([fold.difference for fold in outer]))
    estimate = nested - (1 + (folds - 2) / folds) * (nested - plain)
    return 2 * float(ndtr(-abs(estimate) / error)) if error else 1.0, error, math.inf


def _p(folds: Sequence[FoldDifference], parts: Sequence[tuple[float, float]]) -> Tested:
    variance = sum(v for v, _ in parts)
    df = variance**2 / sum(v**2 / d for v, d in parts if v > 0) if variance > 0 else 1.0
    return _t(folds, variance, df)


def _t(folds: Sequence[FoldDifference], variance: float, df: float) -> Tested:
    if variance <= 0:
        return 1.0, 0.0, 1.0
    t = abs(np.mean([fold.difference for fold in folds])) / math.sqrt(variance)
    return 2 * float(stdtr(df, -t)), math.sqrt(variance), df


def _normal(folds: Sequence[FoldDifference], error: float) -> Tested:
    away = abs(np.mean([fold.difference for fold in folds]))
    return 2 * float(ndtr(-away / error)) if error else 1.0, error, math.inf


def _by_partition(folds: Sequence[FoldDifference]) -> dict[int, list[FoldDifference]]:
    found: dict[int, list[FoldDifference]] = {}
    for fold in folds:
        found.setdefault(fold.partition, []).append(fold)
    return found


def _between(folds: Sequence[FoldDifference]) -> tuple[float, float]:
    """The variance of the mean by the spread of the means of partitions, and its degrees of freedom."""
    means = [np.mean([fold.difference for fold in part]) for part in _by_partition(folds).values()]
    return float(np.var(means, ddof=1)) / len(means), len(means) - 1.0


def _noise(folds: Sequence[FoldDifference]) -> float:
    """The part of the variance due to people that further partitions average out."""
    each = [sum(v for v, _ in people_variances(part)) for part in _by_partition(folds).values()]
    together = sum(v for v, _ in people_variances(folds))
    return max(0.0, float(np.mean(each)) - together) / (len(each) - 1)
