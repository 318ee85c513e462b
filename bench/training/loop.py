"""The one training loop. It gets the training and the validation part, and cannot reach the test part.

It saves the weights at equally spaced evaluation points; `point_selection` chooses one on validation. Random numbers
come from seeds of (data, partition, fold, seed, purpose), never from the method, so that arms are paired.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from bench import registry
from bench.core import Recipe, Task, Trial
from bench.curriculum import Curriculum, Signals
from bench.data.loader import Part
from bench.evaluation.metrics import metric
from bench.method import Batch, Method, Outputs, label_losses
from bench.storage.atomic_io import disk_errors
from bench.storage.source_code import TRAINING, code_checksum
from bench.training import checkpoint, curriculum_hooks, inference, optim
from bench.training.augment.augmenter import Augmenter
from bench.training.checkpoint import EvaluationPoint, TrainingState
from bench.training.curriculum_stage import checked_stage
from bench.training.inference import Scale
from bench.training.point_selection import select
from bench.training.timers import StageTimer


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

    @property
    def recipe(self) -> Recipe:
        return self.trial.recipe


@dataclass(frozen=True)
class Fit:
    """A trained network with its evaluation points; `model` holds the last state."""

    model: nn.Module
    points: Sequence[EvaluationPoint]
    selected: int  # position in `points`
    scale: Scale
    seconds: dict[str, float]
    resumed: int = 0  # the step at which a killed trial was resumed; 0: it was not
    earlier: float = 0.0  # part of `seconds` that was spent before that step

    def load(self, point: int) -> nn.Module:
        """Load the weights of an evaluation point into the network and return it."""
        load_model(self.model, self.points[point].state, device=str(next(self.model.parameters()).device))
        return self.model


def fit(setup: TrainingSetup, shape: tuple[int, ...]) -> Fit:
    """Train the method on the training part. shape: of a scan after the view."""
    torch.manual_seed(setup.trial.seed_for("init"))
    model = setup.method.build(setup.task, shape).to(setup.device)
    scale = Scale.fit(setup.task, setup.train.y)
    torch.manual_seed(setup.trial.seed_for("noise"))
    clock = StageTimer(setup.device)
    with optim.memory_format(model, setup.device):
        points, resumed, earlier = (_solve if setup.method.solves else _descend)(setup, model, scale, clock)
    clock.settle()
    return Fit(model, points, select(points, setup.task), scale, clock.seconds, resumed, earlier)


def evaluation_steps(recipe: Recipe) -> list[int]:
    """The steps after which the network is evaluated and saved: equally spaced, including the last step."""
    points = min(recipe.points, recipe.steps)
    return [round(recipe.steps * (number + 1) / points) for number in range(points)]


def lr_factor(method: Method, progress: float) -> float:
    """Factor of the learning rate at `progress` in [0, 1): linear warm-up, then cosine or constant."""
    if progress < method.warmup:
        return progress / method.warmup
    if method.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (progress - method.warmup) / (1 - method.warmup)))


def autocast(recipe: Recipe, device: torch.device) -> Any:
    """Context manager of the trial's precision: autocast to bf16, or no autocast for fp32."""
    return torch.autocast(device.type, torch.bfloat16) if precision(recipe, device) == "bf16" else nullcontext()


def precision(recipe: Recipe, device: torch.device) -> str:
    """The recipe's precision; `auto` is bf16 on a GPU and fp32 on a CPU."""
    return recipe.precision if recipe.precision != "auto" else ("bf16" if device.type == "cuda" else "fp32")


def _solve(
    setup: TrainingSetup, model: nn.Module, scale: Scale, clock: StageTimer
) -> tuple[list[EvaluationPoint], int, float]:
    everything = [(x.cpu().numpy(), scale.forward(y).cpu().numpy()) for _, x, y in setup.train.batches(64)]
    x, y = (np.concatenate(parts) for parts in zip(*everything, strict=True))
    clock.lap("data")
    more = {"groups": setup.groups} if setup.method.reads_groups else {}
    setup.method.solve(model, x, y, setup.task, setup.trial.seed_for("noise"), **more)
    clock.lap("forward")
    point = _evaluate(setup, model, scale, 0, math.nan, clock)
    setup.on_evaluation(point)
    return [point], 0, 0.0


def _descend(
    setup: TrainingSetup, model: nn.Module, scale: Scale, clock: StageTimer
) -> tuple[list[EvaluationPoint], int, float]:
    """Run the optimiser steps, from the first or from the last checkpoint."""
    recipe, stops = setup.recipe, evaluation_steps(setup.recipe)
    training = _begin(setup, model, scale, clock)
    setup = replace(setup, upstream=setup.upstream[: _method_upstream_count(setup)])
    begun = checkpoint.resume(training, setup.workplace)
    earlier = sum(clock.seconds.values())
    running = torch.zeros((), device=setup.device)
    model.train()
    clock.start()
    for step in range(begun, recipe.steps):
        batch = _batch(setup, training, scale, step)
        clock.lap("data")
        losses = _step(setup, training, batch)
        training.last_losses[batch.index] = losses
        running += losses.mean()
        clock.lap("update")
        if step + 1 == stops[len(training.points)]:
            mean = float(running) / (step + 1 - training.step)  # waits for the device
            clock.lap("update")
            training.points.append(_evaluate(setup, model, scale, step + 1, mean, clock))
            setup.on_evaluation(training.points[-1])
            checkpoint.save(training, setup.workplace)
            clock.lap("writing")
            clock.settle()
            running.zero_()
            model.train()
            setup.progress((step + 1) / recipe.steps)
    return training.points, begun, earlier


