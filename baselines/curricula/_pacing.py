"""How many scans count at a moment, and which: what the curricula that grow a set of scans have in common."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench import registry
from bench.core import NO_CURRICULUM, BenchError, Trial
from bench.curriculum import Signals, Stage

PACES = ("linear", "root", "geometric")
BY = ("subset", "weights")


def check(start: float, end: float) -> None:
    """BenchError where a share to start with, or a moment to end at, is none."""
    if not 0 < start <= 1 or not 0 < end <= 1:
        raise BenchError(f"start and end are shares of scans and steps, above 0 and at most 1: {start}, {end}")


def share(pace: str, start: float, end: float, progress: float) -> float:
    """The share of the scans that counts at `progress`: from `start` to 1 at `end`, and 1 afterwards.

    linear: at an even rate. root: as the root of a square that grows evenly, fast at first. geometric: by an even
    factor, slow at first. The pacing functions of CurBench, with the exponents that they name.
    """
    gone = min(1.0, progress / end)
    if pace == "geometric":
        return start ** (1 - gone)
    if pace == "root":
        return math.sqrt(start**2 + (1 - start**2) * gone)
    return start + (1 - start) * gone


def chosen(order: np.ndarray, part: float, signals: Signals, by: str) -> Stage:
    """The stage in which the first `part` of `order` counts: no fewer scans than a batch holds; all: plain training.

    order: (training scans,) their positions. by: `subset`, whole batches of those scans alone; `weights`, the batches
    of plain training, in which the others weigh nothing.
    """
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
    """Positions of the training scans by the upstream network's losses; equals as they lie."""
    if signals.difficulty is None:
        raise ValueError("there is no upstream network that says which scans are hard")
    return np.argsort(signals.difficulty, kind="stable")


def teacher_of(trial: Trial, teacher: str, params: Mapping[str, Any] | None) -> Trial:
    """The trial whose network says which scans are hard: the plain training of `teacher`, or of the method itself."""
    method = registry.spec("methods", teacher, params) if teacher else trial.method
    return dataclasses.replace(trial, method=method, curriculum=NO_CURRICULUM)
