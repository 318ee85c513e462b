"""One candidate: trained on the training part, scored on the validation part. It knows no test part.

Seed, batches and selection are those of a trial of the same place, so that the winner's trial is this training again.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import BenchError, Trial, UnsupportedInputSizeError

if TYPE_CHECKING:
    from bench.training.checkpoint import EvaluationPoint
    from bench.training.loop import Fit
    from bench.training.trial_data import TrialData

Report = Callable[[int, float, float, int], bool]  # (point from 1, score, seconds, step) -> whether to give up


@dataclass(frozen=True)
class CandidateOutcome:
    """How a candidate ended: done, pruned, failed (an error ended it) or refused (the method cannot do this)."""

    state: str
    values: Mapping[str, float] = field(default_factory=dict)  # objective -> what was reached
    seconds: float = 0.0  # of training and validation
    steps: int = 0  # of the optimiser
    error: str = ""

    def told(self) -> dict[str, Any]:
        """What is kept beside the values."""
        told = {"state": self.state, "seconds": round(self.seconds, 3), "steps": self.steps}
        return {**told, "error": self.error} if self.error else told


class TrialPrunedError(Exception):
    """The pruner has seen enough."""


def train(trial: Trial, workplace: Path, objectives: Sequence[str], report: Report) -> CandidateOutcome:
    """Train a candidate as far as `report` lets it go. BenchError where a person has to mend something."""
    from threadpoolctl import threadpool_limits

    from bench.training.trial_data import RefusalError

    course = _Course(report)
    try:
        with threadpool_limits(trial.recipe.threads), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*deterministic")  # told in the record of the winner's trial
            return _done(replace(trial, external=None), workplace, objectives, course)
    except TrialPrunedError:
        return CandidateOutcome("pruned", seconds=course.seconds, steps=course.step)
    except (RefusalError, UnsupportedInputSizeError) as refusal:
        return CandidateOutcome("refused", error=str(refusal))
    except BenchError:
        raise
    except Exception as error:  # as in a run: what fails is remembered, and the search goes on
        return CandidateOutcome(
            "failed", seconds=course.seconds, steps=course.step, error=f"{type(error).__name__}: {error}"
        )


class _Course:
    """How far a training has come, told at each evaluation point."""

    def __init__(self, report: Report) -> None:
        self.report, self.began = report, time.perf_counter()
        self.step, self.seconds = 0, 0.0

    def __call__(self, point: EvaluationPoint, number: int) -> None:
        self.step, self.seconds = point.step, time.perf_counter() - self.began
        if self.report(number, point.val, self.seconds, point.step):
            raise TrialPrunedError


def _done(trial: Trial, workplace: Path, objectives: Sequence[str], course: _Course) -> CandidateOutcome:
    from bench import registry
    from bench.storage.atomic_io import clear
    from bench.training.checkpoint import CheckpointError
    from bench.training.device import be_deterministic, device_of
    from bench.training.trial_data import load_trial_data

    be_deterministic(trial.recipe.threads)
    method = registry.make("methods", trial.method.name, trial.method.params)
    data = load_trial_data(trial, method, device_of())
    try:
        fit = _fit(trial, data, workplace, course)
    except CheckpointError:  # what a killed process left cannot be gone on from
        clear(workplace)
        workplace.mkdir(exist_ok=True)
        fit = _fit(trial, data, workplace, course)
    return _outcome(fit, data.shape, objectives)


def _fit(trial: Trial, data: TrialData, workplace: Path, course: _Course) -> Fit:
    """Train on the training part and score on the validation part."""
    from bench.training import loop as training
    from bench.training.trial_data import training_setup

    numbers = {step: at + 1 for at, step in enumerate(training.evaluation_steps(trial.recipe))}
    setup = training_setup(
        trial, data, workplace, on_evaluation=lambda point: course(point, numbers.get(point.step, 1))
    )
    return training.fit(setup, data.shape)


def _outcome(fit: Fit, shape: tuple[int, ...], objectives: Sequence[str]) -> CandidateOutcome:
    from bench.training import model_cost

    point, seconds = fit.points[fit.selected], sum(fit.seconds.values())
    reached: dict[str, Callable[[], float]] = {
        "validation": lambda: point.val,
        "parameters": lambda: model_cost.parameters(fit.model),
        "forward_flops": lambda: model_cost.forward_flops(fit.model, shape),
        "train_seconds": lambda: seconds,
    }
    values = {name: float(reached[name]()) for name in objectives}
    steps = fit.points[-1].step
    if missing := [name for name, value in values.items() if not math.isfinite(value)]:
        return CandidateOutcome(
            "failed", {}, seconds, steps, f"{missing[0]} is no number: the part is too small for it"
        )
    return CandidateOutcome("done", values, seconds, steps)
