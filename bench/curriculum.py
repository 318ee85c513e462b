"""What the learner sees or weighs as training goes: a pure function of progress and of training batches.

A curriculum says what a moment of the training is like, a `Stage`; `bench.training.curriculum_hooks` carries it out. At
inference a network is the plain network: a stage acts on batches, losses and rates, and on the network only while a
step is taken.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import Task, Trial

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from bench.method import Method


@dataclass(frozen=True)
class Stage:
    """One moment of a curriculum, as the training loop carries it out. The defaults are plain training."""

    blur: float = 0.0  # deviation, in pixels of the view, of a Gaussian over the network's input
    label_smoothing: float = 0.0  # probability taken from the true class and spread evenly
    weights: np.ndarray | Tensor | None = None  # (training scans,) of each scan's loss; the loss is their weighted mean
    lr_scale: float = 1.0  # times the learning rate of the schedule
    layer_lr: tuple[float, ...] = ()  # (layers,) times that of each layer, where the curriculum is `layered`
    subset: np.ndarray | None = None  # positions of the training scans that batches are drawn from; None: all
    weigh: Callable[[Tensor], Tensor] | None = None  # losses (B,) of the batch to weights (B,); the loss: mean product
    voxels: Callable[[Tensor], Tensor] | None = None  # masks (B, ...) to weights (B, ...) of their cross-entropies
    size: tuple[int, ...] | None = None  # what the scans are resized to, with their masks
    band: tuple[int, ...] | None = None  # what is left of their spectrum about zero, and so of their size
    map_blur: float = 0.0  # deviation, in pixels of the map, of a Gaussian of three taps after each convolution
    drop_input: float = 0.0  # share of the input's entries set to zero, the others scaled up
    drop_maps: float = 0.0  # the same of what each convolution gives
    drop_features: float = 0.0  # the same of what the last linear (or 1x1) layer reads
    drop_own: float = 1.0  # times the rates of the network's own dropout layers


@dataclass(frozen=True)
class Signals:
    """What a curriculum may know: of training batches only."""

    seen: Tensor  # (training scans,) on the device: the loss of each scan when it was last seen; NaN before
    difficulty: np.ndarray | None = None  # (training scans,) losses of the curriculum's upstream network, if it has one
    task: Task | None = None
    shape: tuple[int, ...] = ()  # of a scan after the view
    batch: int = 1  # scans of a batch
    layers: int = 1  # groups of weights that have a rate of their own, counted from the input
    seed: int = 0  # of whatever a curriculum draws: the same for all methods of a cell
    step: int = 0  # of the optimiser, only to draw other numbers at each

    @property
    def losses(self) -> np.ndarray:
        """`seen` in main memory. Waits for the device, so a curriculum that needs no losses does not ask."""
        return self.seen.float().cpu().numpy()


@dataclass(frozen=True)
class Curriculum(ABC):
    """Subclasses are final frozen dataclasses; their fields are the curriculum's parameters."""

    version: ClassVar[int] = 1
    layered: ClassVar[bool] = False  # True: each layer has a learning rate of its own

    @abstractmethod
    def at(self, progress: float, signals: Signals) -> Stage:
        """The stage at `progress`, in [0, 1) of the optimiser steps. Pure: what is known is in `signals`."""

    def refuses(self, method: Method, task: Task, shape: tuple[int, ...]) -> str | None:
        """Why this curriculum cannot act on `method` for scans of `shape` after the view; None where it can."""
        return "the method finds its weights in one go: it takes no steps and has no losses" if method.solves else None

    def upstream(self, trial: Trial) -> Sequence[Trial]:
        """Trials that must be there before `trial`. The losses of the first are the `difficulty` of training scans."""
        return ()
