"""What tests and intervals promise, by simulation with refitting at every repetition (slow).

Promises of different things. Contrasts are about *methods*: on external tests on which the methods are equally good
they reject at most 5 %; `test_people_levels` has the other worlds. Intervals are about *these trained models*: they
cover what the models, as they were trained, score on new people.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from bench.core import DataSpec, Recipe, Record, Spec, Split, Task, Trial
from bench.core.study_plan import DataEntry, ExternalData, PlannedCell, StudyPlan
from bench.evaluation import (
    ChanceDistribution,
    average_seeds,
    chance_distribution,
    corrected_interval,
    fold_correlation,
    fold_mean,
    score_interval,
    skill_test,
)
from bench.evaluation.metrics import Metric, metric
from bench.report.tables.declared_tests import contrast_row
from bench.report.tables.results import DatasetResults, Run

pytestmark = pytest.mark.slow

Fold = tuple[np.ndarray, np.ndarray]  # rows that the models learn from, rows of the test part

FEATURES = 8  # that each method sees: its own ones, alike in every respect, so that no method is better
METHODS = 3  # the first is the reference
REPETITIONS = 400
TRAINED = 1000  # sets of models whose interval is looked at


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
        """Trained on (N, FEATURES); gives predictions as `bench.evaluation.metrics` takes them."""
        if self.kind == "classification":
            return LogisticRegression(solver="liblinear").fit(x, y).predict_proba
        return Ridge(alpha=1.0).fit(x, y).predict

    def strata(self, y: np.ndarray) -> np.ndarray:
        return (y > 0).astype(int)


WORLDS = [World(kind, signal) for kind in ("classification", "regression") for signal in (0.0, 0.4)]
NAMES = [f"{world.kind}, {'signal' if world.signal else 'none'}" for world in WORLDS]


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("signal", [0.0, 0.5, 1.2])
def test_the_interval_covers_what_these_trained_models_score_on_new_people(kind: str, signal: float) -> None:
    """100 scans of 75 people, AUC .5 to .96: at least 92.5 %, though each model learnt from the others' test parts.

    One model and its test part need no such allowance.
    """
    world, rng = World(kind, signal), np.random.default_rng(22)
    covered = {"one model": [], "five folds": [], "taken as independent": []}
    x_new, y_new, _ = world.draw(4000, rng)
    for _ in range(TRAINED):
        x, y, groups = world.draw(75, rng)
        folds, truths, sizes = [], [], []
        for train, test in _folds(world, y, groups, rng):
            model = world.model(x[train, 0], y[train])
            folds.append((y[test], model(x[test, 0]), groups[test]))
            truths.append(world.metric(y_new, model(x_new[:, 0])))
            sizes.append((len(train), len(test)))
        among = fold_correlation(5, *np.mean(sizes, axis=0))
        for name, number, correlation in (
            ("one model", 1, 0),
            ("five folds", 5, among),
            ("taken as independent", 5, 0),
        ):
            interval = score_interval(world.metric, folds[:number], rng, 400, correlation=correlation)
            covered[name].append(interval.low <= np.mean(truths[:number]) <= interval.high)
    rates = {name: float(np.mean(values)) for name, values in covered.items()}
    print(world, "covered", rates)
    assert rates["five folds"] >= 0.925, rates
    assert rates["taken as independent"] < rates["five folds"]
    assert rates["one model"] >= 0.8  # of 20 scans, by a percentile where they are numbers


@pytest.mark.parametrize("partitions", [1, 2])
@pytest.mark.parametrize("name", ["auc", "balanced_accuracy", "mae"])
def test_a_method_without_knowledge_is_not_reported_as_learnt(name: str, partitions: int) -> None:
    world = World("regression" if name == "mae" else "classification", 0.0)
    rng, better, naive = np.random.default_rng(23), [], []
    for _ in range(REPETITIONS):
        score, floor, chances, among = _scored(world, metric(name), rng, partitions)
        sign = 1 if name != "mae" else -1
        for found, judged in ((better, (5, among)), (naive, (len(chances),))):
            skill = skill_test(score, chances, *judged)
            found.append(sign * (score - floor) > 0 and sign * (score - skill.expected) > 0 and skill.p < 0.05)
    print(name, partitions, "learnt", np.mean(better), "were folds independent", np.mean(naive))
    assert np.mean(better) <= 0.05  # two-sided at 5 %, and only what is better counts
    if name == "auc" and partitions == 2:
        assert np.mean(naive) > 0.05, "the simulation could not tell a test without the allowance"


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("people", [20, 60])
def test_on_external_tests_equally_good_methods_are_rejected_at_most_at_the_stated_rate(kind: str, people: int) -> None:
    """As the report tests them: over people, which decides, and over folds with the variance due to people."""
    world, rng = World(kind, 0.4), np.random.default_rng(24)
    rejected = {"over people": [], "over folds": [], "folds only": []}
    for _ in range(REPETITIONS):
        section = _elsewhere(world, rng, people)
        found = contrast_row(section, "m1", "m0")
        ours, theirs = section.scores("m1"), section.scores("m0")
        differences = np.array([ours[cell] - theirs[cell] for cell in ours])
        rejected["over people"].append(found["p"] < 0.05)
        rejected["over folds"].append(found["p_folds"] < 0.05)
        rejected["folds only"].append(corrected_interval(differences, 4, 1).p < 0.05)
    rates = {name: float(np.mean(values)) for name, values in rejected.items()}
    print(world, people, rates)
    assert max(rates["over people"], rates["over folds"]) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / REPETITIONS), rates
    assert rates["folds only"] > rates["over people"]


def _scored(
    world: World, judged: Metric, rng: np.random.Generator, partitions: int
) -> tuple[float, float, list[ChanceDistribution], float]:
    """The mean score of a method, that of the median or 0.5, what each fold's is by chance, and their correlation."""
    x, y, groups = world.draw(75, rng)
    scores, floors, chances, sizes = [], [], [], []
    for _ in range(partitions):
        for train, test in _folds(world, y, groups, rng):
            result = world.model(x[train, 0], y[train])(x[test, 0])
            floors.append(np.abs(y[test] - np.median(y[train])).mean() if judged.name == "mae" else 0.5)
            scores.append(judged(y[test], result))
            chances.append(chance_distribution(judged, (y[test], result, groups[test])))
            sizes.append((len(train), len(test)))
    return float(np.mean(scores)), float(np.mean(floors)), chances, fold_correlation(5, *np.mean(sizes, axis=0))


