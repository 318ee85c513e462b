"""The test that decides a contrast, which asks whether one method is better than another on people like these.

The unit is a person. Each person's contributions to the difference of two arms are averaged over partitions, folds and
seeds. Their variance over people is the variance of the difference over test people. It is multiplied by an allowance
for training parts that folds share, and the variance of training is added: the part of the spread over folds that the
people of the folds do not explain. The t statistic has degrees of freedom by Welch and Satterthwaite.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.evaluation.detectable_difference import detectable
from bench.evaluation.shared_training import repeated_sharing

TINY = 1e-12


@dataclass(frozen=True)
class FoldDifference:
    """The difference of two arms in one fold of one partition, averaged over seeds, by scan.

    Attributes
    ----------
    partition, fold : int
    difference : float
        In the unit of the metric, positive where the first arm is better.
    values : ndarray of shape (N,)
        Contributions of the scans of the test part, see `bench.evaluation.contributions`.
    strata : ndarray of shape (N,)
        The mean of the values of each stratum is the difference.
    people : ndarray of shape (N,)
        Group of each scan.
    """

    partition: int
    fold: int
    difference: float
    values: np.ndarray
    strata: np.ndarray
    people: np.ndarray


@dataclass(frozen=True)
class PeopleTest:
    """The tested difference of two methods; NaN where a test is not possible, with the reason.

    Attributes
    ----------
    mean, se, low, high : float
        Difference, its standard error, and its interval, in the unit of the metric.
    t, df, p : float
        Statistic, degrees of freedom, and two-sided p before any correction for several contrasts.
    se_people, se_training : float
        Standard errors due to people (with the allowance) and due to training.
    people : int
        Number of groups.
    level : float
        Coverage of the interval.
    reason : str
        Why there is no p.
    """

    about: ClassVar[str] = "the methods, over people, partitions and seeds"
    mean: float
    se: float
    low: float
    high: float
    t: float
    df: float
    p: float
    se_people: float
    se_training: float
    people: int
    level: float = 0.95
    reason: str = ""

    def detectable(self, tests: int = 1) -> float:
        """The difference that such a study shows in 80 % of cases, after Holm's correction.

        Parameters
        ----------
        tests : int
            Tests that share the correction.

        Returns
        -------
        float
        """
        return detectable(self.se, self.df, tests) if not math.isnan(self.p) else math.nan


def people_test(
    folds: Sequence[FoldDifference],
    sharing: float,
    same_people: bool = False,
    train_to_test: float = 0.0,
    level: float = 0.95,
) -> PeopleTest:
    """Test whether the mean difference over folds is 0.

    In simulations with refitting (83 worlds, 100 to 400 studies each) the test rejects true nulls in 0 to 6 %, also
    where a fifth of the trainings fail: there a test without the variance of training rejects 23 to 57 % of them at one
    partition. `results/reference/deciding` has the worlds, rival tests, and the power.

    Parameters
    ----------
    folds : sequence of FoldDifference
    sharing : float
        Factor by which shared training parts increase the variance due to people in one partition:
        `bench.evaluation.inflation` of the folds with `fold_correlation`. About 1.8 for any number of folds of a
        cross-validation; 1 if no model is trained on the test part of another. `repeated_sharing` makes it that for the
        partitions of the folds.
    same_people : bool
        Whether all models are tested on the same people, who are in no training part. The variance of training is then
        that of the corrected resampled t-test.
    train_to_test : float
        Size of a test part of the data set that models are trained on over that of its training part, if `same_people`.
    level : float
        Coverage of the interval, in (0, 1).

    Returns
    -------
    PeopleTest
        NaN with a reason if there is no fold, one person, or one model for each arm, whose training variance is
        unknown.

    References
    ----------
    Obuchowski, Biometrics 1997 (groups); Nadeau & Bengio, Machine Learning 2003; Welch, Biometrika 1947.
    """
    if not folds:
        return untested(math.nan, 0, level, "no fold has both arms")
    mean = float(np.mean([fold.difference for fold in folds]))
    number = len(set().union(*(fold.people.tolist() for fold in folds)))
    if number < 3:
        return untested(mean, number, level, f"{number} people; at least 3 are needed")
    if len(folds) < 2:
        return untested(mean, number, level, "with one fold the variance of training is unknown")
    partitions = len({fold.partition for fold in folds})
    factor = repeated_sharing(sharing, len(folds) / partitions, partitions)
    parts = [(factor * variance, df) for variance, df in people_variances(folds)]
    training = _training_outside(folds, train_to_test) if same_people else training_variance(folds)
    return welch_test(mean, parts, [training], number, level)


def people_variances(folds: Sequence[FoldDifference]) -> list[tuple[float, float]]:
    """Variance of the mean difference due to people, for each stratum; people in two divide their covariance.

    Parameters
    ----------
    folds : sequence of FoldDifference

    Returns
    -------
    list of (float, float)
        Variance and degrees of freedom; strata of one person are left out.
    """
    _, sums, counts = person_influences(folds)
    total = np.sum(sums, axis=0)
    return [
        (count / (count - 1) * max(0.0, float(each @ total)), count - 1.0)
        for each, count in zip(sums, counts, strict=True)
        if count > 1
    ]


def person_influences(folds: Sequence[FoldDifference]) -> tuple[np.ndarray, list[np.ndarray], list[int]]:
    """What each person contributes to the mean difference beyond the mean of the others.

    Parameters
    ----------
    folds : sequence of FoldDifference

    Returns
    -------
    ndarray of shape (P,)
        The people, sorted.
    list of ndarray of shape (P,)
        For each stratum the sums over the scans of a person, in the unit of the metric.
    list of int
        People of each stratum.
    """
    names, people, strata, influences = _influences(folds)
    sums = [np.bincount(people[rows], influences[rows], len(names)) for rows in strata]
    return names, sums, [len(np.unique(people[rows])) for rows in strata]


def _influences(folds: Sequence[FoldDifference]) -> tuple[np.ndarray, np.ndarray, list[np.ndarray], np.ndarray]:
    """People (P,), person (N,) by number, rows of each stratum, and influence (N,) on the mean, of all scans.

    The influence of a scan is its distance from the mean of its stratum over folds, by its weight in the mean.
    """
    labels = np.concatenate([fold.strata for fold in folds])
    place = np.repeat(np.arange(len(folds)), [len(fold.strata) for fold in folds])
    values = np.concatenate([fold.values for fold in folds])
    influences, strata = np.zeros(len(values)), []
    for label in np.unique(labels):
        rows = labels == label
        counts = np.bincount(place[rows], minlength=len(folds))
        means = np.bincount(place[rows], values[rows], len(folds))[counts > 0] / counts[counts > 0]
        influences[rows] = (values[rows] - means.mean()) / (counts[place[rows]] * len(folds))
        strata.append(rows)
    names, people = np.unique(np.concatenate([fold.people for fold in folds]), return_inverse=True)
    return names, people, strata, influences


def training_variance(folds: Sequence[FoldDifference]) -> tuple[float, float]:
    """Variance of the mean due to training, and its degrees of freedom.

    It is the spread of the differences over the folds of a partition beyond the variance due to the people of a fold,
    divided by the number of folds; 0 where people explain the whole spread.

    Parameters
    ----------
    folds : sequence of FoldDifference

    Returns
    -------
    (float, float)
        Variance and degrees of freedom; 0 and 1 with one fold per partition.
    """
    partitions: dict[int, list[FoldDifference]] = defaultdict(list)
    for fold in folds:
        partitions[fold.partition].append(fold)
    several = [part for part in partitions.values() if len(part) > 1]
    df = sum(len(part) - 1 for part in several)
    if not df:
        return 0.0, 1.0
    spread = sum(float(np.var([fold.difference for fold in part]) * len(part)) for part in several) / df
    explained = np.mean([sum(variance for variance, _ in people_variances([fold])) for fold in folds])
    return max(0.0, spread - float(explained)) / len(folds), float(df)


def _training_outside(folds: Sequence[FoldDifference], ratio: float) -> tuple[float, float]:
    """Variance of the mean due to training where all models are tested on the same other people."""
    means = np.array([fold.difference for fold in folds])
    return float(means.var(ddof=1)) * (1 / len(means) + ratio), len(means) - 1.0


def welch_test(
    mean: float,
    people: Sequence[tuple[float, float]],
    training: Sequence[tuple[float, float]],
    number: int,
    level: float = 0.95,
) -> PeopleTest:
    """The t test of a difference from the parts of its variance; degrees of freedom by Welch and Satterthwaite.

    Parameters
    ----------
    mean : float
    people, training : sequence of (variance, degrees of freedom)
        Parts due to people and due to training.
    number : int
        Number of groups.
    level : float
        Coverage of the interval, in (0, 1).

    Returns
    -------
    PeopleTest
        NaN with a reason where nothing varies and the mean is not 0.
    """
    from scipy.special import stdtr, stdtrit

    parts = [(variance, df) for variance, df in (*people, *training) if df > 0]
    sums = [sum(variance for variance, _ in each) for each in (people, training)]
    variance = sum(sums)
    if variance <= TINY**2:
        if abs(mean) <= TINY:
            return PeopleTest(0.0, 0.0, 0.0, 0.0, 0.0, number - 1.0, 1.0, 0.0, 0.0, number, level)
        return untested(mean, number, level, "the difference is the same for every person: its error is unknown", 0.0)
    df = variance**2 / sum(each**2 / df for each, df in parts)
    se = math.sqrt(variance)
    reach = float(stdtrit(df, (1 + level) / 2)) * se
    p = 2 * float(stdtr(df, -abs(mean) / se))
    errors = (math.sqrt(each) for each in sums)
    return PeopleTest(mean, se, mean - reach, mean + reach, mean / se, df, p, *errors, number, level)


def untested(mean: float, people: int, level: float, reason: str, se: float = math.nan) -> PeopleTest:
    """A difference that cannot be tested, with the reason.

    Parameters
    ----------
    mean, people, level, reason, se
        As in `PeopleTest`.

    Returns
    -------
    PeopleTest
    """
    return PeopleTest(mean, se, *(math.nan,) * 7, people, level, reason)
