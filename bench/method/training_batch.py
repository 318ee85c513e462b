"""A batch: what a method learns from in one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.core import Task
from bench.curriculum import Stage
from bench.method.label_mixture import Mixture
from bench.method.network_outputs import Outputs

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """The training scans of one step, on the device.

    Attributes
    ----------
    x : Tensor of shape (B, *shape)
        Scans after the view, normalised, float32.
    y : Tensor of shape (B,), or (B, ...) for masks
        Class indices; numbers, standardised by mean and deviation of the training part; or masks.
    index : Tensor of shape (B,)
        Positions of the scans in the training part.
    task : Task
        The task that is learnt.
    stage : Stage
        The stage of the curriculum at this step.
    progress : float
        Fraction of the optimiser steps done, in [0, 1); while a step is captured as a CUDA graph, a tensor of one
        number.
    upstream : sequence of Outputs
        Outputs of the networks of upstream trials (teachers) for these scans, each through its own view.
    scans : int
        Size of the training part; 0 if unknown.
    mixture : Mixture or None
        The second class of each scan if scans were mixed; `label_losses` reads it.
    terms : dict of str to Tensor
        Filled by `Method.step` with parts of its loss by name, detached; their means are logged at evaluation points.
    """

    x: Tensor
    y: Tensor
    index: Tensor
    task: Task
    stage: Stage = Stage()
    progress: float = 0.0
    upstream: Sequence[Outputs] = ()
    scans: int = 0
    mixture: Mixture | None = None
    terms: dict[str, Tensor] = field(default_factory=dict, compare=False)
