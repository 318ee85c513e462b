"""Load a finished trial: its data and its network with the selected weights."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import load_model
from torch import Tensor, nn

from bench import registry
from bench.core import BenchError, Record, seed_of, task_kind
from bench.method import Method
from bench.storage.record_store import Store
from bench.training.inference import Scale
from bench.training.trial_data import TrialData, load_trial_data


@dataclass(frozen=True)
class TrainedModel:
    """A trained network with its record and its data."""

    record: Record
    method: Method
    data: TrialData
    model: nn.Module

    @property
    def scale(self) -> Scale:
        """The standardisation of numbers, fitted on the training part."""
        return Scale.fit(self.data.prepared.task, self.data.targets[self.data.fold.train])

    def scans(self, count: int) -> tuple[np.ndarray, Tensor]:
        """The first `count` test scans: their rows in the prepared set, and the network's input for them."""
        rows = self.data.fold.test[:count]
        return rows, self.data.part(rows).take(np.arange(len(rows)))[0]

    def untrained(self, number: int) -> nn.Module:
        """The same network with random weights, drawn with seed `number`."""
        torch.manual_seed(seed_of("explain", number))
        return self.method.build(self.data.prepared.task, self.data.shape).to(self.data.device).eval()


def load(store: Store, key: str) -> TrainedModel:
    """Load the trial of that key. BenchError if it does not exist, is not done, or its weights were not saved."""
    record = store.verified(key, weights=True)
    if record is None:
        raise BenchError(f"no finished trial {key} in {store.root}; `bench run` prints the folder of its records")
    if record.status != "done":
        raise BenchError(f"the trial {key} is {record.status}: {record.error.get('message', '')}; it has no network")
    if (weights := store.weights(key)) is None:
        raise BenchError(f"the weights of trial {key} were not saved; {rerun_hint('X')}")
    trial = record.trial
    if (now := registry.spec("methods", trial.method.name).version) != trial.method.version:
        raise BenchError(
            f"{trial.method.name} is at version {now}; these weights are of version {trial.method.version}"
        )
    method: Method = registry.make("methods", trial.method.name, trial.method.params)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = load_trial_data(trial, method, device)
    if task_kind(data.prepared.task.kind).part is not None:
        kind = data.prepared.task.kind
        raise BenchError(f"trained networks of {kind} cannot be explained or stressed: both change single scans")
    model = data.method.build(data.prepared.task, data.shape).to(device)
    load_model(model, weights, device=str(device))
    return TrainedModel(record, data.method, data, model.eval())


def rerun_hint(study: str) -> str:
    """What to do if weights were not saved. Records never change, so the study runs again in another folder."""
    command = f"BENCH_RESULTS=FOLDER bench run --study {shlex.quote(study)} --keep-weights"
    return f"run its study again with them, in another results folder: {command}"
