"""The five networks that a GPU is measured with, on random scans that lie on the device."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.core import Recipe
    from bench.training.capture.graph_interface import GraphSource
    from bench.training.training_setup import TrainingSetup

SCANS, VAL = 64, 16


@dataclass(frozen=True)
class Measured:
    """A method and the shape of what it reads; small: in a rehearsal."""

    method: str
    shape: tuple[int, ...]
    small: tuple[int, ...]
    params: dict[str, Any] = field(default_factory=dict)


NETWORKS = {
    "DCL-SE": Measured("dclse", (3, 110, 110), (3, 32, 32)),
    "ResNet-18 (2D)": Measured("timm2d", (3, 110, 110), (3, 32, 32)),
    "3D CNN": Measured("sfcn", (1, 46, 55, 46), (1, 32, 32, 32)),
    "weighted pooling (hybrid)": Measured("weighted_pooling", (1, 46, 55, 46), (1, 32, 32, 32)),
    "distillation": Measured("distil", (3, 110, 110), (3, 32, 32)),
}


def training(
    network: Measured, rehearse: bool, recipe: Recipe, folder: Path, graphs: GraphSource | None = None
) -> TrainingSetup:
    """A training of the network on random scans; with equal numbers at every call."""
    import numpy as np
    import torch

    from bench import registry
    from bench.core import DataSpec, Task, Trial
    from bench.data.loader import Normaliser, Part
    from bench.method import Outputs
    from bench.training.device import default_device
    from bench.training.training_setup import TrainingSetup

    shape = network.small if rehearse else network.shape
    device, rng = default_device(), np.random.default_rng(0)
    many = (SCANS + VAL) // (4 if rehearse else 1)
    x, y = rng.normal(size=(many, *shape)).astype(np.float32), np.arange(many) % 2
    rows = np.split(np.arange(many), [many * 4 // 5])
    parts = [Part(x, each, y[each], Normaliser.none(shape[0]), device) for each in rows]
    trial = Trial(DataSpec("random"), registry.spec("methods", network.method, network.params), recipe=recipe)
    method = registry.make("methods", network.method, network.params)
    torch.manual_seed(7)
    scans = len(rows[0])
    teacher = Outputs(torch.randn(scans, 2).to(device), torch.randn(scans, 32).to(device))
    upstream = [teacher for _ in method.upstream(trial)]
    none, task = registry.make("curricula", "none"), Task("classification", "auc", ("a", "b"))
    return TrainingSetup(trial, method, none, task, *parts, device, folder, upstream=upstream, graphs=graphs)
