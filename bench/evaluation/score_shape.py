"""The check that a metric, also one of a plug-in, returns scores of the shape that it must return."""

from __future__ import annotations

import numpy as np


def check_shape(scores: np.ndarray, number: int, name: str) -> np.ndarray:
    """Check the shape of scores.

    Parameters
    ----------
    scores : ndarray
        What a function of a metric returned.
    number : int
        The number of scores that it must have.
    name : str
        Name of the metric, for the message.

    Returns
    -------
    ndarray
        The scores.

    Raises
    ------
    ValueError
        If they are not an array of shape (number,).
    """
    if np.shape(scores) != (number,):
        raise ValueError(f"{name} returned scores of shape {np.shape(scores)}, not {(number,)}")
    return scores
