"""Pacing functions, and the selection of scans: shared by the curricula with a growing set of scans."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.core import NO_CURRICULUM, BenchError, Trial
from bench.curriculum import Signals, Stage

if TYPE_CHECKING:
    import numpy as np

PACES = ("linear", "root", "geometric")
BY = ("subset", "weights")


def check(start: float, end: float) -> None:
    """Raise BenchError unless start and end are fractions in (0, 1]."""
    if not 0 < start <= 1 or not 0 < end <= 1:
        raise BenchError(f"start and end must be above 0 and at most 1, not {start} and {end}")


def share(pace: str, start: float, end: float, progress: float) -> float:
    """The fraction of the scans in use at `progress`: from `start` to 1 at `end`, and 1 afterwards.

    linear: constant rate. root: the square grows linearly, fast at first. geometric: constant factor, slow at first.
    These are the pacing functions of CurBench.
    """
    elapsed = min(1.0, progress / end)
    if pace == "geometric":
        return start ** (1 - elapsed)
    if pace == "root":
        return math.sqrt(start**2 + (1 - start**2) * elapsed)
    return start + (1 - start) * elapsed


def chosen(order: np.ndarray, part: float, signals: Signals, by: str) -> Stage:
    """The stage that trains on the first `part` of `order`, at least one batch; all scans: plain training.

    order: (training scans,) their positions. by: `subset`, full batches of those scans alone; `weights`, the batches
    of plain training, in which the others have weight 0.
    """
    import numpy as np

    many = len(order)
    count = min(many, max(signals.batch, math.ceil(part * many - 1e-9)))
    if count == many:
        return Stage()
    if by == "subset":
        return Stage(subset=order[:count])
    weights = np.zeros(many, np.float32)
    weights[order[:count]] = 1
    return Stage(weights=weights)


def easiest_first(signals: Signals) -> np.ndarray:
    """Positions of the training scans sorted by the upstream network's losses (stable)."""
    import numpy as np

    if signals.difficulty is None:
        raise ValueError("no upstream network, so the difficulty of the scans is unknown")
    return np.argsort(signals.difficulty, kind="stable")


def teacher_of(trial: Trial, teacher: str, params: Mapping[str, Any] | None) -> Trial:
    """The trial that gives the difficulty of scans: plain training of `teacher`, or of the method itself."""
    method = registry.spec("methods", teacher, params) if teacher else trial.method
    return dataclasses.replace(trial, method=method, curriculum=NO_CURRICULUM)
