"""The one training loop. It gets the training and the validation part, and cannot reach the test part.

It saves the weights at equally spaced evaluation points; `point_selection` chooses one on validation. Random numbers
come from seeds of (data, partition, fold, seed, purpose), never from the method, so that arms are paired.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_model
from torch import Tensor, nn

from bench import registry
from bench.curriculum import Signals
from bench.method import Batch, label_losses
from bench.storage.atomic_io import disk_errors
from bench.storage.source_code import TRAINING, code_checksum
from bench.training import checkpoint, curriculum_hooks, optim
from bench.training.capture.captured_forward import CapturedForward
from bench.training.capture.captured_steps import CapturedSteps
from bench.training.checkpoint import EvaluationPoint, TrainingState
from bench.training.curriculum_stage import checked_stage
from bench.training.evaluation_point import LOSS, evaluate_point
from bench.training.host_memory import keep_freed_memory
from bench.training.inference import Scale
from bench.training.point_selection import select
from bench.training.timers import StageTimer
from bench.training.training_setup import (
    TrainingSetup,
    evaluation_steps,
    lr_factor,
    precision,
)


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
    graph: Mapping[str, Any] = field(default_factory=dict)  # how steps were captured; empty: on a processor

    def load(self, point: int) -> nn.Module:
        """Load the weights of an evaluation point into the network and return it."""
        device = next((weight.device for weight in self.model.parameters()), "cpu")  # classical methods have no weights
        state = self.points[point].state
        with disk_errors(state.parent):  # what is removed while a trial runs is a fault of the disk, not of the trial
            load_model(self.model, state, device=str(device))
        return self.model


def fit(setup: TrainingSetup, shape: tuple[int, ...]) -> Fit:
    """Train the method on the training part. shape: of a scan after the view."""
    if setup.device.type == "cpu":
        keep_freed_memory()
    torch.manual_seed(setup.trial.seed_for("init"))
    model = setup.method.build(setup.task, shape).to(setup.device)
    scale = Scale.fit(setup.task, setup.train.y)
    torch.manual_seed(setup.trial.seed_for("noise"))
    clock = StageTimer(setup.device)
    with optim.memory_format(model, setup.device):
        points, resumed, earlier, graph = (_solve if setup.method.solves else _descend)(setup, model, scale, clock)
    clock.settle()
    return Fit(model, points, select(points, setup.task), scale, clock.seconds, resumed, earlier, graph)


def _solve(
    setup: TrainingSetup, model: nn.Module, scale: Scale, clock: StageTimer
) -> tuple[list[EvaluationPoint], int, float, Mapping[str, Any]]:
    if not setup.method.learns:
        point = evaluate_point(setup, model, model, scale, 0, {}, clock)
        setup.on_evaluation(point)
        return [point], 0, 0.0, {}
    everything = [(x.cpu().numpy(), scale.forward(y).cpu().numpy()) for _, x, y in setup.train.batches(64)]
    x, y = (np.concatenate(parts) for parts in zip(*everything, strict=True))
    clock.lap("data")
    more = {"groups": setup.groups} if setup.method.reads_groups else {}
    setup.method.solve(model, x, y, setup.task, setup.trial.seed_for("noise"), **more)
    clock.lap("forward")
    point = evaluate_point(setup, model, model, scale, 0, {}, clock)
    setup.on_evaluation(point)
    return [point], 0, 0.0, {}


def _descend(
    setup: TrainingSetup, model: nn.Module, scale: Scale, clock: StageTimer
) -> tuple[list[EvaluationPoint], int, float, Mapping[str, Any]]:
    """Run the optimiser steps, from the first or from the last checkpoint."""
    recipe, stops = setup.recipe, evaluation_steps(setup.recipe)
    training = _begin(setup, model, scale, clock)
    setup = replace(setup, upstream=setup.upstream[: _method_upstream_count(setup)])
    begun = checkpoint.resume(training, setup.workplace)
    earlier = sum(clock.seconds.values())
    totals, steps = _Totals(), CapturedSteps(setup, training)
    forward = None
    model.train()
    clock.start()
    for step in range(begun, recipe.steps):
        if step == training.step and _is_over(setup, training):
            break
        batch = _batch(setup, training, scale, step)
        clock.lap("data")
        ends = step + 1 == stops[len(training.points)]
        losses, terms = steps.take(batch, step, watch=ends)
        training.last_losses[batch.index] = losses
        totals.add(losses, terms)
        clock.lap("update")
        if ends:
            means = totals.means()  # waits for the device
            clock.lap("update")
            steps.pause()
            forward = forward or _forward(setup, training)
            point = evaluate_point(setup, training.evaluated, model, scale, step + 1, means, clock, forward)
            training.points.append(replace(point, activations=steps.activations))
            setup.on_evaluation(training.points[-1])
            checkpoint.save(training, setup.workplace)
            clock.lap("writing")
            clock.settle()
            model.train()
            setup.progress((step + 1) / recipe.steps)
    return training.points, begun, earlier, {**steps.facts(), **(forward.facts() if forward else {})}


def _forward(setup: TrainingSetup, training: TrainingState) -> CapturedForward | None:
    """The evaluated network, which stays the same object from the first step on, as a graph."""
    return None if setup.graphs is None else CapturedForward(training.evaluated, setup.graphs)


def _is_over(setup: TrainingSetup, training: TrainingState) -> bool:
    """Whether the point that validation would choose is `patience` points old."""
    patience, points = setup.method.patience, training.points
    return bool(patience and points) and len(points) - 1 - select(points, setup.task) >= patience


class _Totals:
    """Sums of the losses and of their terms since the last evaluation point, on the device."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._steps = 0

    def add(self, losses: Tensor, terms: Mapping[str, Tensor]) -> None:
        for name, values in {LOSS: losses, **terms}.items():
            self._sums[name] = self._sums.get(name, 0.0) + values.detach().float().mean()
        self._steps += 1

    def means(self) -> dict[str, float]:
        """The means over the steps; the sums begin again."""
        means = {name: float(total) / self._steps for name, total in self._sums.items()}
        self._sums, self._steps = {}, 0
        return means


