"""A finished trial brought back: its data as it saw them, and its network with the weights that were kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import load_model
from torch import Tensor, nn

from bench import registry
from bench.core import BenchError, Record, seed_of
from bench.method import Method
from bench.scene import Scene, lay_out
from bench.store import Store


@dataclass(frozen=True)
class Loaded:
    """A trained network and the scans that it was tested on."""

    record: Record
    method: Method
    scene: Scene
    model: nn.Module

    def scans(self, count: int) -> tuple[np.ndarray, Tensor]:
        """Rows of the prepared set, the first `count` of the test part, and these scans as the network reads them."""
        rows = self.scene.fold.test[:count]
        return rows, self.scene.part(rows).take(np.arange(len(rows)))[0]

    def fresh(self, number: int) -> nn.Module:
        """The same network with untrained weights: the `number`-th draw of them."""
        torch.manual_seed(seed_of("explain", number))
        return self.method.build(self.scene.prepared.task, self.scene.shape).to(self.scene.device).eval()


def load(store: Store, key: str) -> Loaded:
    """The trial of that key. BenchError where it is not there, is not done, or its weights were not kept."""
    record = store.whole(key, weights=True)
    if record is None:
        raise BenchError(f"no finished trial {key} in {store.root}; `bench run` prints where its records lie")
    if record.status != "done":
        raise BenchError(f"the trial {key} is {record.status}: {record.error.get('message', '')}; nothing can be shown")
    if (weights := store.weights(key)) is None:
        raise BenchError(f"the weights of trial {key} were not kept; run its study anew with --keep-weights, elsewhere")
    trial = record.trial
    method: Method = registry.make("methods", trial.method.name, trial.method.params)
    if method.solves:
        raise BenchError(f"{trial.method.name} has no gradient: its weights are found in one go")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    scene = lay_out(trial, method, device)
    model = scene.method.build(scene.prepared.task, scene.shape).to(device)
    load_model(model, weights, device=str(device))
    return Loaded(record, scene.method, scene, model.eval())
