"""What a design could show: the standard error that the test over people is expected to have, and its inverses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.evaluation.bootstrap import inflation
from bench.evaluation.detectable_difference import detectable
from bench.evaluation.noise_model import NoiseModel, welch_df
from bench.evaluation.score_intervals import fold_correlation
from bench.evaluation.shared_training import repeated_sharing

LEARNT = 0.8  # share of the people outside a test part that are in the training part; the others are for validation
MOST_PEOPLE, MOST_PARTITIONS = 10_000_000, 100_000


@dataclass(frozen=True)
class SamplingDesign:
    """How a contrast is measured.

    Attributes
    ----------
    people : float
        Number of groups that are tested.
    folds : int
    partitions : float
        May be infinite.
    seeds : int
    sharing : float
        Factor on the variance due to people in one partition, see `cross_validation_sharing`.
    same_people : bool
        Whether all models are tested on the same people, who are in no training part.
    train_to_test : float
        Size of a test part of the data set that models are trained on over that of its training part, if `same_people`.
    """

    people: float
    folds: int
    partitions: float = 1
    seeds: int = 1
    sharing: float = 1.0
    same_people: bool = False
    train_to_test: float = 0.0


@dataclass(frozen=True)
class ExpectedError:
    """The standard error that the test over people is expected to have, and its degrees of freedom; NaN: no test."""

    se: float
    df: float


def cross_validation_sharing(folds: int, fraction: float = 1.0) -> float:
    """The factor by which shared training parts increase the variance due to people in one partition.

    Parameters
    ----------
    folds : int
    fraction : float
        Share of the training people that is used, in (0, 1].

    Returns
    -------
    float
        1.8 for any number of folds whose training parts are whole; 1 for one fold.
    """
    return inflation(folds, fold_correlation(folds, LEARNT * fraction * (folds - 1), 1.0))


def expected_error(noise: NoiseModel, design: SamplingDesign) -> ExpectedError:
    """Predict the standard error of a contrast.

    The test estimates the variance of training as the spread over folds beyond that due to people, at least 0. On
    average that is more than the true one where folds are few; the expectation of the estimate is predicted. Where it
    is a large part of the whole, its few degrees of freedom make the test weak: five folds of one partition show
    smaller differences with a thousand people than with ten thousand.

    Parameters
    ----------
    noise : NoiseModel
    design : SamplingDesign

    Returns
    -------
    ExpectedError
        In the unit of the metric; NaN where there are fewer than three people or two folds.
    """
    models = design.partitions * design.folds
    if not design.people >= 3 or models < 2:
        return ExpectedError(math.nan, math.nan)
    people = variance_over_people(noise, design)
    training, df = (_outside_training if design.same_people else expected_training)(noise, design)
    parts = [(people, max(1.0, noise.df_share * design.people)), (training, max(1.0, df))]
    return ExpectedError(math.sqrt(people + training), welch_df(parts))


def variance_over_people(noise: NoiseModel, design: SamplingDesign) -> float:
    """The expected part of the squared standard error that is due to people, with the allowance for shared training.

    Parameters
    ----------
    noise : NoiseModel
        Variances of one contrast.
    design : SamplingDesign
        People, folds, partitions and seeds.

    Returns
    -------
    float
        In the squared unit of the metric.
    """
    averaged = design.partitions * (design.folds if design.same_people else 1)
    sharing = repeated_sharing(design.sharing, design.folds, design.partitions)
    return sharing * (noise.stable + noise.noisy / (averaged * design.seeds)) / design.people


def detectable_difference(noise: NoiseModel, design: SamplingDesign, tests: int = 1) -> float:
    """The true difference that a design shows in 80 % of studies, after Holm's correction for `tests` tests.

    Parameters
    ----------
    noise : NoiseModel
        Variances of one contrast.
    design : SamplingDesign
        People, folds, partitions and seeds.
    tests : int
        Tests that share the correction.

    Returns
    -------
    float
        In the unit of the metric; NaN where no test is possible.
    """
    error = expected_error(noise, design)
    return detectable(error.se, error.df, tests)


def people_needed(noise: NoiseModel, design: SamplingDesign, difference: float, tests: int = 1) -> int | None:
    """The fewest people with whom a design shows a difference in 80 % of studies.

    Parameters
    ----------
    noise : NoiseModel
    design : SamplingDesign
        Its number of people is not used.
    difference : float
        In the unit of the metric, above 0.
    tests : int
        Number of tests that share Holm's correction.

    Returns
    -------
    int or None
        None if no number of people is enough.
    """

    def enough(people: int) -> bool:
        return detectable_difference(noise, replace(design, people=people), tests) <= difference

    return _fewest(enough, 3, MOST_PEOPLE)


def partitions_needed(noise: NoiseModel, design: SamplingDesign, difference: float, tests: int = 1) -> int | None:
    """The fewest partitions with which a design shows a difference in 80 % of studies, with the same people.

    Parameters
    ----------
    noise, design, difference, tests
        As for `people_needed`; the number of partitions of the design is not used.

    Returns
    -------
    int or None
        None if no number of partitions is enough.
    """

    def enough(partitions: float) -> bool:
        return detectable_difference(noise, replace(design, partitions=partitions), tests) <= difference

    return _fewest(enough, 1, MOST_PARTITIONS) if enough(math.inf) or enough(design.partitions) else None


def expected_training(noise: NoiseModel, design: SamplingDesign) -> tuple[float, float]:
    """The expected estimate of the variance of the mean due to training, with its degrees of freedom.

    Parameters
    ----------
    noise : NoiseModel
    design : SamplingDesign
        Of a cross-validation.

    Returns
    -------
    (float, float)
        In the squared unit of the metric; it is at least the true variance, as an estimate cannot be below 0.
    """
    from scipy.special import chdtrc

    df, models = design.partitions * (design.folds - 1), design.partitions * design.folds
    true = noise.training / design.seeds
    if math.isinf(models):
        return 0.0, math.inf
    explained = design.folds * (noise.stable + noise.noisy / design.seeds) / design.people
    spread = explained + true
    if not df or spread <= 0:
        return 0.0, 1.0
    limit = df * explained / spread
    above = spread * float(chdtrc(df + 2, limit)) - explained * float(chdtrc(df, limit))
    return max(true, above) / models, df


def _outside_training(noise: NoiseModel, design: SamplingDesign) -> tuple[float, float]:
    """The same where all models are tested on the same people: as in the corrected resampled t-test."""
    models = design.partitions * design.folds
    spread = (noise.training + noise.noisy / design.people) / design.seeds
    return spread * (1 / models + design.train_to_test), models - 1


def _fewest(enough: Callable[[int], bool], first: int, most: int) -> int | None:
    """The smallest number that is enough, if more is never worse; None if `most` is not."""
    if enough(first):
        return first
    low, high = first, 2 * first
    while not enough(high):
        if high >= most:
            return None
        low, high = high, min(most, 2 * high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
