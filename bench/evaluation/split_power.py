"""What a comparison of two splits could show: the standard error that its test is expected to have."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from bench.evaluation.design_power import ExpectedError, SamplingDesign, expected_training, variance_over_people
from bench.evaluation.detectable_difference import detectable
from bench.evaluation.noise_model import NoiseModel, welch_df
from bench.evaluation.split_comparison import Part, weighted_parts

MANY = 10_000  # partitions that stand for any number of them


@dataclass(frozen=True)
class SplitDesign:
    """How an arm is compared with itself under two splits.

    Attributes
    ----------
    first, second : SamplingDesign
        The splits; a publisher's has one fold.
    shared : float
        People who are tested under both.
    """

    first: SamplingDesign
    second: SamplingDesign
    shared: float


def expected_split_error(noise: NoiseModel, design: SplitDesign) -> ExpectedError:
    """Predict the standard error of a comparison of two splits.

    Parameters
    ----------
    noise : NoiseModel
        Of the score of one arm, not of a difference of two.
    design : SplitDesign

    Returns
    -------
    ExpectedError
        In the unit of the metric; NaN where `split_test` refuses: for fewer than three people under a split, and where
        a split with one training is compared with fewer than twenty.
    """
    splits = design.first, design.second
    own, seeds = zip(*(_sources(noise, one) for one in splits), strict=True)
    training, _ = weighted_parts(own, seeds, [_trainings(one) for one in splits])
    if not training or not min(one.people for one in splits) >= 3:
        return ExpectedError(math.nan, math.nan)
    parts = [(variance_over_people(noise, one), max(1.0, noise.df_share * one.people)) for one in splits]
    people, df = sum(v for v, _ in parts), welch_df(parts)
    people -= 2 * noise.stable * design.shared / (design.first.people * design.second.people)
    parts = [(max(0.0, people), df), *training]
    return ExpectedError(math.sqrt(sum(v for v, _ in parts)), welch_df(parts))


def detectable_between_splits(noise: NoiseModel, design: SplitDesign, tests: int = 1) -> float:
    """The true difference of two splits that 80 % of studies show, after Holm's correction for `tests` tests.

    Parameters
    ----------
    noise : NoiseModel
        Variances of one arm under the splits.
    design : SplitDesign
        The two designs and the people they share.
    tests : int
        Tests that share the correction.

    Returns
    -------
    float
        In the unit of the metric; NaN where no test is possible.
    """
    error = expected_split_error(noise, design)
    return detectable(error.se, error.df, tests)


def with_any_partitions(design: SplitDesign) -> SplitDesign:
    """The design with so many partitions of the second split that more gain nothing.

    Parameters
    ----------
    design : SplitDesign

    Returns
    -------
    SplitDesign
    """
    return replace(design, second=replace(design.second, partitions=MANY))


def _trainings(one: SamplingDesign) -> float:
    return one.folds * one.partitions * one.seeds


def _sources(noise: NoiseModel, one: SamplingDesign) -> tuple[Part | None, Part | None]:
    """The expected estimates of the variance of one training: from the folds, and from the seeds of a single fold."""
    if one.folds > 1:
        variance, df = expected_training(noise, one)
        return (variance * _trainings(one), df), None
    return None, ((noise.training + noise.noisy / one.people, one.seeds - 1.0) if one.seeds > 1 else None)
