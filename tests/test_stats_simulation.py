"""What the tests and intervals promise, by simulation with refitting at every repetition (slow).

Two promises of different things. The corrected contrasts are about *methods*: on data on which the methods are equally
good they reject at most 5 %. The group bootstrap is about *these trained models*: its interval covers what the models,
as they were trained, score on new people; it is never tested as a contrast, as that is not what it is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from sklearn.linear_model import LogisticRegression, Ridge

from bench.metrics import Metric, metric
from bench.stats import average_seeds, corrected_interval, fold_mean, group_bootstrap, holm

pytestmark = pytest.mark.slow

Fold = tuple[np.ndarray, np.ndarray]  # rows that the models learn from, rows of the test part

FEATURES = 8  # that each method sees: its own ones, alike in every respect, so that no method is better
METHODS = 3  # the first is the reference
REPETITIONS = 400
TRAINED = 200  # sets of models whose interval is looked at


@dataclass(frozen=True)
class World:
    """Scans of people, some with two, of whom every method sees features of its own. kind: of the task."""

    kind: str
    signal: float  # of the target in every feature, in deviations of the noise; 0: there is nothing to learn

    @property
    def metric(self) -> Metric:
        return metric("auc" if self.kind == "classification" else "mae")

    def draw(self, people: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features (N, METHODS, FEATURES), targets (N,), groups (N,): every third person has two scans."""
        groups = np.repeat(np.arange(people), np.where(np.arange(people) % 3 == 0, 2, 1))
        z = rng.standard_normal(people)
        target = (z > 0).astype(float) if self.kind == "classification" else z
        person, scan = (rng.standard_normal((n, METHODS, FEATURES)) for n in (people, len(groups)))
        features = self.signal * target[:, None, None] + person
        return features[groups] + 0.5 * scan, target[groups], groups

    def model(self, x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Trained on (N, FEATURES); gives predictions as `bench.metrics` takes them."""
        if self.kind == "classification":
            return LogisticRegression(solver="liblinear").fit(x, y).predict_proba
        return Ridge(alpha=1.0).fit(x, y).predict

    def strata(self, y: np.ndarray) -> np.ndarray:
        return (y > 0).astype(int)


WORLDS = [World(kind, signal) for kind in ("classification", "regression") for signal in (0.0, 0.4)]
NAMES = [f"{world.kind}, {'signal' if world.signal else 'none'}" for world in WORLDS]


@pytest.mark.parametrize("world", WORLDS, ids=NAMES)
def test_contrasts_of_equally_good_methods_are_rejected_at_most_as_often_as_said(world: World) -> None:
    rng = np.random.default_rng(20)
    rejected = {"5 folds": [], "2 x 5 folds": [], "holm": [], "uncorrected": []}
    for _ in range(REPETITIONS):
        differences, ratio = _study(world, rng)
        p = [[corrected_interval(d[:n], 1, ratio).p for d in differences] for n in (5, 10)]
        rejected["5 folds"].append(p[0][0] < 0.05)
        rejected["2 x 5 folds"].append(p[1][0] < 0.05)
        rejected["holm"].append(holm(p[1]).min() < 0.05)
        rejected["uncorrected"].append(ttest_1samp(differences[0], 0).pvalue < 0.05)
    rates = {name: float(np.mean(values)) for name, values in rejected.items()}
    print(world, rates)
    allowed = 0.05 + 2 * math.sqrt(0.05 * 0.95 / REPETITIONS)
    assert max(rates["5 folds"], rates["2 x 5 folds"], rates["holm"]) <= allowed, rates
    assert rates["uncorrected"] > allowed, "the simulation could not tell a test without the correction"


def test_a_better_method_is_found() -> None:
    rng, found = np.random.default_rng(21), []
    for _ in range(40):
        differences, ratio = _study(World("classification", 0.8), rng, handicap=5.0)
        found.append(corrected_interval(differences[0], 1, ratio).low > 0)
    assert np.mean(found) > 0.8


@pytest.mark.parametrize("world", WORLDS, ids=NAMES)
def test_the_bootstrap_covers_what_these_trained_models_score_on_new_people(world: World) -> None:
    """One model and its test part: about 95 %. Five folds: less, as each model learnt from the others' test parts."""
    rng, covered = np.random.default_rng(22), {"one model": [], "five folds": []}
    x_new, y_new, _ = world.draw(4000, rng)
    for _ in range(TRAINED):
        x, y, groups = world.draw(120, rng)
        folds, truths = [], []
        for train, test in _folds(world, y, groups, rng):
            model = world.model(x[train, 0], y[train])
            folds.append((y[test], model(x[test, 0]), groups[test]))
            truths.append(world.metric(y_new, model(x_new[:, 0])))
        for name, number in (("one model", 1), ("five folds", 5)):
            interval = group_bootstrap(world.metric, folds[:number], rng, repeats=500)
            covered[name].append(interval.low <= np.mean(truths[:number]) <= interval.high)
    rates = {name: float(np.mean(values)) for name, values in covered.items()}
    print(world, "covered", rates)
    assert 0.88 <= rates["one model"] <= 0.99, rates
    assert 0.88 <= rates["five folds"] <= 0.99, rates


def refitted(
    world: World, rng: np.random.Generator, handicap: float = 0.0
) -> tuple[list[np.ndarray], list[tuple[int, int]]]:
    """Scores (10,) of each method over two partitions, all models refitted; scans of the training and test parts.

    handicap: deviation of noise that the first method alone has in its features.
    """
    x, y, groups = world.draw(90, rng)
    x[:, 0] += handicap * rng.standard_normal(x[:, 0].shape)
    scores: list[dict[tuple[int, int, int], float]] = [{} for _ in range(METHODS)]
    sizes = []
    for partition in range(2):
        for number, (train, test) in enumerate(_folds(world, y, groups, rng)):
            sizes.append((len(train), len(test)))
            for k, score in enumerate(scores):
                said = world.model(x[train, k], y[train])(x[test, k])
                score[partition, number, 0] = world.metric(y[test], said)
    assert all(math.isfinite(fold_mean(score)) for score in scores)
    return [np.array(list(average_seeds(score).values())) for score in scores], sizes


def _study(world: World, rng: np.random.Generator, handicap: float = 0.0) -> tuple[list[np.ndarray], float]:
    """Differences (10,) of each method to the first, and the mean of n_test / n_train."""
    scores, sizes = refitted(world, rng, handicap)
    return [score - scores[0] for score in scores[1:]], float(np.mean([test / train for train, test in sizes]))


def _folds(world: World, y: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> Iterator[Fold]:
    """Five folds over groups, stratified, and in each training part one fold of five more for validation."""
    part = _dealt(world.strata(y), groups, rng)
    for number in range(5):
        rest = np.flatnonzero(part != number)
        inner = _dealt(world.strata(y[rest]), groups[rest], rng)
        yield rest[inner != 0], np.flatnonzero(part == number)


def _dealt(strata: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N,) fold of every scan: the groups of each stratum shuffled and dealt out in turn."""
    people, first, member = np.unique(groups, return_index=True, return_inverse=True)
    order = rng.permutation(len(people))
    order = order[np.argsort(strata[first][order], kind="stable")]
    fold = np.empty(len(people), dtype=int)
    fold[order] = np.arange(len(people)) % 5
    return fold[member]
