"""Trains one candidate on the training part and scores it on the validation part. The test part is never read.

Seed, batches and model selection are those of a trial on the same fold, so the winner's trial repeats this training.
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

ReportScore = Callable[[int, float, float, int], bool]  # (point from 1, score, seconds, step) -> whether to prune


@dataclass(frozen=True)
class CandidateOutcome:
    """How a candidate ended: done, pruned, failed (by an error) or refused (the method does not support the data)."""

    state: str
    values: Mapping[str, float] = field(default_factory=dict)  # objective -> value
    seconds: float = 0.0  # of training and validation
    steps: int = 0  # of the optimiser
    error: str = ""
    node: str = ""  # machine of a cluster that trained it; empty on this machine

    def to_dict(self) -> dict[str, Any]:
        """The user attribute of the candidate in the storage, where Optuna itself stores the values."""
        outcome = {"state": self.state, "seconds": round(self.seconds, 3), "steps": self.steps}
        return outcome | {name: value for name in ("error", "node") if (value := getattr(self, name))}

    @classmethod
    def from_dict(cls, outcome: Mapping[str, Any], values: Mapping[str, float] | None = None) -> CandidateOutcome:
        """Read the user attribute; an empty one is of a candidate that ended without a report: failed."""
        return cls(
            outcome.get("state", "failed"), values or {}, float(outcome.get("seconds", 0.0)),
            int(outcome.get("steps", 0)), str(outcome.get("error", "")), str(outcome.get("node", "")),
        )  # fmt: skip


class TrialPrunedError(Exception):
    """Ends the training of a candidate that the pruner stopped."""


def train_candidate(
    trial: Trial, checkpoints: Path, objectives: Sequence[str], report: ReportScore
) -> CandidateOutcome:
    """Train a candidate to its end, or until `report` prunes it; resumes from a checkpoint.

    A BenchError (a full disk, missing data) is raised; any other error is the outcome `failed`.
    """
    from threadpoolctl import threadpool_limits

    from bench.training.trial_data import RefusalError

    progress = _CandidateProgress(report)
    try:
        with threadpool_limits(trial.recipe.threads), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*deterministic")  # the record of the winner's trial has it
            return _trained(replace(trial, external=None), checkpoints, objectives, progress)
    except TrialPrunedError:
        return CandidateOutcome("pruned", seconds=progress.seconds, steps=progress.step)
    except (RefusalError, UnsupportedInputSizeError) as refusal:
        return CandidateOutcome("refused", error=str(refusal))
    except BenchError:
        raise
    except Exception as error:  # as in a run: the failure is stored, and the search continues
        return CandidateOutcome(
            "failed", seconds=progress.seconds, steps=progress.step, error=f"{type(error).__name__}: {error}"
        )


class _CandidateProgress:
    """Reports every evaluation point; remembers the last step and the time for a candidate that does not finish."""

    def __init__(self, report: ReportScore) -> None:
        self.report, self.began = report, time.perf_counter()
        self.step, self.seconds = 0, 0.0

    def __call__(self, point: EvaluationPoint, number: int) -> None:
        self.step, self.seconds = point.step, time.perf_counter() - self.began
        if self.report(number, point.val, self.seconds, point.step):
            raise TrialPrunedError


def _trained(
    trial: Trial, checkpoints: Path, objectives: Sequence[str], progress: _CandidateProgress
) -> CandidateOutcome:
    from bench import registry
    from bench.storage.atomic_io import remove_tree
    from bench.training.checkpoint import CheckpointError
    from bench.training.device import default_device, enable_determinism
    from bench.training.trial_data import load_trial_data

    enable_determinism(trial.recipe.threads)
    method = registry.make("methods", trial.method.name, trial.method.params)
    data = load_trial_data(trial, method, default_device())
    try:
        fit = _fit(trial, data, checkpoints, progress)
    except CheckpointError:  # the checkpoint of a killed process cannot be read: start over
        remove_tree(checkpoints)
        checkpoints.mkdir(exist_ok=True)
        fit = _fit(trial, data, checkpoints, progress)
    return _outcome(fit, data.shape, objectives)


def _fit(trial: Trial, data: TrialData, checkpoints: Path, progress: _CandidateProgress) -> Fit:
    from bench.training import loop as training
    from bench.training.training_setup import evaluation_steps, own_recipe
    from bench.training.trial_data import training_setup

    steps = evaluation_steps(own_recipe(data.method, trial.recipe))
    numbers = {step: index + 1 for index, step in enumerate(steps)}
    setup = training_setup(
        trial, data, checkpoints, on_evaluation=lambda point: progress(point, numbers.get(point.step, 1))
    )
    return training.fit(setup, data.shape)


def _outcome(fit: Fit, shape: tuple[int, ...], objectives: Sequence[str]) -> CandidateOutcome:
    from bench.training import model_cost

    point, seconds = fit.points[fit.selected], sum(fit.seconds.values())
    compute: dict[str, Callable[[], float]] = {
        "validation": lambda: point.val,
        "parameters": lambda: model_cost.parameters(fit.model),
        "forward_flops": lambda: model_cost.forward_flops(fit.model, shape),
        "train_seconds": lambda: seconds,
    }
    values = {name: float(compute[name]()) for name in objectives}
    steps = fit.points[-1].step
    if missing := [name for name, value in values.items() if not math.isfinite(value)]:
        error = f"the {missing[0]} score is not a finite number: the validation part is too small for it"
        return CandidateOutcome("failed", {}, seconds, steps, error)
    return CandidateOutcome("done", values, seconds, steps)
