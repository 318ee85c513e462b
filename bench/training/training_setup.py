"""What one training run needs: its setup, its budget, its precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bench.core import Recipe, Task, Trial
from bench.curriculum import Curriculum
from bench.data.loader import Part
from bench.method import Method, Outputs
from bench.training.augment.augmenter import Augmenter
from bench.training.checkpoint import EvaluationPoint

if TYPE_CHECKING:
    from bench.training.capture.graph_interface import GraphSource

POWER = 0.9  # of the polynomial schedule, as in nnU-Net


class DivergenceError(ArithmeticError):
    """The loss or the output is NaN or infinite."""


@dataclass(frozen=True)
class TrainingSetup:
    """Everything that one training run needs, and nothing of the test part."""

    trial: Trial
    method: Method
    curriculum: Curriculum
    task: Task
    train: Part
    val: Part
    device: torch.device
    workplace: Path  # folder of checkpoints; a killed trial resumes from it
    augmenter: Augmenter | None = None  # changes the training scans; None: they are trained on as they are tested
    upstream: Sequence[Outputs] = ()  # of every training scan, in order: the method's networks, then the curriculum's
    spacing: tuple[float, ...] | None = None  # millimetres along the axes of masks
    groups: np.ndarray | None = None  # (N,), the person of each training scan
    progress: Callable[[float], None] = lambda fraction: None
    on_evaluation: Callable[[EvaluationPoint], None] = lambda point: None  # an exception in it ends the training
    graphs: GraphSource | None = None  # how steps are captured; None: they are not

    @cached_property
    def recipe(self) -> Recipe:
        """The budget of this training: that of the trial, with the method's own steps where it takes fewer."""
        return own_recipe(self.method, self.trial.recipe)


def own_recipe(method: Method, recipe: Recipe) -> Recipe:
    """The recipe with the steps of the method, where these are fewer."""
    return replace(recipe, steps=method.steps) if 0 < method.steps < recipe.steps else recipe


def evaluation_steps(recipe: Recipe) -> list[int]:
    """The steps after which the network is evaluated and saved: equally spaced, including the last step."""
    points = min(recipe.points, recipe.steps)
    return [round(recipe.steps * (number + 1) / points) for number in range(points)]


def lr_factor(method: Method, progress: float) -> float:
    """Factor of the learning rate at `progress` in [0, 1): linear warm-up, then cosine, polynomial or constant."""
    if progress < method.warmup:
        return progress / method.warmup
    if method.schedule == "constant":
        return 1.0
    share = (progress - method.warmup) / (1 - method.warmup)
    return (1 - share) ** POWER if method.schedule == "poly" else 0.5 * (1 + math.cos(math.pi * share))


def autocast(recipe: Recipe, device: torch.device) -> Any:
    """Context manager of the trial's precision: autocast to bf16, or no autocast for fp32.

    On a GPU without a cache of weights that were cast, as a captured step must be: both give the same numbers.
    """
    if precision(recipe, device) != "bf16":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=device.type != "cuda")


def precision(recipe: Recipe, device: torch.device) -> str:
    """The recipe's precision; `auto` is bf16 on a GPU and fp32 on a CPU."""
    return recipe.precision if recipe.precision != "auto" else ("bf16" if device.type == "cuda" else "fp32")
