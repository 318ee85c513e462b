"""Simulated studies that score one arm under two splits of the same people, with refitting.

`python tests/evaluation/simulated_splits.py OUT.csv [STUDIES]` writes how often the test of two splits rejects.

The first split is a publisher's (one training part, one test part) or another division into folds; the second divides
all people into folds. Where nobody leaks both score the same on average. With a leak some people of the publisher's
test part are in its training part as well.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from simulated_draws import learners, one_arm
from simulated_worlds import World, places, population

from bench.evaluation.bootstrap import inflation
from bench.evaluation.person_test import FoldDifference
from bench.evaluation.score_intervals import fold_correlation
from bench.evaluation.shared_training import repeated_sharing
from bench.evaluation.split_comparison import SplitScores, split_test


@dataclass(frozen=True)
class SplitWorld:
    """What is simulated: a world of one arm, whose folds are those of the second split."""

    name: str
    world: World
    folds: int = 1  # of the first split; one is a publisher's
    leak: float = 0.0  # share of the people of the publisher's test part who are in its training part


def drawn(made: SplitWorld, rng: np.random.Generator) -> tuple[SplitScores, SplitScores]:
    """Draw people, divide them twice, train and score."""
    world = replace(made.world, arms=1)
    known, _ = population(world, rng)
    groups, person = known.groups, known.person
    publisher = divided(replace(world, folds=max(made.folds, 5)), person, rng)
    publisher = [_leaking(*fold, made.leak) for fold in publisher[: made.folds]]
    second = [fold for _ in range(world.partitions) for fold in divided(world, person, rng)]
    found = []
    for folds, count in ((publisher, made.folds), (second, world.folds)):
        scored = []
        for train, test in folds:
            learnt, tested = np.isin(groups, train), np.isin(groups, test)
            seeds = [one_arm(replace(world, seeds=1), known, learnt, tested, rng) for _ in range(world.seeds)]
            scored.append(([one[2] for one in seeds], np.mean([one[0] for one in seeds], 0), seeds[0][1], tested))
        parts = [
            FoldDifference(*divmod(at, count), float(np.mean(scores)), values, strata, groups[tested])
            for at, (scores, values, strata, tested) in enumerate(scored)
        ]
        sharing = repeated_sharing(_sharing(world, count), count, len(folds) / count)
        found.append(SplitScores(parts, sharing, world.seeds, scored[0][0] if count == 1 else ()))
    return tuple(found)


def divided(world: World, person: np.ndarray, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """(people of the training part, of the test part) of each fold."""
    place = places(world, person, rng)
    return [
        (np.flatnonzero(learners(world, person, place != fold, rng)), np.flatnonzero(place == fold))
        for fold in range(world.folds)
    ]


def _leaking(train: np.ndarray, test: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """A fold of which a share of the tested people are learnt from, instead of others."""
    seen = test[: round(share * len(test))]
    return np.concatenate([train[len(seen) :], seen]), test


def _sharing(world: World, folds: int) -> float:
    if folds == 1:
        return 1 + 0.2 / (0.8 * 0.8)
    train, test = 0.8 * world.people * (folds - 1) / folds, world.people / folds
    return inflation(folds, fold_correlation(folds, train, test))


NOISY = World("", noise=1.0, partitions=4)  # twenty trainings under the folds, the fewest that are tested
NULL = (
    SplitWorld("publisher, stable", World("", partitions=4)),
    SplitWorld("publisher, four partitions", World("", noise=1.0)),
    SplitWorld("publisher, noisy training", NOISY),
    SplitWorld("publisher, very noisy training", replace(NOISY, noise=3.0)),
    SplitWorld("publisher, three seeds", replace(NOISY, seeds=3, partitions=1)),
    SplitWorld("publisher, three seeds, very noisy", replace(NOISY, seeds=3, noise=3.0, partitions=1)),
    SplitWorld("publisher, one in twenty fails", World("", failing=0.05, partitions=4)),
    SplitWorld("publisher, a tenth fail", World("", failing=0.1, partitions=4)),
    SplitWorld("publisher, a fifth fail, four partitions", World("", failing=0.2)),
    SplitWorld("publisher, a fifth fail, three seeds", World("", failing=0.2, partitions=1, seeds=3)),
    SplitWorld("publisher, a fifth fail, five seeds", World("", failing=0.2, partitions=1, seeds=5)),
    SplitWorld("publisher, 60 people", replace(NOISY, people=60)),
    SplitWorld("publisher, 600 people", replace(NOISY, people=600)),
    SplitWorld("publisher, second scans", replace(NOISY, people=100, twice=0.5)),
    SplitWorld("publisher, MAE, common errors", World("", "mae", 300, strength=0.4, shift=0.3, partitions=4)),
    SplitWorld("publisher, MAE, common errors, three seeds", World("", "mae", 300, 5, 1, 3, strength=0.4, shift=0.3)),
    SplitWorld("publisher, balanced accuracy", replace(NOISY, score="balanced_accuracy")),
    SplitWorld("other folds", replace(NOISY, partitions=1), folds=5),
    SplitWorld("ten folds against five", replace(NOISY, partitions=1), folds=10),
    SplitWorld("other folds, a fifth fail", World("", failing=0.2, partitions=1), folds=5),
)


def run(made: SplitWorld, studies: int, seed: int = 1) -> dict[str, object]:
    """How often the test rejects, and its standard error beside the true one."""
    rng = np.random.default_rng([seed, *made.name.encode()])
    found = [split_test(*drawn(made, rng)) for _ in range(studies)]
    means, se = np.array([each.mean for each in found]), np.array([each.se for each in found])
    return {
        "world": made.name, "studies": studies, "people": made.world.people, "leak": made.leak,
        "true_difference": means.mean(), "true_sd": means.std(), "se": math.sqrt(np.mean(se**2)),
        "df": float(np.median([each.df for each in found])),
        "shared": found[0].shared, "training_from": found[0].training_from,
        "rejected": np.mean([each.p < 0.05 for each in found]),
        "rejected_of_two": np.mean([each.p < 0.025 for each in found]),
    }  # fmt: skip


def main(path: Path, studies: int) -> None:
    """Write the table, world by world."""
    for made in NULL:
        before, row = time.time(), None
        row = run(made, studies)
        pd.DataFrame([row]).to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.5g")
        print(
            f"{made.name} ({time.time() - before:.0f} s): {row['rejected']:.3f}, sd {row['true_sd']:.4f}"
            f" se {row['se']:.4f} df {row['df']:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