def _begin(setup: TrainingSetup, model: nn.Module, scale: Scale, clock: StageTimer) -> TrainingState:
    train, trial = setup.train, setup.trial
    order = curriculum_hooks.Order(len(train), setup.recipe.batch_size, np.random.default_rng(trial.seed_for("order")))
    captured = setup.graphs is not None
    optimiser = optim.optimiser(setup.method, model, setup.curriculum.layered, captured)
    signals = Signals(
        torch.full((len(train),), math.nan, device=setup.device),
        _difficulty(setup, scale),
        setup.task,
        tuple(train.take(np.zeros(1, np.int64))[0].shape[1:]),
        min(len(train), setup.recipe.batch_size),
        1 + optimiser.param_groups[-1]["layer"],
        trial.seed_for("curriculum"),
    )
    state = TrainingState(model, optimiser, order, signals, clock, _environment(setup), setup.method.ema)
    state.device_average = captured or setup.device.type == "cuda"
    return state


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
    if method.label_smoothing > stage.label_smoothing:
        stage = replace(stage, label_smoothing=method.label_smoothing)
    positions = training.order.take(stage.subset)
    index, (x, y), mixture = setup.train.index(positions), setup.train.take(positions), None
    if setup.augmenter is not None:
        training.clock.lap("data")
        x, y, mixture = setup.augmenter(positions, x, y, step)
        training.clock.lap("augment")
    x, y = curriculum_hooks.apply_to_batch(x, scale.forward(y), stage)
    upstream = [curriculum_hooks.resize_upstream(one.at(index), y) for one in setup.upstream]
    lr = method.lr * lr_factor(method, progress) * stage.lr_scale
    training.rates = optim.rates(training.optimiser.param_groups, lr, stage.layer_lr)
    optim.set_rates(training.optimiser.param_groups, training.rates)
    return Batch(x, y, index, setup.task, stage, progress, upstream, len(setup.train), mixture)