def _elsewhere(world: World, rng: np.random.Generator, people: int) -> DatasetResults:
    """Two methods, trained on five folds and tested on the same other people."""
    x, y, groups = world.draw(90, rng)
    x_new, y_new, who = world.draw(people, rng)
    targets = y_new.astype(int) if world.kind == "classification" else y_new
    remaining, runs = {}, []
    for fold, (train, test) in enumerate(_folds(world, y, groups, rng)):
        for arm in range(2):
            result = world.model(x[train, arm], y[train])(x_new[:, arm])
            key = f"{arm} {fold}"
            remaining[key] = {"ids": np.arange(len(who)), "groups": who, "y": targets, "selected": result}
            cell = PlannedCell(arm=f"m{arm}", role="arm", data="d", partition=0, fold=fold, seed=0, key=key)
            sizes = {"train": len(train), "val": len(y) - len(train) - len(test), "test": len(who)}
            score = {"selected": {world.metric.name: world.metric(y_new, result)}}
            runs.append(
                Run(cell, Record(Trial(DataSpec("d"), Spec("m"), Split(), fold=fold), "done", score, sizes=sizes))
            )
    store = SimpleNamespace(predictions=lambda key, record, names: remaining[key])
    task = Task(world.kind, world.metric.name, ("a", "b") if world.kind == "classification" else ())
    entry = DataEntry(name="d", phantom=False, task=task, external=ExternalData(data=DataSpec("other"), title=""))
    plan = StudyPlan(
        study="simulated", protocol=1, reference="m0", folds=5, partitions=1, seeds=1, recipe=Recipe(), data=(entry,),
        cells=tuple(run.cell for run in runs),
    )  # fmt: skip
    return DatasetResults(plan, entry, tuple(runs), store)


@dataclass(frozen=True)
class Refitted:
    """A simulated study: scores (10,) of each method over two partitions, sizes of the parts, and test parts."""

    scores: list[np.ndarray]
    sizes: list[tuple[int, int]]
    tested: list[tuple[np.ndarray, np.ndarray, list[np.ndarray]]]  # targets, groups, predictions of each method


def refitted(world: World, rng: np.random.Generator, handicap: float = 0.0) -> Refitted:
    """A study in which all models are refitted for every fold.

    handicap: deviation of noise that the first method alone has in its features.
    """
    x, y, groups = world.draw(90, rng)
    x[:, 0] += handicap * rng.standard_normal(x[:, 0].shape)
    scores: list[dict[tuple[int, int, int], float]] = [{} for _ in range(METHODS)]
    sizes, tested = [], []
    for partition in range(2):
        for number, (train, test) in enumerate(_folds(world, y, groups, rng)):
            sizes.append((len(train), len(test)))
            predictions = [world.model(x[train, k], y[train])(x[test, k]) for k in range(METHODS)]
            tested.append((y[test], groups[test], predictions))
            for score, result in zip(scores, predictions, strict=True):
                score[partition, number, 0] = world.metric(y[test], result)
    assert all(math.isfinite(fold_mean(score)) for score in scores)
    return Refitted([np.array(list(average_seeds(score).values())) for score in scores], sizes, tested)


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