def _begin(setup: TrainingSetup, model: nn.Module, scale: Scale, clock: StageTimer) -> TrainingState:
    train, trial = setup.train, setup.trial
    order = curriculum_hooks.Order(len(train), setup.recipe.batch_size, np.random.default_rng(trial.seed_for("order")))
    optimiser = _optimiser(setup.method, model, setup.curriculum.layered)
    signals = Signals(
        torch.full((len(train),), math.nan, device=setup.device),
        _difficulty(setup, scale),
        setup.task,
        tuple(train.take(np.zeros(1, np.int64))[0].shape[1:]),
        min(len(train), setup.recipe.batch_size),
        len(optimiser.param_groups),
        trial.seed_for("curriculum"),
    )
    return TrainingState(model, optimiser, order, signals, clock, _environment(setup))


def _method_upstream_count(setup: TrainingSetup) -> int:
    """The number of upstream networks that are the method's; the others are the curriculum's."""
    return len(setup.method.upstream(setup.trial)) if setup.upstream else 0


def _difficulty(setup: TrainingSetup, scale: Scale) -> np.ndarray | None:
    """The losses of the curriculum's first upstream network, (training scans,); None if it has none."""
    if len(setup.upstream) <= _method_upstream_count(setup):
        return None
    logits, losses = setup.upstream[_method_upstream_count(setup)].logits, []
    for positions in np.array_split(np.arange(len(setup.train)), math.ceil(len(setup.train) / setup.recipe.batch_size)):
        index, (_, y) = setup.train.index(positions), setup.train.take(positions)
        losses.append(label_losses(logits[index], Batch(y, scale.forward(y), index, setup.task)))
    return torch.cat(losses).cpu().numpy()


def _environment(setup: TrainingSetup) -> dict[str, str]:
    """Device, precision, versions and code; a checkpoint is resumed only if they are the same."""
    return {
        "device": setup.device.type,
        "precision": precision(setup.recipe, setup.device),
        "torch": torch.__version__,
        "method": registry.code(type(setup.method)),
        "curriculum": registry.code(type(setup.curriculum)),
        "bench": code_checksum(TRAINING),
    }


def _batch(setup: TrainingSetup, training: TrainingState, scale: Scale, step: int) -> Batch:
    """Set the learning rate of a step and return its batch after augmentation and curriculum."""
    method, progress = setup.method, step / setup.recipe.steps
    name, signals = setup.trial.curriculum.name, replace(training.signals, step=step)
    stage = checked_stage(setup.curriculum, name, progress, signals)
    positions = training.order.take(stage.subset)
    index, (x, y), mixture = setup.train.index(positions), setup.train.take(positions), None
    if setup.augmenter is not None:
        training.clock.lap("data")
        x, y, mixture = setup.augmenter(positions, x, y, step)
        training.clock.lap("augment")
    x, y = curriculum_hooks.apply_to_batch(x, scale.forward(y), stage)
    upstream = [curriculum_hooks.resize_upstream(one.at(index), y) for one in setup.upstream]
    lr = method.lr * lr_factor(method, progress) * stage.lr_scale
    for layer, group in enumerate(training.optimiser.param_groups):
        group["lr"] = lr * stage.layer_lr[layer] if stage.layer_lr else lr
    return Batch(x, y, index, setup.task, stage, progress, upstream, len(setup.train), mixture)


def _step(setup: TrainingSetup, training: TrainingState, batch: Batch) -> Tensor:
    """Take one optimiser step; returns the losses of the batch, (B,), detached."""
    with autocast(setup.recipe, setup.device), curriculum_hooks.stage_hooks(training.model, batch.stage) as answers:
        losses = setup.method.step(training.model, batch).float()
        weighted = losses if batch.stage.voxels is None else losses + curriculum_hooks.voxel_term(answers, batch)
    loss = curriculum_hooks.loss_of(weighted, batch.stage, batch.index)
    training.clock.lap("forward")
    training.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    training.clock.lap("backward")
    training.optimiser.step()
    return losses.detach()


def _evaluate(
    setup: TrainingSetup, model: nn.Module, scale: Scale, step: int, loss: float, clock: StageTimer
) -> EvaluationPoint:
    if step and not math.isfinite(loss):
        raise DivergenceError(f"the training loss is {loss} at step {step} of {setup.recipe.steps}")
    raw = inference.logits(model, setup.val, 2 * setup.recipe.batch_size, autocast(setup.recipe, setup.device))
    if not bool(torch.isfinite(raw).all()):
        raise DivergenceError(f"the network's output is NaN or infinite at step {step} of {setup.recipe.steps}")
    y = torch.as_tensor(setup.val.y, device=setup.device)
    y = y.float() if setup.task.kind == "regression" else y.long()
    batch = Batch(raw, scale.forward(y), torch.arange(len(y)), setup.task)
    predicted = inference.predictions(raw, setup.task, scale)
    value = metric(setup.task.primary)(setup.val.y, predicted, setup.spacing)
    val_loss = float(label_losses(raw, batch).mean())
    clock.lap("evaluation")
    state = setup.workplace / f"point-{step}.safetensors"
    with disk_errors(setup.workplace):
        save_model(model, str(state))
    clock.lap("writing")
    return EvaluationPoint(step, loss, val_loss, float(value), state, setup.method.logged_metrics(model))


def _optimiser(method: Method, model: nn.Module, layered: bool) -> torch.optim.Optimizer:
    """The method's optimiser. layered: with one parameter group for each layer."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    weights = [{"params": layer} for layer in curriculum_hooks.layers(model)] if layered else trained
    return optim.optimiser(method, weights)
