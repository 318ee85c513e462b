"""Checkpoints: a killed training resumes from the last one, to the bit.

The state is saved at evaluation points, at most every `EVERY` seconds, beside the network's states: the optimiser, the
states of the generators and the last losses. `checkpoint.json` lists the files with their checksums and is renamed into
place after they are written. A checkpoint that does not match its files is damaged; one of another program, device or
precision is outdated. Only parameters and buffers of a network are saved.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, load_model, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from bench.curriculum import Signals
from bench.storage.atomic_io import disk_errors, json_checksum, read_sealed_json, sha256_of
from bench.training.curriculum_hooks import Order
from bench.training.timers import StageTimer
from bench.training.weight_average import follow_on_device, weight_average

EVERY = 20.0  # seconds of training that may be lost: saving costs about as much as some steps
CHECKPOINT = "checkpoint.json"


@dataclass(frozen=True)
class EvaluationPoint:
    """One evaluation point."""

    step: int
    train_loss: float  # mean since the point before
    val_loss: float
    val: float  # the primary metric on the validation part
    state: Path
    watched: Mapping[str, float] = field(default_factory=dict)  # `Method.logged_metrics`, terms of the loss
    train: float = math.nan  # the primary metric on training scans, as they are tested
    activations: int = 0  # bytes of activations in the step before it, see `activation_memory`


@dataclass
class TrainingState:
    """State of a training run: everything that changes from step to step."""

    model: nn.Module
    optimiser: torch.optim.Optimizer
    order: Order  # of the batches
    signals: Signals  # input of the curriculum; `seen` is updated at every step, the rest is constant
    clock: StageTimer
    environment: Mapping[str, str]  # device, precision, versions and checksums of the code
    ema: float = 0.0  # decay of the average of the weights; 0: there is none
    average: AveragedModel | None = None  # from the first step on
    device_average: bool = False  # whether the average is computed without waiting for the device
    rates: list[float] = field(default_factory=list)  # learning rate of each parameter group at this step
    points: list[EvaluationPoint] = field(default_factory=list)
    checksums: dict[str, str] = field(default_factory=dict)  # file name -> SHA-256 of each saved evaluation point
    saved_at: float = field(default_factory=time.monotonic)  # time of the last checkpoint, or of the start

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated and saved: the average of its weights if there is one."""
        return self.model if self.average is None else self.average.module

    def follow(self) -> None:
        """Update the average of the weights after an optimiser step."""
        if not self.ema:
            return
        if self.average is not None and self.device_average:
            follow_on_device(self.average, self.model, self.ema)
            return
        if self.average is None:
            self.average = weight_average(self.model, self.ema)
        self.average.update_parameters(self.model)

    @property
    def last_losses(self) -> Tensor:
        """(N,) last loss of each training scan; NaN if it was in no batch yet."""
        return self.signals.seen

    @property
    def step(self) -> int:
        """Steps done, as of the last evaluation point."""
        return self.points[-1].step if self.points else 0


class CheckpointError(Exception):
    """The checkpoint cannot be resumed. why: damaged, or outdated."""

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message, why)
        self.message, self.why = message, why


def save(training: TrainingState, folder: Path) -> None:
    """Save the state after the last evaluation point, unless the last checkpoint is less than `EVERY` seconds old."""
    if time.monotonic() - training.saved_at < EVERY:
        return
    path = folder / f"course-{training.step}.safetensors"
    tensors, numbers = _parts(training)
    with disk_errors(folder):
        save_file(tensors, path)
        for point in training.points:
            training.checksums.setdefault(point.state.name, sha256_of(point.state))
        points = [
            [p.step, p.train_loss, p.val_loss, p.val, p.train, p.activations, dict(p.watched)] for p in training.points
        ]
        training.clock.settle()
        entry = {
            "by": dict(training.environment),
            "points": points,
            "numbers": numbers,
            "seconds": training.clock.seconds,
        }
        entry["files"] = {**training.checksums, path.name: sha256_of(path)}
        unfinished = folder / f".{CHECKPOINT}"
        unfinished.write_text(json.dumps({**entry, "seal": json_checksum(entry)}), encoding="utf-8")
        unfinished.replace(folder / CHECKPOINT)
        for older in set(folder.glob("course-*.safetensors")) - {path}:
            older.unlink(missing_ok=True)
    training.saved_at = time.monotonic()


