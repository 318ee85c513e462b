"""Whether studies of simulated people find differences of the size that plan and report call detectable.

`python tests/evaluation/simulated_calibration.py FOLDER [STUDIES]` writes `calibration.csv`. Rows that the table has
already are not simulated again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from simulated_power import (
    EFFECTS,
    OASIS,
    PILOTS,
    SIX,
    WEAK,
    design,
    drawn,
    effect_of,
    mean_difference,
    moved,
    spread,
)
from simulated_rivals import deciding
from simulated_studies import append, known, standard_error
from simulated_worlds import World

from bench.evaluation.design_power import SamplingDesign, detectable_difference
from bench.evaluation.noise_model import estimate_noise, mean_noise
from bench.evaluation.person_test import FoldDifference

Promise = Callable[[World, Sequence[Sequence[FoldDifference]], int], float]
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


def main(folder: Path, studies: int) -> None:
    """Write the table, world by world."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "calibration.csv"
    for world in CALIBRATION:
        if design(world)["row"] not in known(path, "row"):
            before = time.process_time()
            frame = calibration_rows(world, round(studies / world.cost))
            append(frame, path)
            shares = ", ".join(f"{each.promise} of {each.tests} {each.found:.3f}" for each in frame.itertuples())
            print(f"{design(world)['row']} ({time.process_time() - before:.0f} s): {shares}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 300)
