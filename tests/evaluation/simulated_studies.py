"""Studies of simulated people with refitting: how often tests find what is, and what is not, there.

`python tests/evaluation/simulated_studies.py OUT.csv [STUDIES]` writes how often each test rejects in each world.

A world has people with features. Every arm sees features that all arms share and features of its own; where the effect
is 0 all arms are equally good. A learner is ridge regression on the features: stable, or with weights to which every
training adds noise (as seeds do to networks), or one that fails to learn in a share of its trainings, or nearest
neighbours. Folds, validation parts and groups are as in the protocol.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from bench.evaluation import corrected_interval, holm
from bench.evaluation.bootstrap import inflation
from bench.evaluation.metrics import metric
from bench.evaluation.person_test import FoldDifference, people_test, people_variances, training_variance
from bench.evaluation.scan_contributions import contributions
from bench.evaluation.score_intervals import fold_correlation


@dataclass(frozen=True)
class World:
    """What is simulated. effect: added to the strength of the features of all arms but the first, the reference."""

    name: str
    score: str = "auc"
    people: int = 198
    folds: int = 5
    partitions: int = 4
    seeds: int = 1
    arms: int = 2
    strength: float = 0.16
    effect: float = 0.0
    learner: str = "ridge"
    noise: float = 0.0  # of the weights of a training, in lengths of the weights
    failing: float = 0.0  # share of trainings that learn nothing
    shift: float = 0.0  # common error of all predictions of a training
    twice: float = 0.0  # share of people with a second scan
    prevalence: float = 0.5

    @property
    def numeric(self) -> bool:
        """Whether a number is predicted."""
        return self.score in ("mae", "rmse", "correlation", "r2")

    @property
    def train(self) -> float:
        """People of a training part."""
        return 0.8 * self.people * (self.folds - 1) / self.folds


@dataclass(frozen=True)
class Drawn:
    """One simulated study: for every arm but the reference, the differences by scan of every fold."""

    differences: list[list[FoldDifference]]


def draw(world: World, rng: np.random.Generator) -> Drawn:
    """Draw people, divide them, train every arm in every fold, and score it."""
    groups = np.arange(world.people)
    groups = np.concatenate([groups, rng.choice(groups, round(world.twice * world.people), replace=False)])
    person = rng.standard_normal(world.people)
    if not world.numeric:
        person = (rng.permutation(world.people) < round(world.prevalence * world.people)).astype(float)
    y = person[groups]
    features = _features(world, y, groups, rng)
    found: list[list[FoldDifference]] = [[] for _ in range(world.arms - 1)]
    for partition in range(world.partitions):
        for fold, (train, test) in enumerate(_folds(world, person, rng)):
            learnt, tested = np.isin(groups, train), np.isin(groups, test)
            made = [_scored(world, x, y, learnt, tested, rng) for x in features]
            for at, (values, strata, score) in enumerate(made[1:]):
                gap = FoldDifference(partition, fold, score - made[0][2], values - made[0][0], strata, groups[tested])
                found[at].append(gap)
    return Drawn(found)


def _features(world: World, y: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """For each arm (scans, 50): 20 features that all arms see and 30 of its own."""
    target = y if world.numeric else 2 * (y - 0.5)

    def block(count: int, strength: float) -> np.ndarray:
        person = rng.standard_normal((world.people, count))[groups]
        if world.twice:
            person = math.sqrt(0.7) * person + math.sqrt(0.3) * rng.standard_normal((len(groups), count))
        return person + strength * target[:, None]

    shared = block(20, world.strength)
    strengths = [world.strength, *[world.strength * (1 + world.effect)] * (world.arms - 1)]
    return [np.hstack([shared, block(30, each)]) for each in strengths]


def _folds(world: World, person: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(people of the training part, of the test part) of each fold, by strata, without validation parts."""
    strata = (person > np.median(person)).astype(int) if world.numeric else person.astype(int)
    place = np.empty(len(person), dtype=int)
    first = 0
    for stratum in np.unique(strata):
        who = rng.permutation(np.flatnonzero(strata == stratum))
        place[who] = (np.arange(len(who)) + first) % world.folds
        first += len(who)
    for fold in range(world.folds):
        train = []
        for stratum in np.unique(strata):
            rest = rng.permutation(np.flatnonzero((strata == stratum) & (place != fold)))
            train.append(rest[: round(0.8 * len(rest))])
        yield np.concatenate(train), np.flatnonzero(place == fold)


