"""An evaluation point: the network on the validation part and on training scans, and its saved weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from safetensors.torch import save_model
from torch import Tensor, nn

from bench.core import task_kind
from bench.data.loader import Excerpt, Part
from bench.evaluation.metrics import metric
from bench.method import Batch, label_losses
from bench.storage.atomic_io import disk_errors
from bench.training import inference
from bench.training.capture.captured_forward import CapturedForward
from bench.training.checkpoint import EvaluationPoint
from bench.training.inference import Scale
from bench.training.timers import StageTimer
from bench.training.training_setup import DivergenceError, TrainingSetup, autocast

LOSS = "loss"  # name of the whole training loss among the means of its terms


def evaluate_point(
    setup: TrainingSetup,
    evaluated: nn.Module,
    trained: nn.Module,
    scale: Scale,
    step: int,
    means: Mapping[str, float],
    clock: StageTimer,
    forward: CapturedForward | None = None,
) -> EvaluationPoint:
    """Evaluate and save a network after `step` steps.

    evaluated: the network, or the average of its weights. trained: the network that learns, whose metrics are logged.
    means: of the training loss and of its terms since the point before; empty if no steps are taken. forward: calls the
    evaluated network as a graph, if there is one. DivergenceError if a loss or an output is NaN or infinite.
    """
    loss = means.get(LOSS, math.nan)
    if step and not math.isfinite(loss):
        raise DivergenceError(f"the training loss is {loss} at step {step} of {setup.recipe.steps}")
    called = forward or evaluated
    raw = _outputs(setup, called, setup.val, step)
    val_loss = _validation_loss(setup, raw, scale)
    value = _score(setup, raw, setup.val.y, scale)
    part = setup.train.evenly(len(setup.val))
    train = _score(setup, _outputs(setup, called, part, step), part.y, scale)
    clock.lap("evaluation")
    state = setup.workplace / f"point-{step}.safetensors"
    with disk_errors(setup.workplace):
        save_model(evaluated, str(state))
    clock.lap("writing")
    logged = {name: mean for name, mean in means.items() if name != LOSS}
    return EvaluationPoint(
        step, loss, val_loss, value, state, {**logged, **setup.method.logged_metrics(trained)}, train
    )


def _outputs(setup: TrainingSetup, model: nn.Module | CapturedForward, part: Part | Excerpt, step: int) -> Tensor:
    raw = inference.logits(model, part, 2 * setup.recipe.batch_size, autocast(setup.recipe, setup.device))
    if not bool(torch.isfinite(raw).all()):
        raise DivergenceError(f"the network's output is NaN or infinite at step {step} of {setup.recipe.steps}")
    return raw


def _validation_loss(setup: TrainingSetup, raw: Tensor, scale: Scale) -> float:
    """The mean loss of the validation part. raw: the network's outputs. Kinds with own losses may read the scans."""
    if task_kind(setup.task.kind).losses is None:
        y = torch.as_tensor(setup.val.y, device=setup.device)
        y = y.float() if setup.task.kind == "regression" else y.long()
        return float(label_losses(raw, Batch(raw, scale.forward(y), torch.arange(len(y)), setup.task)).mean())
    found = []
    for positions, x, y in setup.val.batches(2 * setup.recipe.batch_size):
        batch = Batch(x, y, torch.as_tensor(positions), setup.task)
        found.append(label_losses(raw[positions[0] : positions[-1] + 1], batch))
    return float(torch.cat(found).mean())


def _score(setup: TrainingSetup, raw: Tensor, y: np.ndarray, scale: Scale) -> float:
    """The primary metric; NaN if it is undefined."""
    predicted = inference.predictions(raw, setup.task, scale)
    return float(metric(setup.task.primary)(y, predicted, setup.spacing))
