"""Seconds of a study's arms side by side: one run, one machine, one arm after the other and round after round.

The seconds of records depend on what else ran on the machine, and on which. Here every arm takes a few steps in each
round, so that what comes and goes meets all of them alike. Networks begin untrained: seconds do not depend on weights.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from bench import registry
from bench.core import BenchError, MisfitError, Trial
from bench.curriculum import Curriculum
from bench.data.loader import Normaliser, Part, view_array
from bench.experiments.plan import needed_by
from bench.method import Method, Outputs
from bench.training import inference, loop
from bench.training.device import be_deterministic, device_of
from bench.training.trial_data import RefusalError, TrialData, lay_out
from bench.views import effective

STEPS = 6  # of a round, after which the network is asked
PASSES = 3  # over the test scans in a round, of which the shortest counts

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Timed:
    """Seconds of an arm, a value for each round. why: what kept it from being timed; empty where it was."""

    arm: str
    step: tuple[float, ...] = ()  # of a training step; none where the weights are found in one go
    scan: tuple[float, ...] = ()  # of a scan at inference, in batches as in the study
    why: str = ""


def side_by_side(
    trials: Mapping[str, Trial], rounds: int = 5, progress: Progress = lambda done, total: None
) -> list[Timed]:
    """Time arms in turns. trials: arm -> one of its trials, all of one data set and fold.

    A first round, that is not counted, warms every arm up. What an arm learns from is not trained: untrained networks
    stand in for its teachers, which takes as long.
    """
    if rounds < 2:
        raise BenchError(f"a spread takes at least 2 rounds, not {rounds}")
    found: dict[str, list[tuple[float, float]]] = {arm: [] for arm in trials}
    why: dict[str, str] = {}
    for number in range(rounds + 1):
        for arm, trial in trials.items():
            if arm in why:
                continue
            try:
                with threadpool_limits(trial.recipe.threads):
                    found[arm].append(_round(trial))
            except (RefusalError, MisfitError, ArithmeticError, RuntimeError, ValueError) as error:
                why[arm] = f"{type(error).__name__}: {error}".partition("\n")[0]
        progress(number + 1, rounds + 1)
    return [_timed(arm, values[1:], why.get(arm, "")) for arm, values in found.items()]


def _timed(arm: str, values: Sequence[tuple[float, float]], why: str) -> Timed:
    if why:
        return Timed(arm, why=why)
    step = tuple(step for step, _ in values if np.isfinite(step))
    return Timed(arm, step, tuple(scan for _, scan in values))


def _round(trial: Trial) -> tuple[float, float]:
    """Seconds of a training step, NaN where there are none, and of a scan at inference."""
    device = device_of()
    recipe = replace(trial.recipe, steps=STEPS, points=1, scans=2 * trial.recipe.batch_size)
    short = replace(trial, recipe=recipe, upstream=())
    be_deterministic(recipe.threads)
    method: Method = registry.make("methods", short.method.name, short.method.params)
    curriculum: Curriculum = registry.make("curricula", short.curriculum.name, short.curriculum.params)
    scene = lay_out(short, method, device)
    with tempfile.TemporaryDirectory(prefix="bench-timing-") as folder:
        setup = loop.TrainingSetup(
            short, scene.method, curriculum, scene.prepared.task, scene.part(scene.fold.train),
            scene.part(scene.fold.val), device, Path(folder), scene.view.left_right(), _stand_ins(short, scene),
            scene.prepared.spacing,
        )  # fmt: skip
        fit = loop.fit(setup, scene.shape)
        spent = sum(fit.seconds.get(stage, 0.0) for stage in ("forward", "backward", "update"))
        step = float("nan") if scene.method.solves else spent / STEPS
        return step, _seconds_per_scan(fit, setup, scene.test())


def _seconds_per_scan(fit: loop.Fit, setup: loop.TrainingSetup, test: Part) -> float:
    shortest = float("inf")
    for _ in range(PASSES):
        since = time.perf_counter()
        raw = inference.logits(fit.model, test, 2 * setup.recipe.batch_size, loop.autocast(setup.recipe, setup.device))
        inference.predictions(raw, setup.task, fit.scale)  # waits for the device
        shortest = min(shortest, time.perf_counter() - since)
    return shortest / max(1, len(test))


def _stand_ins(trial: Trial, scene: TrialData) -> list[Outputs]:
    """What untrained networks in place of the trial's teachers say of its training scans."""
    found = []
    for needed in needed_by(trial):
        method: Method = registry.make("methods", needed.method.name, needed.method.params)
        method = method.bind_spacing(scene.prepared.spacing)
        array = view_array(scene.prepared, effective(method.view_for(scene.prepared.task), scene.prepared.shape))
        rows = scene.fold.train
        part = Part(array, rows, scene.targets[rows], Normaliser.none(array.shape[1]), scene.device)
        model = method.build(scene.prepared.task, tuple(array.shape[1:])).to(scene.device)
        mixed = loop.autocast(needed.recipe, scene.device)
        found.append(inference.upstream_outputs(model, part, 2 * needed.recipe.batch_size, mixed))
    return found