def _scored(
    world: World, x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """Contributions, strata and score, averaged over seeds; higher is better."""
    judge = metric(world.score)
    sign = 1.0 if judge.better == "higher" else -1.0
    made = [_predict(world, x[train], y[train], x[test], rng) for _ in range(world.seeds)]
    if not world.numeric:
        made = [np.stack([1 - p, p], axis=1) for p in (np.clip(each, 0.01, 0.99) for each in made)]
    targets = y[test] if world.numeric else y[test].astype(int)
    parts = [contributions(judge, targets, p) for p in made]
    score = float(np.mean([judge(targets, p) for p in made]))
    return sign * np.mean([part.values for part in parts], axis=0), parts[0].strata, sign * score


def _predict(world: World, x: np.ndarray, y: np.ndarray, new: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if world.learner == "neighbours":
        away = (new**2).sum(axis=1)[:, None] - 2 * new @ x.T + (x**2).sum(axis=1)
        near = np.argpartition(away, 5, axis=1)[:, :5]
        return y[near].mean(axis=1) + 1e-6 * rng.standard_normal(len(new))
    middle, centre = x.mean(axis=0), y.mean()
    centred = x - middle
    weights = np.linalg.solve(centred.T @ centred + 20 * np.eye(x.shape[1]), centred.T @ (y - centre))
    unit = np.linalg.norm(weights) / math.sqrt(len(weights)) * rng.standard_normal(len(weights))
    weights = unit if rng.random() < world.failing else weights + world.noise * unit
    return centre + (new - middle) @ weights + world.shift * rng.standard_normal()


def p_values(world: World, folds: Sequence[FoldDifference]) -> dict[str, tuple[float, float, float]]:
    """Test -> (p, standard error, degrees of freedom) of a difference."""
    ratio = 1 / world.folds * world.people / world.train
    sharing = inflation(world.folds, fold_correlation(world.folds, world.train, world.people / world.folds))
    ours = people_test(folds, sharing)
    old = corrected_interval(np.array([fold.difference for fold in folds]), 1.0, ratio)
    people = people_variances(folds)
    training = training_variance(folds)
    between = _between(folds)
    net = max(0.0, sum(v for v, _ in people) - _noise(folds))
    wide, cases = [(sharing * v, df) for v, df in people], people[0][1]
    return {
        "people": (ours.p, ours.se, ours.df),
        "corrected t": (old.p, old.se, old.df),
        "people, no allowance": _p(folds, [*people, training]),
        "people, no training": _p(folds, wide),
        "people and partitions": _p(folds, [*wide, between]),
        "mixed model": _p(folds, [(net, cases), max(training, between)]),
        "mixed model, allowance": _p(folds, [(sharing * net, cases), max(training, between)]),
        "Obuchowski-Rockette": _p(folds, [(net, 1e6), between]),
    }


def _p(folds: Sequence[FoldDifference], parts: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    variance = sum(v for v, _ in parts)
    if variance <= 0:
        return 1.0, 0.0, 1.0
    df = variance**2 / sum(v**2 / d for v, d in parts if v > 0)
    t = abs(np.mean([fold.difference for fold in folds])) / math.sqrt(variance)
    return 2 * float(stdtr(df, -t)), math.sqrt(variance), df


def _by_partition(folds: Sequence[FoldDifference]) -> dict[int, list[FoldDifference]]:
    found: dict[int, list[FoldDifference]] = {}
    for fold in folds:
        found.setdefault(fold.partition, []).append(fold)
    return found


def _between(folds: Sequence[FoldDifference]) -> tuple[float, float]:
    """The variance of the mean by the spread of the means of partitions, and its degrees of freedom."""
    means = [np.mean([fold.difference for fold in part]) for part in _by_partition(folds).values()]
    return (float(np.var(means, ddof=1)) / len(means), len(means) - 1.0) if len(means) > 1 else (0.0, 1.0)


def _noise(folds: Sequence[FoldDifference]) -> float:
    """The part of the variance due to people that further partitions average out."""
    each = [sum(v for v, _ in people_variances(part)) for part in _by_partition(folds).values()]
    if len(each) < 2:
        return 0.0
    together = sum(v for v, _ in people_variances(folds))
    return max(0.0, float(np.mean(each)) - together) / (len(each) - 1)


NULL = (
    World("stable"),
    World("nothing to learn", strength=0.0),
    World("noisy training", noise=1.0),
    World("very noisy training", noise=3.0),
    World("a fifth of trainings fail", failing=0.2),
    World("a fifth fail, one partition", failing=0.2, partitions=1),
    World("a fifth fail, 600 people", failing=0.2, people=600),
    World("nearest neighbours", learner="neighbours"),
    World("one partition", noise=1.0, partitions=1),
    World("two partitions", noise=1.0, partitions=2),
    World("ten partitions", noise=1.0, partitions=10),
    World("twenty partitions", noise=1.0, partitions=20),
    World("two folds", noise=1.0, folds=2),
    World("two folds, one partition", noise=1.0, folds=2, partitions=1),
    World("ten folds", noise=1.0, folds=10),
    World("two seeds", noise=1.0, seeds=2),
    World("30 people", noise=1.0, people=30),
    World("60 people", noise=1.0, people=60),
    World("1,000 people", noise=1.0, people=1000),
    World("second scans", people=60, twice=0.5),
    World("one class rare", prevalence=0.2, noise=1.0),
    World("AUC about .95", strength=0.35),
    World("balanced accuracy", score="balanced_accuracy", noise=1.0),
    World("balanced accuracy, second scans", score="balanced_accuracy", people=60, twice=0.5),
    World("log loss", score="log_loss", noise=1.0),
    World("F1", score="f1", noise=1.0),
    World("MAE", score="mae", people=100, strength=0.4),
    World("MAE, common errors", score="mae", people=300, strength=0.4, shift=0.3),
    World("MAE, common errors, one partition", score="mae", people=300, strength=0.4, shift=0.3, partitions=1),
    World("MAE, second scans", score="mae", people=60, strength=0.4, twice=0.5),
    World("RMSE", score="rmse", people=100, strength=0.4),
    World("correlation", score="correlation", people=100, strength=0.4),
    World("R2", score="r2", people=100, strength=0.4),
)
FAMILIES = tuple(
    replace(world, name=f"six contrasts: {world.name}", arms=7)
    for world in (World("stable"), World("noisy training", noise=1.0), World("a fifth of trainings fail", failing=0.2))
)


def run(world: World, studies: int, seed: int = 1) -> pd.DataFrame:
    """One row per test: how often it rejects, alone and under Holm, and its standard error beside the true one."""
    rng, rows, means = np.random.default_rng([seed, *world.name.encode()]), {}, []
    for _ in range(studies):
        drawn = draw(world, rng)
        means.append([np.mean([fold.difference for fold in folds]) for folds in drawn.differences])
        found = [p_values(world, folds) for folds in drawn.differences]
        for test in found[0]:
            rows.setdefault(test, []).append([each[test] for each in found])
    made = []
    for test, values in rows.items():
        p, se, df = np.moveaxis(np.array(values), -1, 0)
        made.append(
            {
                "world": world.name, "test": test, "people": world.people, "folds": world.folds,
                "partitions": world.partitions, "seeds": world.seeds, "metric": world.score,
                "contrasts": world.arms - 1,
                "studies": studies, "true_difference": np.mean(means), "true_sd": np.std(means, axis=0).mean(),
                "se": math.sqrt(np.mean(se**2)), "df": float(np.median(df)), "rejected": (p < 0.05).mean(),
                "family": float(np.mean([holm(each).min() < 0.05 for each in p])),
                "rejected_of_six": (p < 0.05 / 6).mean(),
            }
        )  # fmt: skip
    return pd.DataFrame(made)


def detectable(se: float, df: float, tests: int) -> float:
    """The difference with power .8 where the standard error is known: to compare true errors of designs."""
    return (float(stdtrit(df, 1 - 0.05 / tests / 2)) + 0.8416) * se


def main(path: Path, studies: int) -> None:
    """Write the table, world by world."""
    for world in (*NULL, *FAMILIES):
        before = time.time()
        frame = run(world, studies)
        frame.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.5g")
        rates = ", ".join(f"{row.test} {row.rejected:.3f}" for row in frame.itertuples())
        print(f"{world.name} ({time.time() - before:.0f} s): {rates}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