def resume(training: TrainingState, folder: Path) -> int:
    """Restore a new state from the checkpoint in `folder`; returns the steps done, 0 without a checkpoint.

    CheckpointError if the checkpoint is damaged or outdated.
    """
    if not (folder / CHECKPOINT).is_file():
        return 0
    try:
        entry = read_sealed_json(folder / CHECKPOINT)
        if entry["by"] != dict(training.environment):
            other = ", ".join(
                sorted(name for name in training.environment if entry["by"].get(name) != training.environment[name])
            )
            raise CheckpointError(f"the checkpoint in {folder.name} is outdated: {other} changed", "outdated")
        _check(entry, folder)
        training.points = [
            EvaluationPoint(*row, folder / f"point-{row[0]}.safetensors", watched, train, kept)
            for *row, train, kept, watched in entry["points"]
        ]
        load_model(training.model, training.points[-1].state, device=str(training.last_losses.device))
        _restore(training, load_file(folder / f"course-{training.step}.safetensors"), entry["numbers"])
    except (ValueError, LookupError, TypeError, AttributeError, OSError, RuntimeError) as error:
        raise CheckpointError(f"the checkpoint in {folder.name} is damaged: {error}", "damaged") from error
    training.checksums = {point.state.name: entry["files"][point.state.name] for point in training.points}
    training.clock.seconds.update(entry["seconds"])
    return training.step


def _check(entry: dict[str, Any], folder: Path) -> None:
    for name, checksum in entry["files"].items():
        if Path(name).name != name or sha256_of(folder / name) != checksum:
            raise ValueError(f"{name} was changed after it was written")
    losses = [row[1] for row in entry["points"]]
    if not losses or not all(math.isfinite(loss) for loss in losses):
        raise ValueError("its losses are missing or not finite")


def _parts(training: TrainingState) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state of the training as tensors and plain numbers."""
    tensors = {"seen": training.last_losses, "noise": torch.get_rng_state()}
    if training.last_losses.is_cuda:
        tensors["noise on the GPU"] = torch.cuda.get_rng_state(training.last_losses.device)
    tensors |= {f"buffer {name}": buffer for name, buffer in _unsaved(training.model)}
    if training.average is not None:  # the evaluation points hold the average
        tensors |= {f"weight {name}": weight.detach().clone() for name, weight in training.model.state_dict().items()}
    numbers: dict[str, Any] = {"order": training.order.state}
    for index, entries in training.optimiser.state_dict()["state"].items():
        for name, value in entries.items():
            target = tensors if isinstance(value, Tensor) else numbers
            target[f"optimiser {index} {name}"] = value
    return {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, numbers


def _restore(training: TrainingState, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    state: dict[int, dict[str, Any]] = {}
    weights = [weight for group in training.optimiser.param_groups for weight in group["params"]]
    for name, value in {**tensors, **numbers}.items():
        kind, _, rest = name.partition(" ")
        if kind == "optimiser":
            index, _, entry = rest.partition(" ")
            state.setdefault(int(index), {})[entry] = _with_memory_format_of(weights[int(index)], value)
    for name, buffer in _unsaved(training.model):
        buffer.copy_(tensors[f"buffer {name}"])
    if training.ema:
        training.average = weight_average(training.model, training.ema)  # of the evaluation point that was loaded
        training.average.n_averaged.fill_(training.step)
        training.model.load_state_dict(
            {name.removeprefix("weight "): value for name, value in tensors.items() if name.startswith("weight ")}
        )
    training.optimiser.load_state_dict({**training.optimiser.state_dict(), "state": state})
    training.order.go_to(*numbers["order"])
    training.last_losses.copy_(tensors["seen"])
    torch.set_rng_state(tensors["noise"])
    if training.last_losses.is_cuda:
        torch.cuda.set_rng_state(tensors["noise on the GPU"], training.last_losses.device)


def _unsaved(model: nn.Module) -> list[tuple[str, Tensor]]:
    """The network's non-persistent buffers: those that its state dict leaves out."""
    saved = model.state_dict()
    return [(name, buffer) for name, buffer in model.named_buffers() if name not in saved]


def _with_memory_format_of(weight: Tensor, value: Any) -> Any:
    """Copy an optimiser's state in the memory format of its weight: channels-last stays channels-last."""
    if not isinstance(value, Tensor) or value.shape != weight.shape:
        return value
    return torch.empty_like(weight, dtype=value.dtype, device="cpu").copy_(value)
