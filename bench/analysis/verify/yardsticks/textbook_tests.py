"""Worked examples of tests and intervals, with the numbers that textbooks and other programs print."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from bench.analysis.verify.yardstick import Yardstick, in_code
from bench.evaluation.case_differences import CaseDifference, case_differences
from bench.evaluation.delong import AucEstimate, areas
from bench.evaluation.fold_tests import Contrast, corrected_interval, holm
from bench.evaluation.mean_ranks import Ranks, rank_arms
from bench.evaluation.meta_analysis import PooledEffect, random_effects

STUDENT = "Student, Biometrika 1908 (hours of sleep of ten people); R, t.test(extra ~ group, sleep, paired = TRUE)"
DEMSAR = "Demsar, JMLR 2006, Table 6 (AUC of 4 variants of C4.5 on 14 data sets) and section 3.2"
NEMENYI = "Demsar, JMLR 2006, Table 5a"
COLDITZ = "Colditz et al., JAMA 1994 (BCG vaccine, 13 trials); metafor, tests against metan of Stata, method DL"
SKLEARN = "scikit-learn, example 'Statistical comparison of models using grid search' (1.5), rbf against linear"
IRIS = "yandexdataschool/roc_comparison, test of compare_auc_delong_xu on the iris data"
HOLM = "Wikipedia, Holm-Bonferroni method, example: p = .01, .04, .03, .005 at .05"

SLEEP = {
    "1": (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0),
    "2": (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4),
}
TREES = """.763 .768 .771 .798  .599 .591 .590 .569  .954 .971 .968 .967  .628 .661 .654 .657  .882 .888 .886 .898
.936 .931 .916 .931  .661 .668 .609 .685  .583 .583 .563 .625  .775 .838 .866 .875  1 1 1 1  .940 .962 .965 .962
.619 .666 .614 .669  .972 .981 .97501 .975  .957 .978 .946 .970"""
# The last but one row is printed as .975 and .975, and ranked in the paper as if the third were higher.
VACCINE = """4 119 11 128  6 300 29 274  3 228 11 209  62 13536 248 12619  33 5036 47 5761  180 1361 372 1079
8 2537 10 619  505 87886 499 87892  29 7470 45 7232  17 1699 65 1600  186 50448 141 27197  5 2493 3 2338
27 16886 29 17825"""  # ill and well with the vaccine, ill and well without it


def _table(text: str) -> np.ndarray:
    """Rows of four numbers."""
    return np.array(text.split(), dtype=float).reshape(-1, 4)


@cache
def _sleep() -> CaseDifference:
    return case_differences({name: np.array(hours) for name, hours in SLEEP.items()}, "2")[0]


@cache
def _trees() -> Ranks:
    return rank_arms(_table(TREES))


@cache
def _vaccine() -> PooledEffect:
    ill, well, ill_without, well_without = _table(VACCINE).T
    ratio = np.log(ill / (ill + well)) - np.log(ill_without / (ill_without + well_without))
    variance = 1 / ill - 1 / (ill + well) + 1 / ill_without - 1 / (ill_without + well_without)
    return random_effects(ratio, np.sqrt(variance))


@cache
def _moons() -> Contrast:
    """AUC of two support vector machines over 10 x 10 folds of generated data, as in the example."""
    from sklearn.datasets import make_moons
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
    from sklearn.svm import SVC

    x, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    folds = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    rbf, linear = (
        cross_val_score(SVC(random_state=0, kernel=kernel), x, y, scoring="roc_auc", cv=folds)
        for kernel in ("rbf", "linear")
    )
    return corrected_interval(rbf - linear, 90, 10)


@cache
def _iris() -> AucEstimate:
    """The area of a logistic regression for the second of the three species, trained on a fifth of the flowers."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    x, y = load_iris(return_X_y=True)
    train, test, known, asked = train_test_split(x, (y == 1).astype(int), test_size=0.8, random_state=42)
    fitted = LogisticRegression(solver="lbfgs").fit(train, known)
    return areas(asked == 1, fitted.predict_proba(test)[:, 1])


def _rejected() -> float:
    return float((holm([0.01, 0.04, 0.03, 0.005]) <= 0.05).sum())


def _nemenyi(arms: int) -> float:
    """The critical value of Nemenyi: the critical difference without its factor of the numbers of arms and sets."""
    sets = 2
    scores = np.arange(sets * arms, dtype=float).reshape(sets, arms)
    return rank_arms(scores).critical / math.sqrt(arms * (arms + 1) / (6 * sets))


def _sleep_t() -> float:
    return _sleep().mean / (_sleep().sd / math.sqrt(_sleep().cases))


PAIRED = [
    Yardstick("sleep_difference", "paired difference", "-1.58", STUDENT, in_code(lambda: _sleep().mean)),
    Yardstick("sleep_t", "t of the paired test", "-4.0621", STUDENT, in_code(_sleep_t)),
    Yardstick("sleep_p", "its p", "0.002833", STUDENT, in_code(lambda: _sleep().p)),
    Yardstick("sleep_low", "lower bound of the 95 % interval", "-2.4598858", STUDENT, in_code(lambda: _sleep().low)),
    Yardstick("sleep_high", "upper bound of the 95 % interval", "-0.7001142", STUDENT, in_code(lambda: _sleep().high)),
    Yardstick("holm", "hypotheses rejected after Holm's correction", "2", HOLM, in_code(_rejected)),
]
FOLDS = [
    Yardstick("folds_t", "t corrected for overlapping training parts", "0.750", SKLEARN, in_code(lambda: _moons().t)),
    Yardstick("folds_p", "its one-sided p", "0.227", SKLEARN, in_code(lambda: _moons().p / 2)),
    Yardstick("folds_low", "lower 95 % bound of the difference", "-0.016445", SKLEARN, in_code(lambda: _moons().low)),
    Yardstick("folds_high", "upper 95 % bound of the difference", "0.036445", SKLEARN, in_code(lambda: _moons().high)),
]
RANKS = [
    Yardstick(f"mean_rank_{at + 1}", f"mean rank of variant {at + 1}", rank, DEMSAR,
              in_code(lambda at=at: float(_trees().means[at])))
    for at, rank in enumerate(("3.143", "2.000", "2.893", "1.964"))
] + [
    Yardstick("critical_difference", "critical difference of mean ranks", "1.25", DEMSAR,
              in_code(lambda: _trees().critical)),
    Yardstick("nemenyi_3", "critical value for 3 arms, from a quantile rounded to 3.314", "2.343", NEMENYI,
              in_code(lambda: _nemenyi(3)), roundings=2),
    Yardstick("nemenyi_10", "critical value for 10 arms", "3.164", NEMENYI,
              in_code(lambda: _nemenyi(10))),
]  # fmt: skip
OTHERS = [
    Yardstick("pooled_mean", "pooled log risk ratio", "-0.7141", COLDITZ, in_code(lambda: _vaccine().mean)),
    Yardstick("pooled_tau2", "variance between trials", "0.3088", COLDITZ, in_code(lambda: _vaccine().tau2)),
    Yardstick("pooled_i2", "I2, in %", "92.1173", COLDITZ, in_code(lambda: 100 * _vaccine().i2)),
    Yardstick("pooled_q", "Q of Cochran", "152.2330", COLDITZ, in_code(lambda: _vaccine().q)),
    Yardstick("delong_variance", "variance of an area under the ROC curve by DeLong", "0.0015359814789736538", IRIS,
              in_code(lambda: float(_iris().covariance[0, 0]))),
]  # fmt: skip
YARDSTICKS = [*PAIRED, *FOLDS, *RANKS, *OTHERS]
