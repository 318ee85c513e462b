"""Predictions of a trained network: probabilities, numbers or label maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench import method as methods
from bench.core import Task, task_kind

if TYPE_CHECKING:
    import torch
    from torch import nn

    from bench.data.loader import Excerpt, Part
    from bench.training.capture.captured_forward import CapturedForward


@dataclass(frozen=True)
class Scale:
    """Standardisation of numbers by mean and deviation of the training part; classes and masks are unchanged."""

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def fit(cls, task: Task, y: np.ndarray) -> Scale:
        """Fit it to the targets (N,) of the training part."""
        if task.kind != "regression":
            return cls()
        return cls(float(y.mean()), float(y.std()) or 1.0)

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        return (y - self.mean) / self.deviation if y.is_floating_point() else y

    def back(self, numbers: np.ndarray) -> np.ndarray:
        return numbers * self.deviation + self.mean


def logits(
    model: nn.Module | CapturedForward, part: Part | Excerpt, batch_size: int, autocast: torch.autocast
) -> torch.Tensor:
    """The network's output for every scan of a part, in order: (N, outputs, ...), float32, on the device."""
    import torch

    model.eval()
    with torch.inference_mode(), autocast:
        return torch.cat([model(x).float() for _, x, _ in part.batches(batch_size)])


def upstream_outputs(model: nn.Module, part: Part, batch_size: int, autocast: torch.autocast) -> methods.Outputs:
    """Logits (N, outputs), features (N, F) and attention of a frozen network for every scan of a part, in order."""
    import torch

    model.eval()
    with torch.no_grad(), autocast:
        batches: Sequence[methods.Outputs] = [methods.outputs(model, x, True) for _, x, _ in part.batches(batch_size)]
    maps = [one.attention for one in batches if one.attention is not None]
    return methods.Outputs(
        torch.cat([one.logits for one in batches]).float(),
        torch.cat([one.features for one in batches]).float(),
        torch.cat(maps) if maps else None,
    )


def predictions(raw: torch.Tensor, task: Task, scale: Scale) -> np.ndarray:
    """Probabilities (N, K), numbers (N,) in the task's unit, or label maps (N, ...) from a network's output."""
    if own := task_kind(task.kind).predictions:
        return own(raw)
    if task.kind == "regression":
        return scale.back(raw.squeeze(1).double().cpu().numpy())
    if task.kind == "segmentation":
        return raw.argmax(1).to("cpu").numpy().astype(np.uint8)
    return raw.double().softmax(1).cpu().numpy()
