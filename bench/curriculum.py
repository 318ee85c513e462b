"""Curricula: how training batches, losses and rates change as training proceeds.

A curriculum is a pure function of progress and of signals from training batches; it returns a `Stage`, which
`bench.training.curriculum_hooks` applies. A stage acts on batches, losses and rates, and on the network only during a
training step. At inference the network is unchanged.
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
    """One moment of a curriculum. The defaults are plain training."""

    blur: float = 0.0  # standard deviation in pixels of a Gaussian blur of the input
    label_smoothing: float = 0.0  # probability taken from the true class and spread evenly
    weights: np.ndarray | Tensor | None = None  # (training scans,); the loss is the weighted mean
    lr_scale: float = 1.0  # factor of the learning rate
    layer_lr: tuple[float, ...] = ()  # (layers,) factor for each layer, if `layered`
    subset: np.ndarray | None = None  # positions of the training scans to draw batches from; None: all
    weigh: Callable[[Tensor], Tensor] | None = None  # losses (B,) to weights (B,); the loss is the mean product
    voxels: Callable[[Tensor], Tensor] | None = None  # masks (B, ...) to weights (B, ...) of the cross-entropies
    size: tuple[int, ...] | None = None  # size that scans and masks are resized to
    band: tuple[int, ...] | None = None  # size of the lowest frequencies that are kept
    map_blur: float = 0.0  # standard deviation in pixels of a Gaussian of three taps after each convolution
    encoder_only: bool = False  # that Gaussian follows only the convolutions of modules whose `encodes` is true
    drop_input: float = 0.0  # dropout rate of the input
    drop_maps: float = 0.0  # dropout rate after each convolution
    drop_features: float = 0.0  # dropout rate before the last linear (or 1x1) layer
    drop_own: float = 1.0  # factor of the rates of the network's own dropout layers


@dataclass(frozen=True)
class Signals:
    """What a curriculum may use: information from training batches only."""

    seen: Tensor  # (training scans,) last loss of each scan, on the device; NaN before the first
    difficulty: np.ndarray | None = None  # (training scans,) losses of the upstream network, if any
    task: Task | None = None
    shape: tuple[int, ...] = ()  # of a scan after the view: (C, D, H, W), or (C, H, W)
    batch: int = 1  # scans in a batch
    layers: int = 1  # groups of weights with a learning rate of their own, counted from the input
    seed: int = 0  # for random draws of the curriculum; equal for all methods of a cell
    step: int = 0  # optimiser step, to draw different numbers at each

    @property
    def losses(self) -> np.ndarray:
        """`seen` as an array in main memory. Waits for the device; read it only if the curriculum needs losses."""
        return self.seen.float().cpu().numpy()


@dataclass(frozen=True)
class Curriculum(ABC):
    """Base class of curricula. Subclasses are final frozen dataclasses; their fields are the parameters.

    A subclass defines `at`, which must be pure: it depends on its arguments alone.
    """

    version: ClassVar[int] = 1
    layered: ClassVar[bool] = False  # True: each layer has a learning rate of its own

    @abstractmethod
    def at(self, progress: float, signals: Signals) -> Stage:
        """Return the stage at a moment of the training.

        Parameters
        ----------
        progress : float
            Fraction of the optimiser steps done, in [0, 1).
        signals : Signals
            Everything else that it may use.

        Returns
        -------
        Stage
            The stage of this step.
        """

    def refuses(self, method: Method, task: Task, shape: tuple[int, ...]) -> str | None:
        """Return why the curriculum does not support a method and a task, or None if it does.

        Parameters
        ----------
        method : Method
            The method of the trial.
        task : Task
            The task of the data set.
        shape : tuple of int
            Shape of a scan after the view.

        Returns
        -------
        str or None
            The reason, as a clause for a sentence. By default it refuses methods that take no optimiser steps.
        """
        return "the method finds its weights in one go: it takes no steps and has no losses" if method.solves else None

    def upstream(self, trial: Trial) -> Sequence[Trial]:
        """Return the trials that must be finished before `trial`.

        The losses of the first one are the `difficulty` of the training scans.
        """
        return ()
