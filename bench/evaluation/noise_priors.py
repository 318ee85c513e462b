"""What is assumed of the noise of a contrast before there are records of similar arms, by metric, with the reason.

The arms are assumed to be of middle quality and to err alike: their errors correlate by one half, so that the variance
of a difference is that of one arm. The share `STABLE_SHARE` of the variance over people is assumed to stay with every
training. Two trainings of one network on 198 brains differed by .05 to .07 of AUC in a fold, of which a part is
due to people, so .05 is assumed for training in proportions; the other values are given with each metric.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.core import Task, task_kind
from bench.evaluation.metrics import Metric, metric
from bench.evaluation.noise_model import STABLE_SHARE, NoiseModel

AREA = 0.75  # of binormal scores
RIGHT = 0.75  # share of scans that an arm classifies correctly
TRAINING = 0.05  # standard deviation of a fold's difference of proportions
DICE, DICE_TRAINING = 0.05, 0.01
ERROR, ERROR_TRAINING = 0.5, 0.05  # of predicted numbers, in spreads of the targets
LOG_LOSS = 0.41  # standard deviation of the loss of calibrated binormal scores at AREA


@dataclass(frozen=True)
class NoisePrior:
    """Assumed noise of a contrast.

    Attributes
    ----------
    noise : NoiseModel or None
        None where nothing can be assumed.
    reason : str
        The assumptions, or what is missing, in words.
    """

    noise: NoiseModel | None
    reason: str


def prior_noise(task: Task, class_people: Sequence[float] = (), spread: float = math.nan) -> NoisePrior:
    """The noise that is assumed of a contrast on a task.

    Parameters
    ----------
    task : Task
    class_people : sequence of float
        Number of people in each class; classes of equal size if it is empty.
    spread : float
        Standard deviation of the targets, in their unit; NaN if it is unknown.

    Returns
    -------
    NoisePrior
    """
    judge = metric(task.primary)
    shares = _shares(task, class_people)
    if judge.name == "auc":
        sizes = f"binormal scores with an AUC of {AREA:g}"
        return _prior(_area_variance(shares), TRAINING, sizes, 2 * min(shares) if len(shares) == 2 else 1.0)
    if judge.kind == "classification":
        return _classification(judge, shares)
    if task_kind(judge.kind).per_voxel:
        if judge.unit or not math.isfinite(judge.high):
            return _unknown(judge)
        return _prior(DICE**2, DICE_TRAINING, f"differences of {DICE:g} between the scans of one person and another")
    return _regression(judge, spread)


def _shares(task: Task, class_people: Sequence[float]) -> list[float]:
    """Shares of the people in each class; equal ones where they are unknown, or a class has nobody."""
    if len(class_people) < 2 or min(class_people) <= 0:
        return [1 / max(2, len(task.classes))] * max(2, len(task.classes))
    return [count / sum(class_people) for count in class_people]


def _area_variance(shares: Sequence[float]) -> float:
    """Variance over people of a difference of areas; for several classes, of the mean of each against the others."""
    from scipy.special import ndtri, owens_t

    distance = float(ndtri(AREA))
    variance = AREA - 2 * float(owens_t(distance, math.sqrt(1 / 3))) - AREA**2  # of a placement
    if len(shares) == 2:
        return variance * sum(1 / share for share in shares)
    return variance * sum(1 / share + 1 / (1 - share) for share in shares) / len(shares) ** 2


def _classification(judge: Metric, shares: Sequence[float]) -> NoisePrior:
    if judge.name == "log_loss":
        return _prior(LOG_LOSS**2, TRAINING, f"calibrated binormal scores with an AUC of {AREA:g}")
    if not math.isfinite(judge.high - judge.low):
        return _unknown(judge)
    variance = RIGHT * (1 - RIGHT) * (judge.high - judge.low) ** 2
    sizes = f"binomial errors, {RIGHT:.0%} of the scans classified correctly"
    if judge.name == "balanced_accuracy":
        weighted = sum(1 / share for share in shares) / len(shares) ** 2
        return _prior(variance * weighted, TRAINING, sizes, min(1.0, len(shares) * min(shares)))
    share = {"sensitivity": shares[1], "specificity": shares[0]}.get(judge.name, 1.0)
    return _prior(variance / share, TRAINING * (judge.high - judge.low), sizes, share)


def _regression(judge: Metric, spread: float) -> NoisePrior:
    """Normal errors; the variances are those of the influence of a scan on the metric."""
    explained = 1 - ERROR**2
    known = {  # variance, in squared spreads or without unit
        "mae": (1 - 2 / math.pi) * ERROR**2,
        "rmse": ERROR**2 / 2,
        "gap": ERROR**2,
        "correlation": (1 - explained) ** 2,
        "r2": 2 * ERROR**4,
    }
    if judge.name not in known:
        return _unknown(judge)
    sizes = f"errors of {ERROR:g} times the spread of the targets"
    unit = spread if judge.unit else 1.0
    if math.isnan(unit):
        return NoisePrior(None, "the spread of the targets is unknown until the data set is prepared")
    words = f"{sizes}, which is {spread:.3g}" if judge.unit else sizes
    return _prior(known[judge.name] * unit**2, ERROR_TRAINING * unit, words)


def _prior(variance: float, training: float, sizes: str, df_share: float = 1.0) -> NoisePrior:
    """training: standard deviation of the difference of a fold."""
    stable = STABLE_SHARE * variance
    words = f"{sizes}, errors of two arms that correlate by 0.5, and {training:.2g} between two trainings in a fold"
    return NoisePrior(NoiseModel(stable, variance - stable, training**2, df_share), words)


def _unknown(judge: Metric) -> NoisePrior:
    return NoisePrior(None, f"nothing is assumed of the noise of {judge.title}; records of a first run would show it")
