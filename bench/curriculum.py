"""What the learner sees or weighs as training goes: a pure function of progress and of training batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import Trial

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@dataclass(frozen=True)
class Stage:
    """One moment of a curriculum, as the training loop carries it out. The defaults are plain training."""

    blur: float = 0.0  # deviation, in pixels of the view, of a Gaussian over the network's input
    label_smoothing: float = 0.0  # probability taken from the true class and spread evenly
    weights: np.ndarray | None = None  # (training scans,) of each scan's loss; None: 1 for all
    lr_scale: float = 1.0  # times the learning rate of the schedule


@dataclass(frozen=True)
class Signals:
    """What a curriculum may know: of training batches only."""

    seen: Tensor  # (training scans,) on the device: the loss of each scan when it was last seen; NaN before

    @property
    def losses(self) -> np.ndarray:
        """`seen` in main memory. Waits for the device, so a curriculum that needs no losses does not ask."""
        return self.seen.float().cpu().numpy()


@dataclass(frozen=True)
class Curriculum(ABC):
    """Subclasses are final frozen dataclasses; their fields are the curriculum's parameters."""

    version: ClassVar[int] = 1

    @abstractmethod
    def at(self, progress: float, signals: Signals) -> Stage:
        """The stage at `progress`, in [0, 1) of the optimiser steps. Pure: what is known is in `signals`."""

    def upstream(self, trial: Trial) -> Sequence[Trial]:
        """Trials that must be there before `trial`."""
        return ()
