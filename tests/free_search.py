"""A search whose candidates cost nothing: their scores follow a known formula.

Usage: `free_search.py STORAGE FOLDER TRIALS PAUSE`: runs one search in this process and prints, as JSON, which
candidates it recorded the end of. PAUSE: seconds between two evaluation points.
"""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import replace
from pathlib import Path

from bench.core import Arm, Choices, Data, DataSpec, Floats, Recipe, Study, Tuning
from bench.experiments import plan
from bench.experiments import search as tune

POINTS = 4
SPACE = {"lr": Floats(1e-5, 1e-1, log=True), "optimiser": Choices(("adam", "sgd")), "warmup": Floats(0.0, 0.2)}
STUDY = Study(
    question="What does a formula reach?",
    datasets=[Data("phantom_ad")],
    reference="net",
    arms={"net": Arm("xing2020"), "constant": Arm("constant")},
    floors=["constant"],
    tuning=Tuning(trials=40, spaces={"net": SPACE}),
    folds=2,
    partitions=1,
    recipe=Recipe(steps=8, points=POINTS),
)
DATA = DataSpec("phantom_ad", 1, {}, "f")


def search(name="formula", **changes):
    """The search of the first fold; changes: of the study's tuning."""
    study = replace(STUDY, tuning=replace(STUDY.tuning, **changes))
    return tune.define_searches(name, study, [plan.ResolvedData(DATA)])[0][0]


def score(params) -> float:
    """The score of a candidate: 1 at lr 0.01 by descent without warm-up, less elsewhere."""
    far = abs(math.log10(params["lr"]) + 2) / 3
    return 1.0 - 0.5 * far - params["warmup"] - 0.1 * (params["optimiser"] == "adam")


def simulated(pause=0.0):
    """Replaces training: the score rises to that of the formula, evaluation point by evaluation point."""

    def train(trial, checkpoints, objectives, report):
        final = score(trial.method.params)
        for point in range(1, POINTS + 1):
            time.sleep(pause)
            if report(point, final * point / POINTS, 1.0 * point, 2 * point):
                return tune.CandidateOutcome("pruned", seconds=1.0 * point, steps=2 * point)
        values = {"validation": final, "parameters": 11e6 if trial.method.params["optimiser"] == "adam" else 21e6}
        return tune.CandidateOutcome("done", {name: values[name] for name in objectives}, 1.0 * POINTS, 2 * POINTS)

    return train


def run(storage, folder, trials=40, one=None, pause=0.0):
    """Result of a search with simulated candidates."""
    from bench.experiments.search import run_search

    run_search.train_candidate = simulated(pause)
    (result,) = tune.run_searches([one or search()], tune.OptunaStorage(str(storage)), trials, Path(folder), "serial")
    return result


def rows(result):
    """Everything that is the same in equal searches."""
    return [
        (one.number, one.state, dict(one.params), dict(one.values), sorted(one.intermediate_values.items()))
        for one in result.candidates
    ]


def main(storage: str, folder: str, trials: str, pause: str) -> None:
    numbers, tell = [], tune.SearchSession.tell

    def counted(self, number, outcome):
        numbers.append(number)
        tell(self, number, outcome)

    tune.SearchSession.tell = counted
    run(storage, folder, int(trials), pause=float(pause))
    print(json.dumps(numbers))


if __name__ == "__main__":
    main(*sys.argv[1:])
