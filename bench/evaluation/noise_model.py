"""The noise of a contrast: why repeated studies of the same two arms would find different differences.

The difference of two arms has three sources of noise. People differ in what they contribute to it: one part of that
stays the same whatever the training (`stable`), another changes with every training (`noisy`), so that partitions and
seeds average it out. And a training moves all people of a fold together (`training`). With n people, K folds,
P partitions and S seeds

    se^2 = sharing (stable + noisy / (P S)) / n + training / (P K S),

where `sharing` is the allowance for training parts that folds share, as in `bench.evaluation.shared_training`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.evaluation.person_test import FoldDifference, people_variances, training_variance

TINY = 1e-12
STABLE_SHARE = 0.7  # of the variance over people, where the records of one training do not show it


@dataclass(frozen=True)
class NoiseModel:
    """Variances of a contrast, in the squared unit of the metric.

    Attributes
    ----------
    stable, noisy : float
        Variance over people of the contribution of a person: the part that stays, and the part of one training.
    training : float
        Variance of the difference of a fold by one training, beyond its people.
    df_share : float
        Degrees of freedom of the variance over people, over the number of people.
    """

    stable: float
    noisy: float
    training: float
    df_share: float = 1.0


def estimate_noise(folds: Sequence[FoldDifference], same_people: bool = False) -> NoiseModel | None:
    """Estimate the variances from differences by the method of moments.

    Parameters
    ----------
    folds : sequence of FoldDifference
        Each of one training of both arms: several seeds are several passes, each with a `partition` of its own. Passes
        with fewer folds than others are left out.
    same_people : bool
        Whether all models are tested on the same people.

    Returns
    -------
    NoiseModel or None
        None for fewer than two folds or three people, and where nothing varies, as for arms without an error. One pass
        does not show which part of the variance over people is stable: it is then `STABLE_SHARE`. With it the prior of
        an AUC has the standard errors of simulations with refitting: about .055 for one partition of 198 people, .040
        for ten, .038 for very many.
    """
    folds = _whole_passes(folds)
    number = len(set().union(*(fold.people.tolist() for fold in folds)))
    if len(folds) < 2 or number < 3:
        return None
    parts = people_variances(folds)
    together = number * sum(variance for variance, _ in parts)
    if same_people:
        single = number * float(np.mean([sum(v for v, _ in people_variances([fold])) for fold in folds]))
        spread = float(np.var([fold.difference for fold in folds], ddof=1))
        stable, noisy = _separated(single, together, len(folds))
        training = max(0.0, spread - noisy / number)
    else:
        training = training_variance(folds)[0] * len(folds)
        passes = _passes(folds)
        each = [_people(one) * sum(v for v, _ in people_variances(one)) for one in passes]
        single = max(0.0, float(np.mean(each)) - training)
        stable, noisy = _separated(single, together - training / len(passes), len(passes))
    found = NoiseModel(stable, noisy, training, welch_df(parts) / number if together else 1.0)
    return found if stable + noisy + training > TINY else None


def mean_noise(models: Sequence[NoiseModel]) -> NoiseModel:
    """Average the variances of several contrasts.

    Parameters
    ----------
    models : sequence of NoiseModel
        At least one.

    Returns
    -------
    NoiseModel
    """
    names = ("stable", "noisy", "training", "df_share")
    return NoiseModel(*(float(np.mean([getattr(model, name) for model in models])) for name in names))


def _whole_passes(folds: Sequence[FoldDifference]) -> list[FoldDifference]:
    passes = _passes(folds)
    most = max((len(one) for one in passes), default=0)
    return [fold for one in passes if len(one) == most for fold in one]


def _passes(folds: Sequence[FoldDifference]) -> list[list[FoldDifference]]:
    passes: dict[int, list[FoldDifference]] = defaultdict(list)
    for fold in folds:
        passes[fold.partition].append(fold)
    return list(passes.values())


def _people(folds: Sequence[FoldDifference]) -> int:
    return len(set().union(*(fold.people.tolist() for fold in folds)))


def _separated(single: float, together: float, trainings: int) -> tuple[float, float]:
    """The stable and the noisy variance of a person, from that of one training and that of the mean of several."""
    if trainings < 2:
        return STABLE_SHARE * single, (1 - STABLE_SHARE) * single
    noisy = min(max(0.0, (single - together) / (1 - 1 / trainings)), single)
    return single - noisy, noisy


def welch_df(parts: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum of independent variances, by Welch and Satterthwaite.

    Parameters
    ----------
    parts : sequence of (float, float)
        Variance and degrees of freedom of each part.

    Returns
    -------
    float
        The greatest of the parts if all variances are 0.
    """
    total = sum(variance for variance, _ in parts)
    if total <= 0:
        return max(df for _, df in parts)
    return 1 / sum((variance / total) ** 2 / df for variance, df in parts)
