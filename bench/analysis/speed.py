"""Comparison of the speed of a study's arms: on one machine, in rounds in which every arm takes its turn.

The seconds in records depend on the machine and on its load at that time. Here every arm takes a few steps in each
round, so that a changing load slows all of them alike. Networks are untrained: seconds do not depend on weights.
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
from bench.core import BenchError, Trial, UnsupportedInputSizeError
from bench.data.loader import Part
from bench.experiments.plan import teachers_of
from bench.method import Method, Outputs
from bench.training import inference, loop
from bench.training.device import default_device, enable_determinism
from bench.training.training_setup import TrainingSetup, autocast
from bench.training.trial_data import RefusalError, TrialData, load_trial_data, training_setup, upstream_outputs

STEPS = 6  # training steps of an arm in a round
PASSES = 3  # over the test scans in a round; the shortest counts

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ArmTiming:
    """Seconds of an arm, a value for each round. why: the reason if it could not be timed, else empty."""

    arm: str
    step: tuple[float, ...] = ()  # seconds of a training step; empty if the method has no steps
    scan: tuple[float, ...] = ()  # seconds of a scan at inference, in batches as in the study
    why: str = ""


def compare_speed(
    trials: Mapping[str, Trial], rounds: int = 5, progress: Progress = lambda done, total: None
) -> list[ArmTiming]:
    """Time the arms in turns, `rounds` times after a first round that is not counted.

    trials: arm -> one of its trials, all of one data set and fold. progress: called with the number of finished rounds
    and of all rounds. Teachers are replaced by untrained networks, which take the same time. An arm that fails has the
    reason in its result. BenchError if there are fewer than 2 rounds.
    """
    if rounds < 2:
        raise BenchError(f"a spread takes at least 2 rounds, not {rounds}")
    seconds: dict[str, list[tuple[float, float]]] = {arm: [] for arm in trials}
    why: dict[str, str] = {}
    for number in range(rounds + 1):
        for arm, trial in trials.items():
            if arm in why:
                continue
            try:
                with threadpool_limits(trial.recipe.threads):
                    seconds[arm].append(_time_round(trial))
            except (RefusalError, UnsupportedInputSizeError, ArithmeticError, RuntimeError, ValueError) as error:
                why[arm] = f"{type(error).__name__}: {error}".partition("\n")[0]
        progress(number + 1, rounds + 1)
    return [_timing(arm, values[1:], why.get(arm, "")) for arm, values in seconds.items()]


def _timing(arm: str, values: Sequence[tuple[float, float]], why: str) -> ArmTiming:
    if why:
        return ArmTiming(arm, why=why)
    step = tuple(step for step, _ in values if np.isfinite(step))
    return ArmTiming(arm, step, tuple(scan for _, scan in values))


def _time_round(trial: Trial) -> tuple[float, float]:
    """(seconds of a training step, NaN if the method has none; seconds of a scan at inference)."""
    device = default_device()
    recipe = replace(trial.recipe, steps=STEPS, points=1, scans=2 * trial.recipe.batch_size)
    short = replace(trial, recipe=recipe, upstream=())
    enable_determinism(recipe.threads)
    method: Method = registry.make("methods", short.method.name, short.method.params)
    data = load_trial_data(short, method, device)
    with tempfile.TemporaryDirectory(prefix="bench-timing-") as folder:
        setup = training_setup(short, data, Path(folder), _untrained_upstream(short, data))
        fit = loop.fit(setup, data.shape)
        spent = sum(fit.seconds.get(stage, 0.0) for stage in ("forward", "backward", "update"))
        step = float("nan") if data.method.solves else spent / STEPS
        return step, _seconds_per_scan(fit, setup, data.test())


def _seconds_per_scan(fit: loop.Fit, setup: TrainingSetup, test: Part) -> float:
    shortest = float("inf")
    for _ in range(PASSES):
        since = time.perf_counter()
        raw = inference.logits(fit.model, test, 2 * setup.recipe.batch_size, autocast(setup.recipe, setup.device))
        inference.predictions(raw, setup.task, fit.scale)  # waits for the device
        shortest = min(shortest, time.perf_counter() - since)
    return shortest / max(1, len(test))


def _untrained_upstream(trial: Trial, data: TrialData) -> list[Outputs]:
    """Outputs of untrained networks in place of the trial's teachers, for its training scans."""
    return [upstream_outputs(needed, data) for needed in teachers_of(trial)]
