"""The stage that a curriculum returns for a step, checked before it is applied."""

from __future__ import annotations

import numpy as np

from bench.curriculum import Curriculum, Signals, Stage
from bench.registry import error_text


def checked_stage(curriculum: Curriculum, name: str, progress: float, signals: Signals) -> Stage:
    """The stage of a curriculum at a moment of the training.

    Parameters
    ----------
    curriculum : Curriculum
    name : str
        Name of the curriculum, for messages.
    progress : float
        Fraction of the optimiser steps done, in [0, 1).
    signals : Signals
        What the curriculum may use.

    Returns
    -------
    Stage
        What `curriculum.at` returned.

    Raises
    ------
    TypeError
        If that is no `Stage`, or an argument of `Stage` is misspelt.
    ValueError
        If its `weights` are not one for each training scan, its `layer_lr` not one for each layer, or its `subset` is
        empty or names scans that do not exist.
    """
    try:
        stage = curriculum.at(progress, signals)
    except TypeError as error:
        raise TypeError(f"`at` of the curriculum {name}: {error_text(error)}") from error
    if not isinstance(stage, Stage):
        raise TypeError(f"`at` of the curriculum {name} returned {stage!r}, not a Stage")
    scans = len(signals.seen)
    if stage.weights is not None and np.shape(stage.weights) != (scans,):
        raise ValueError(_wrong(name, "weights", np.shape(stage.weights), f"({scans},): one for each training scan"))
    if stage.layer_lr and len(stage.layer_lr) < signals.layers:
        raise ValueError(_wrong(name, "layer_lr", (len(stage.layer_lr),), f"({signals.layers},): one for each layer"))
    if stage.subset is not None and not _is_subset(np.asarray(stage.subset), scans):
        raise ValueError(
            f"the curriculum {name} returned a `subset` that is empty or not of positions 0 to {scans - 1}"
        )
    return stage


def _wrong(name: str, field: str, shape: tuple[int, ...], wanted: str) -> str:
    return f"the curriculum {name} returned `{field}` of shape {tuple(shape)}, not {wanted}"


def _is_subset(positions: np.ndarray, scans: int) -> bool:
    return positions.ndim == 1 and len(positions) > 0 and positions.min() >= 0 and positions.max() < scans
