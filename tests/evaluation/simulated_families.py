"""Families of tests of simulated studies, corrected and put in words by the report's own functions.

`python tests/evaluation/simulated_families.py FOLDER [STUDIES]` writes `families.csv`: how many studies claim what is
not so. Six primary contrasts, with an equivalence each, share Holm's correction; four exploratory ones, with theirs,
share a false discovery rate. Three of the primary arms and all exploratory ones are as good as the reference; the other
three primary arms differ from it by exactly the margin, in both directions, so that none of these is equivalent.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from simulated_draws import draw
from simulated_power import moved
from simulated_rivals import deciding
from simulated_studies import OASIS, append, known, standard_error
from simulated_worlds import World

from bench.evaluation import corrected_interval, equivalence
from bench.evaluation.person_test import FoldDifference
from bench.report.tables.declared_tests import EXPLORATORY, corrected

EQUAL, APART, EXPLORED = 3, 3, 4  # contrasts of each sort
ARMS = 1 + EQUAL + APART + EXPLORED
WORLDS = (  # world, margin
    (replace(OASIS, name="like OASIS-1"), 0.16),
    (World("stable"), 0.12),
    (World("a fifth of trainings fail", failing=0.2), 0.25),
    (World("a fifth fail, one partition", failing=0.2, partitions=1), 0.4),
    (World("MAE", score="mae", people=100, strength=0.4), 0.12),
    (World("external test", external=100, noise=0.65), 0.16),
    (World("five sites", sites=(1, 1, 1, 1, 1), noise=0.5), 0.16),
)


def claims(world: World, margin: float, rng: np.random.Generator) -> dict[str, float]:
    """What one study claims of its arms: shares, and whether a primary claim is false."""
    rows = []
    for at, folds in enumerate(draw(replace(world, arms=ARMS), rng).differences):
        primary = at < EQUAL + APART
        apart = primary and at >= EQUAL
        side = margin if at % 2 else -margin
        rows.append(_row(world, f"arm{at}", moved(folds, side) if apart else folds, primary, margin))
    (frame,) = corrected(pd.DataFrame(rows))
    words = frame["verdict"].tolist()
    equal, apart = words[:EQUAL], words[EQUAL : EQUAL + APART]
    explored = [each.removeprefix(EXPLORATORY) for each in words[EQUAL + APART :]]
    wrong = [_differs(each) for each in explored]
    claimed = sum(_differs(each) + _equal(each) for each in explored)
    false = any(map(_differs, equal)) or any(map(_equal, apart))
    return {
        "false_primary": float(false),
        "false_discovery": sum(wrong) / claimed if claimed else 0.0,
        "equivalence_shown": float(np.mean([_equal(each) for each in equal])),
        "difference_shown": float(np.mean([_differs(each) for each in apart])),
    }


def _row(world: World, arm: str, folds: Sequence[FoldDifference], primary: bool, margin: float) -> dict[str, object]:
    found = deciding(world, folds)
    over_folds = corrected_interval(np.array([fold.difference for fold in folds]), 1.0, world.ratio)
    return {
        "data": "simulated", "data_kind": "real", "arm": arm, "against": "reference", "primary": primary,
        "p": found.p, "p_equivalence": equivalence(found, margin), "p_folds": over_folds.p, "margin": margin,
        "se": found.se, "df": found.df, "improvement": found.mean, "reason": found.reason,
        "folds": len(folds), "folds_planned": len(folds), "folds_undefined": 0, "complete": True,
    }  # fmt: skip


def _differs(verdict: str) -> bool:
    return verdict.startswith(("better", "worse"))


def _equal(verdict: str) -> bool:
    return "equivalent" in verdict


def family_rates(world: World, margin: float, studies: int, seed: int = 4) -> dict[str, float]:
    """The means over studies, with their standard errors where they are promises."""
    rng = np.random.default_rng([seed, *world.name.encode()])
    found = pd.DataFrame([claims(world, margin, rng) for _ in range(studies)])
    errors = {f"{name}_se": standard_error(found[name].to_numpy()) for name in ("false_primary", "false_discovery")}
    return {"world": world.name, "margin": margin, "studies": studies, **found.mean(), **errors}


def main(folder: Path, studies: int) -> None:
    """Write the table, world by world."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "families.csv"
    for world, margin in WORLDS:
        if world.name not in known(path):
            before = time.process_time()
            found = family_rates(world, margin, studies)
            append(pd.DataFrame([found]), path)
            print(f"{world.name} ({time.process_time() - before:.0f} s): {found}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 400)
