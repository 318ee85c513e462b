"""Load a finished trial: its data and its network with the selected weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import load_model
from torch import Tensor, nn

from bench import registry
from bench.core import BenchError, Record, seed_of, task_kind
from bench.method import Method
from bench.storage.finished_trial import finished_record
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
    record = finished_record(store, key)
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
    load_model(model, store.weights(key), device=str(device))
    return TrainedModel(record, data.method, data, model.eval())
