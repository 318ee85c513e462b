"""How much the training parts that folds share increase the variance of a mean over several partitions."""

from __future__ import annotations

import math


def repeated_sharing(sharing: float, folds: float, partitions: float) -> float:
    """The factor on the variance due to people for several partitions, from that for one.

    A pair of people adds to the score when one is tested by a model that learnt from the other. Where there is nothing
    to learn and a model is a sum over its training scans, what a pair adds is the same either way. Of all pairs,
    q = (folds - 1) / folds are in different folds; a model learns from a person outside its test part with probability
    f = sharing - 1. The more partitions, the more pairs occur in both ways, and the factor is

        1 + f (1 + (partitions - 1) q) / (1 + (partitions - 1) q f).

    Parameters
    ----------
    sharing : float
        Factor for one partition, at least 1.
    folds : float
        Folds of each partition.
    partitions : float
        May be infinite.

    Returns
    -------
    float
        At most 2: 1.8, 1.93, 1.97 and 2 for 1, 4, 10 and any number of partitions of five folds with validation parts.
    """
    learnt, apart = max(0.0, sharing - 1), (folds - 1) / folds
    if math.isinf(partitions) and learnt > 0 and apart > 0:
        return 2.0
    more = (partitions - 1) * apart if learnt else 0.0
    return 1 + learnt * (1 + more) / (1 + more * learnt)
