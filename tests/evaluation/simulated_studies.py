"""Studies of simulated people with refitting: how often tests find what is, and what is not, there.

`python tests/evaluation/simulated_studies.py FOLDER [STUDIES]` writes `levels.csv` in a folder: how often each test
rejects in each world in which all arms are equally good. Worlds that the table has already are not simulated again.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from simulated_draws import draw
from simulated_rivals import Tested, p_values
from simulated_worlds import World

from bench.evaluation import holm

OASIS = World("like OASIS-1", strength=0.081, noise=0.65)  # AUC .66, and .07 between two trainings in a fold
LEARNERS = (
    World("stable", nested=True),
    World("nothing to learn", strength=0.0, nested=True),
    World("noisy training", noise=1.0),
    World("very noisy training", noise=3.0, nested=True),
    World("a fifth of trainings fail", failing=0.2),
    World("nearest neighbours", learner="neighbours"),
    OASIS,
)
DESIGNS = (
    replace(OASIS, name="like OASIS-1, one partition", partitions=1),
    World("stable, one partition", partitions=1, nested=True),
    World("one partition", noise=1.0, partitions=1),
    World("very noisy, one partition", noise=3.0, partitions=1),
    World("a fifth fail, one partition", failing=0.2, partitions=1, nested=True),
    World("a fifth fail, two partitions", failing=0.2, partitions=2),
    World("half fail, one partition", failing=0.5, partitions=1),
    World("nothing to learn, one partition", strength=0.0, partitions=1),
    World("two partitions", noise=1.0, partitions=2),
    World("ten partitions", noise=1.0, partitions=10, cost=2),
    World("twenty partitions", noise=1.0, partitions=20, cost=4),
    World("two folds", noise=1.0, folds=2),
    World("two folds, one partition", noise=1.0, folds=2, partitions=1),
    World("two folds, one partition, a fifth fail", failing=0.2, folds=2, partitions=1),
    World("ten folds", noise=1.0, folds=10, cost=2),
    World("ten folds, one partition", noise=1.0, folds=10, partitions=1),
    World("two seeds", noise=1.0, seeds=2, cost=2),
    World("five seeds, one partition", noise=1.0, seeds=5, partitions=1),
)
PEOPLE = (
    World("30 people", noise=1.0, people=30),
    World("30 people, stable, one partition", people=30, partitions=1),
    World("60 people", noise=1.0, people=60),
    World("a fifth fail, 600 people", failing=0.2, people=600, cost=2),
    World("a fifth fail, 600 people, one partition", failing=0.2, people=600, partitions=1),
    World("1,000 people", noise=1.0, people=1000, cost=4),
    World("1,000 people, one partition", noise=1.0, people=1000, partitions=1, cost=2),
    World("two scans of half of the people", people=60, twice=0.5),
    World("five scans of a third of the people", people=60, twice=0.33, scans=5),
    World("five scans of a third, noisy, one partition", noise=1.0, twice=0.33, scans=5, partitions=1),
    World("one class rare", prevalence=0.2, noise=1.0),
    World("AUC about .95", strength=0.2),
)
METRICS = (
    World("AUC of three classes", classes=3, noise=0.5, cost=3),
    World("balanced accuracy", score="balanced_accuracy", noise=1.0),
    World("balanced accuracy, second scans", score="balanced_accuracy", people=60, twice=0.5),
    World("balanced accuracy of three classes", score="balanced_accuracy", classes=3, noise=0.5),
    World("accuracy", score="accuracy", noise=1.0, prevalence=0.3),
    World("F1", score="f1", noise=1.0),
    World("Brier score", score="brier", noise=0.5),
    World("log loss", score="log_loss", noise=1.0),
    World("sensitivity", score="sensitivity", noise=0.5, prevalence=0.3),
    World("specificity", score="specificity", noise=0.5, prevalence=0.3),
    World("average precision", score="average_precision", noise=0.5, prevalence=0.3, cost=3),
    World("MCC", score="mcc", noise=0.5),
    World("calibration error", score="calibration_error", noise=0.5, cost=3),
    World("MAE", score="mae", people=100, strength=0.4, nested=True),
    World("MAE, common errors", score="mae", people=300, strength=0.4, shift=0.3),
    World("MAE, common errors, one partition", score="mae", people=300, strength=0.4, shift=0.3, partitions=1),
    World("MAE, nothing to learn, common errors, one partition", score="mae", strength=0.0, shift=0.5, partitions=1),
    World("MAE, second scans", score="mae", people=60, strength=0.4, twice=0.5),
    World("RMSE", score="rmse", people=100, strength=0.4),
    World("correlation", score="correlation", people=100, strength=0.4),
    World("R2", score="r2", people=100, strength=0.4),
    World("mean gap", score="gap", people=100, strength=0.2, shift=0.3),
    World("slope of the gap", score="gap_slope", people=100, strength=0.2, noise=0.5),
    World("Dice", score="dice", people=60, strength=1.0, cost=4),
    World("Dice, second scans, one partition", score="dice", people=40, strength=1.0, twice=0.5, partitions=1, cost=2),
    World("Dice, a fifth fail", score="dice", people=60, strength=1.0, failing=0.2, partitions=2, cost=2),
    World("HD95", score="hd95", people=40, strength=1.0, noise=0.3, partitions=1, cost=4),
    World("volume error", score="volume_error", people=60, strength=1.0, noise=0.3, partitions=2, cost=2),
)
ELSEWHERE = (
    World("external test, 100 people", external=100, noise=1.0),
    World("external test, 30 people, stable", external=30),
    World("external test, one partition", external=100, noise=1.0, partitions=1),
    World("external test, a fifth fail, one partition", external=100, failing=0.2, partitions=1),
    World("external test, a fifth fail, 600 people", external=600, failing=0.2, cost=2),
    World("external test, MAE, second scans", external=60, score="mae", strength=0.4, twice=0.3),
    World("three sites", sites=(3, 2, 1), noise=0.5),
    World("five sites", sites=(1, 1, 1, 1, 1)),
    World("five unequal sites, noisy", sites=(6, 4, 3, 2, 1), noise=1.0),
    World("five sites, a fifth fail, 600 people", sites=(1, 1, 1, 1, 1), failing=0.2, people=600),
    World("five unequal sites, MAE", sites=(6, 4, 3, 2, 1), score="mae", strength=0.4),
)
NULL = (*LEARNERS, *DESIGNS, *PEOPLE, *METRICS, *ELSEWHERE)
FAMILIES = tuple(
    replace(world, name=f"six contrasts: {world.name}", arms=7, nested=False, cost=2 * world.cost)
    for world in (
        World("stable"),
        OASIS,
        World("a fifth of trainings fail", failing=0.2),
        World("a fifth fail, one partition", failing=0.2, partitions=1),
        World("MAE", score="mae", people=100, strength=0.4),
        World("external test, 100 people", external=100, noise=1.0),
        World("five sites", sites=(1, 1, 1, 1, 1), noise=0.5),
    )
)
QUICKSTART = World("the quickstart's shuffled slices", people=90, folds=4, partitions=1, strength=0.0, arms=4)


def run(world: World, studies: int, seed: int = 1) -> pd.DataFrame:
    """One row per test: how often it rejects, alone and under Holm, and its standard error beside the true one."""
    rng, rows, means, reference = np.random.default_rng([seed, *world.name.encode()]), {}, [], []
    for _ in range(studies):
        drawn = draw(world, rng)
        reference.append(drawn.reference)
        means.append([np.mean([fold.difference for fold in folds]) for folds in drawn.differences])
        found = [p_values(world, drawn, at, rng) for at in range(world.arms - 1)]
        for test in found[0]:
            rows.setdefault(test, []).append([each[test] for each in found])
    place = {
        "world": world.name, "people": world.people, "folds": world.parts,
        "partitions": 1 if world.sites else world.partitions, "seeds": world.seeds, "metric": world.score,
        "contrasts": world.arms - 1, "studies": studies, "reference": np.mean(reference),
        "true_difference": np.mean(means), "true_sd": np.std(means, axis=0).mean(),
    }  # fmt: skip
    return pd.DataFrame([{**place, "test": test, **_rates(values)} for test, values in rows.items()])


def _rates(values: Sequence[Sequence[Tested]]) -> dict[str, float]:
    """Of (studies, contrasts) results of one test; a contrast that it cannot test is not rejected."""
    p, se, df = np.moveaxis(np.array(values), -1, 0)
    untested = np.isnan(p)
    p = np.where(untested, 1.0, p)
    rejected, family = (p < 0.05).mean(axis=1), [bool(holm(each).min() < 0.05) for each in p]
    return {
        "se": math.sqrt(np.nanmean(se**2)), "df": float(np.nanmedian(df)), "untested": untested.mean(),
        "rejected": rejected.mean(), "rejected_se": standard_error(rejected),
        "family": np.mean(family), "family_se": standard_error(family), "rejected_of_six": (p < 0.05 / 6).mean(),
    }  # fmt: skip


def standard_error(values: Sequence[float]) -> float:
    """Of a mean over studies; where all are alike, as if one more study were not."""
    number = len(values)
    return max(float(np.std(values)), math.sqrt(1 / number)) / math.sqrt(number)


def append(frame: pd.DataFrame, path: Path) -> None:
    """Write rows at the end of a table."""
    frame.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.5g")


def known(path: Path, column: str = "world") -> set[str]:
    """What a table has already."""
    return set(pd.read_csv(path)[column]) if path.exists() else set()


def main(folder: Path, studies: int) -> None:
    """Write the table, world by world."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "levels.csv"
    for world in (*NULL, *FAMILIES, QUICKSTART):
        if world.name in known(path):
            continue
        before = time.process_time()
        frame = run(world, round(studies / world.cost))
        append(frame, path)
        rates = ", ".join(f"{row.test} {row.rejected:.3f}" for row in frame.itertuples())
        print(f"{world.name} ({time.process_time() - before:.0f} s): {rates}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
