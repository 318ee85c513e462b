"""What studies of simulated people find of true differences, with refitting.

`python tests/evaluation/simulated_power.py FOLDER [STUDIES]` writes `power.csv`: how often each test finds a true
difference, by the design. Rows that the table has already are not simulated again.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from simulated_draws import Drawn, draw
from simulated_rivals import Tested, p_values
from simulated_studies import OASIS, append, known, standard_error
from simulated_worlds import World

from bench.evaluation import holm
from bench.evaluation.person_test import FoldDifference

EFFECTS = (0.0, 0.5, 1.0, 1.5, 2.25, 3.0, 4.0, 6.0)
PILOTS = 40  # studies for each effect
WEAK = World("stable", strength=0.081)
SIX = 6  # contrasts that share Holm's correction
BETTER = replace(OASIS, name="like OASIS-1, six better arms", arms=7)
POWER = (  # world, true difference
    (replace(BETTER, partitions=1, cost=2), 0.21),
    (replace(BETTER, cost=2), 0.17),
    (replace(BETTER, partitions=10, cost=4), 0.15),
    (replace(OASIS, partitions=1), 0.21),
    (replace(OASIS, partitions=2), 0.18),
    (replace(OASIS, partitions=4), 0.17),
    (replace(OASIS, partitions=10, cost=2), 0.15),
    (replace(OASIS, partitions=1, seeds=4), 0.17),
    (replace(OASIS, folds=10, partitions=1), 0.17),
    (replace(OASIS, folds=2, partitions=10), 0.17),
    (replace(WEAK, partitions=1, nested=True), 0.15),
    (replace(WEAK, partitions=4, nested=True), 0.15),
    (replace(OASIS, name="very noisy training", noise=2.0, partitions=1, strength=0.12), 0.21),
    (replace(OASIS, name="very noisy training", noise=2.0, partitions=4, strength=0.12), 0.15),
    (replace(OASIS, name="a fifth of trainings fail", noise=0.0, failing=0.2, partitions=1), 0.21),
    (replace(OASIS, name="a fifth of trainings fail", noise=0.0, failing=0.2, partitions=4), 0.17),
    (replace(OASIS, name="1,000 people", people=1000, partitions=1, cost=2), 0.07),
    (replace(OASIS, name="1,000 people", people=1000, cost=4), 0.05),
)


def mean_difference(studies: Sequence[Sequence[FoldDifference]]) -> float:
    """Over studies."""
    return float(np.mean([np.mean([fold.difference for fold in folds]) for folds in studies]))


def drawn(world: World, studies: int, rng: np.random.Generator) -> list[list[FoldDifference]]:
    """The differences of the only contrast of each study."""
    return [draw(world, rng).differences[0] for _ in range(studies)]


def effect_of(points: Sequence[tuple[float, float]]) -> float:
    """The effect at which a rising quantity, given as (effect, quantity), is 0."""
    for (low, below), (high, above) in pairwise(points):
        if below < 0 <= above:
            return low + (high - low) * below / (below - above)
    raise ValueError(f"no effect is strong enough: {points}")


def moved(folds: Iterable[FoldDifference], by: float) -> list[FoldDifference]:
    """The differences of a study, all larger by the same."""
    return [replace(fold, difference=fold.difference + by, values=fold.values + by) for fold in folds]


def spread(studies: Sequence[Sequence[FoldDifference]]) -> float:
    """The standard deviation over studies of the mean difference."""
    return float(np.std([np.mean([fold.difference for fold in folds]) for folds in studies], ddof=1))


def power_rows(world: World, difference: float, studies: int, seed: int = 3) -> pd.DataFrame:
    """How often each test finds a true difference, alone and at the first step of Holm over six.

    Pilot studies find the effect. The differences of the studies proper, which are others, are then moved by the small
    rest, so that their mean is exactly the true difference.
    """
    rng = np.random.default_rng([seed, *world.name.encode(), world.partitions, world.folds])
    single = replace(world, arms=2, partitions=1 if world.folds > 2 else 2, nested=False)
    points = []
    for effect in EFFECTS:
        points.append((effect, mean_difference(drawn(replace(single, effect=effect), 2 * PILOTS, rng)) - difference))
        if points[-1][1] > 0:
            break
    stronger = replace(world, effect=effect_of(points))
    studies_drawn = [draw(stronger, rng) for _ in range(studies)]
    rest = difference - np.mean([mean_difference(study.differences) for study in studies_drawn])
    rows: dict[str, list[list[Tested]]] = {}
    for study in studies_drawn:
        exact = Drawn(
            [moved(folds, rest) for folds in study.differences],
            [dict(zip(inner, moved(inner.values(), rest), strict=True)) for inner in study.nested],
            study.reference,
        )
        found = [p_values(stronger, exact, at, rng) for at in range(world.arms - 1)]
        for test in found[0]:
            rows.setdefault(test, []).append([each[test] for each in found])
    spreads = [spread([study.differences[at] for study in studies_drawn]) for at in range(world.arms - 1)]
    place = {**design(world), "contrasts": world.arms - 1, "studies": studies, "true_difference": difference}
    place |= {"reference": np.mean([study.reference for study in studies_drawn]), "true_sd": np.mean(spreads)}
    return pd.DataFrame([{**place, "test": test, **_shares(found)} for test, found in rows.items()])


def _shares(found: Sequence[Sequence[Tested]]) -> dict[str, float]:
    """Of (studies, contrasts) results: found alone, at the first step of Holm over six, and by Holm over them all."""
    p, se, df = np.moveaxis(np.array(found), -1, 0)
    alone, six = (p < 0.05).mean(axis=1), (p < 0.05 / SIX).mean(axis=1)
    together = [(holm(each) < 0.05).mean() for each in p]
    return {
        "se": math.sqrt(np.mean(se**2)), "df": float(np.median(df)), "alone": alone.mean(), "six": six.mean(),
        "six_se": standard_error(six), "holm": np.mean(together), "holm_se": standard_error(together),
    }  # fmt: skip


def design(world: World) -> dict[str, object]:
    """The columns that name a row."""
    times = f"{world.parts} x {1 if world.sites else world.partitions} x {world.seeds}"
    return {"row": f"{world.name}, {times}", "people": world.external or world.people, "design": times}


def main(folder: Path, studies: int) -> None:
    """Write the table, row by row."""
    folder.mkdir(parents=True, exist_ok=True)
    for world, difference in POWER:
        if design(world)["row"] not in known(folder / "power.csv", "row"):
            before = time.process_time()
            frame = power_rows(world, difference, round(studies / world.cost))
            append(frame, folder / "power.csv")
            rates = ", ".join(f"{each.test} {each.six:.3f}" for each in frame.itertuples())
            print(f"{design(world)['row']} ({time.process_time() - before:.0f} s): {rates}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 600)
