"""What studies of simulated people find of true differences, with refitting.

`python tests/evaluation/simulated_power.py FOLDER [STUDIES]` writes two tables. `power.csv`: how often each test finds
a true difference, by the design. `calibration.csv`: how often the test over people finds a difference of the size that
the plan, or the report, calls detectable. Rows that a table has already are not simulated again.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from simulated_draws import draw
from simulated_rivals import deciding, p_values
from simulated_studies import OASIS, append, known, standard_error
from simulated_worlds import World

from bench.evaluation import holm
from bench.evaluation.design_power import SamplingDesign, detectable_difference
from bench.evaluation.noise_model import estimate_noise, mean_noise
from bench.evaluation.person_test import FoldDifference

Promise = Callable[[World, Sequence[Sequence[FoldDifference]], int], float]

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
CALIBRATION = (
    replace(OASIS, partitions=1),
    OASIS,
    replace(OASIS, partitions=10, cost=2),
    replace(OASIS, folds=10, partitions=1),
    replace(OASIS, folds=2),
    replace(OASIS, name="1,000 people", people=1000, partitions=2, cost=2),
    replace(OASIS, name="60 people, strong noise", people=60, strength=0.12),
    replace(WEAK, partitions=1),
    WEAK,
    replace(OASIS, name="very noisy training", noise=2.0, strength=0.12),
    replace(OASIS, name="a fifth of trainings fail", noise=0.0, failing=0.2),
    replace(OASIS, name="second scans", twice=0.5),
    World("balanced accuracy", score="balanced_accuracy", strength=0.081, noise=0.65),
    World("MAE", score="mae", people=100, strength=0.2, noise=0.3),
    World("external test", external=100, strength=0.081, noise=0.65),
    World("five sites", sites=(1, 1, 1, 1, 1), strength=0.1, noise=0.3),
)


def sampling(world: World) -> SamplingDesign:
    """The design of a world, as the planner has it."""
    partitions = 1 if world.sites else world.partitions
    tested = world.external or world.people
    more = (bool(world.external), world.ratio) if world.external else (False, 0.0)
    return SamplingDesign(tested, world.parts, partitions, world.seeds, world.sharing, *more)


def reported(world: World, studies: Sequence[Sequence[FoldDifference]], tests: int) -> float:
    """The median of the detectable differences that the reports of studies print."""
    return float(np.median([deciding(world, folds).detectable(tests) for folds in studies]))


def planned(world: World, studies: Sequence[Sequence[FoldDifference]], tests: int) -> float:
    """The detectable difference that the plan prints, where earlier records of such arms are known."""
    noise = [estimate_noise(folds, bool(world.external)) for folds in studies]
    return detectable_difference(mean_noise([each for each in noise if each]), sampling(world), tests)


PROMISES: dict[str, Promise] = {"report": reported, "plan": planned}


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


def pilots(world: World, rng: np.random.Generator) -> list[tuple[float, list[list[FoldDifference]]]]:
    """(effect, studies), from no effect upwards, until the difference exceeds every one that is called detectable."""
    made: list[tuple[float, list[list[FoldDifference]]]] = []
    for effect in EFFECTS:
        made.append((effect, drawn(replace(world, effect=effect), PILOTS, rng)))
        if mean_difference(made[-1][1]) > max(promise(world, made[-1][1], SIX) for promise in PROMISES.values()):
            break
    return made


def calibrated(world: World, promise: Promise, tests: int, studies: int, effect: float) -> dict[str, float]:
    """How often a difference of the promised size is found.

    effect: found by pilot studies, so that the true difference is about what the promise calls detectable. The
    differences of the studies are then moved by the small rest, so that their mean is exactly the promised size.
    """
    rng = np.random.default_rng([5, *world.name.encode(), world.partitions, world.folds, tests])
    found = drawn(replace(world, effect=effect), studies, rng)
    size = promise(world, found, tests)
    rest = size - mean_difference(found)
    p = [deciding(world, moved(folds, rest)).p for folds in found]
    power = np.array(p) < 0.05 / tests
    return {
        "detectable": size, "moved": rest, "true_sd": spread(found), "studies": studies,
        "found": power.mean(), "found_se": standard_error(power),
    }  # fmt: skip


def calibration_rows(world: World, studies: int, promises: Sequence[str] = ("report", "plan")) -> pd.DataFrame:
    """How often differences are found that the plan and the report call detectable, alone and under Holm over six."""
    made, rows = pilots(world, np.random.default_rng([2, *world.name.encode(), world.partitions, world.folds])), []
    for name in promises:
        promise = PROMISES[name]
        for tests in (1, SIX):
            gaps = [(effect, mean_difference(each) - promise(world, each, tests)) for effect, each in made]
            found = calibrated(world, promise, tests, studies, effect_of(gaps))
            rows.append({**design(world), "metric": world.score, "tests": tests, "promise": name, **found})
    return pd.DataFrame(rows)


def moved(folds: Sequence[FoldDifference], by: float) -> list[FoldDifference]:
    """The differences of a study, all larger by the same."""
    return [replace(fold, difference=fold.difference + by, values=fold.values + by) for fold in folds]


def spread(studies: Sequence[Sequence[FoldDifference]]) -> float:
    """The standard deviation over studies of the mean difference."""
    return float(np.std([np.mean([fold.difference for fold in folds]) for folds in studies], ddof=1))


def power_rows(world: World, difference: float, studies: int, seed: int = 3) -> pd.DataFrame:
    """How often each test finds a true difference, alone and at the first step of Holm over six."""
    rng = np.random.default_rng([seed, *world.name.encode(), world.partitions, world.folds])
    single = replace(world, arms=2, partitions=1 if world.folds > 2 else 2, nested=False)
    points = []
    for effect in EFFECTS:
        points.append((effect, mean_difference(drawn(replace(single, effect=effect), 2 * PILOTS, rng)) - difference))
        if points[-1][1] > 0:
            break
    stronger, rows, means, reference = replace(world, effect=effect_of(points)), {}, [], []
    for _ in range(studies):
        study = draw(stronger, rng)
        reference.append(study.reference)
        means.append([np.mean([fold.difference for fold in folds]) for folds in study.differences])
        found = [p_values(stronger, study, at, rng) for at in range(world.arms - 1)]
        for test in found[0]:
            rows.setdefault(test, []).append([each[test] for each in found])
    place = {**design(world), "contrasts": world.arms - 1, "reference": np.mean(reference)}
    place |= {"true_difference": np.mean(means), "true_sd": np.std(means, axis=0).mean(), "studies": studies}
    return pd.DataFrame([{**place, "test": test, **_shares(found)} for test, found in rows.items()])


def _shares(found: Sequence[Sequence[tuple[float, float, float]]]) -> dict[str, float]:
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
    """Write the tables, row by row."""
    folder.mkdir(parents=True, exist_ok=True)
    for world, difference in POWER:
        if design(world)["row"] not in known(folder / "power.csv", "row"):
            before = time.process_time()
            frame = power_rows(world, difference, round(studies / world.cost))
            append(frame, folder / "power.csv")
            rates = ", ".join(f"{each.test} {each.six:.3f}" for each in frame.itertuples())
            print(f"{design(world)['row']} ({time.process_time() - before:.0f} s): {rates}", flush=True)
    for world in CALIBRATION:
        if design(world)["row"] not in known(folder / "calibration.csv", "row"):
            before = time.process_time()
            frame = calibration_rows(world, round(studies / world.cost / 2))
            append(frame, folder / "calibration.csv")
            shares = ", ".join(f"{each.promise} of {each.tests} {each.found:.3f}" for each in frame.itertuples())
            print(f"{design(world)['row']} ({time.process_time() - before:.0f} s): {shares}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 800)
