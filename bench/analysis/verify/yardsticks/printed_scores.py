"""Scores of small examples, as the documentation and the tests of other programs print them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.analysis.verify.yardstick import Yardstick, in_code
from bench.evaluation.metrics import metric

SKLEARN = "scikit-learn, documentation of {function}"
MONAI = "MONAI, tests/metrics/test_hausdorff_distance.py: spheres of radius 20 and 40, 95 % quantile, both directions"
BOXES = "closed form: two cubes of 10 x 10 x 10 voxels, one moved by 2 along an axis"
RANKED = ((0, 0, 1, 1), (0.1, 0.4, 0.35, 0.8))
CALLED = ((0, 1, 0, 0, 1, 0), (0, 1, 0, 0, 0, 1))
THREE = ((0, 1, 2, 0, 1, 2), (0, 2, 1, 0, 0, 1))
NUMBERS = ((3, -0.5, 2, 7), (2.5, 0.0, 2, 8))


def _classes(name: str, truth: Sequence[int], second: Sequence[float]) -> float:
    """The score where the probability of the second of two classes is given."""
    p = np.array(second, dtype=float)
    return metric(name)(np.array(truth), np.stack([1 - p, p], axis=1))


def _calls(name: str, truth: Sequence[int], called: Sequence[int]) -> float:
    """The score where one class is called with certainty."""
    return metric(name)(np.array(truth), np.eye(max(truth) + 1)[list(called)])


def _regressed(name: str) -> float:
    return metric(name)(*(np.array(each, dtype=float) for each in NUMBERS))


def _sphere(radius: float) -> np.ndarray:
    """One label map with a sphere that the border of the map cuts."""
    squares = ((np.ogrid[:99, :1, :1][0] - 20) ** 2, (np.ogrid[:1, :99, :1][1] - 33) ** 2,
               (np.ogrid[:1, :1, :99][2] - 22) ** 2)  # fmt: skip
    return (sum(squares) <= radius**2).astype(np.int64)[None]


def _boxes(name: str) -> float:
    fixed = np.zeros((1, 16, 16, 16), dtype=np.int64)
    moved = fixed.copy()
    fixed[0, 2:12, 3:13, 3:13] = 1
    moved[0, 4:14, 3:13, 3:13] = 1
    return metric(name)(fixed, moved)


def _documented(function: str) -> str:
    return SKLEARN.format(function=function)


YARDSTICKS = [
    Yardstick("average_precision", "average precision of four scans", "0.83", _documented("average_precision_score"),
              in_code(lambda: _classes("average_precision", *RANKED))),
    Yardstick("brier", "Brier score of four scans", "0.0375", _documented("brier_score_loss"),
              in_code(lambda: _classes("brier", (0, 1, 1, 0), (0.1, 0.9, 0.8, 0.3)))),
    Yardstick("log_loss", "log loss of four scans", "0.21616", _documented("log_loss"),
              in_code(lambda: _classes("log_loss", (1, 0, 0, 1), (0.9, 0.1, 0.2, 0.65)))),
    Yardstick("balanced_accuracy", "balanced accuracy of six scans", "0.625", _documented("balanced_accuracy_score"),
              in_code(lambda: _calls("balanced_accuracy", *CALLED))),
    Yardstick("mcc", "correlation of Matthews for four scans", "-0.33", _documented("matthews_corrcoef"),
              in_code(lambda: _calls("mcc", (1, 1, 1, 0), (1, 0, 1, 1)))),
    Yardstick("f1", "mean F1 over three classes", "0.267", _documented("f1_score"),
              in_code(lambda: _calls("f1", *THREE))),
    Yardstick("mae", "mean absolute error of four numbers", "0.5", _documented("mean_absolute_error"),
              in_code(lambda: _regressed("mae"))),
    Yardstick("rmse", "root of the mean squared error of four numbers", "0.612",
              _documented("root_mean_squared_error"), in_code(lambda: _regressed("rmse"))),
    Yardstick("r2", "R2 of four numbers; the source cuts the digits", "0.948", _documented("r2_score"),
              in_code(lambda: _regressed("r2")), roundings=2),
    Yardstick("hd95", "95 % quantile of the surface distance of two spheres", "20.09975124224178", MONAI,
              in_code(lambda: metric("hd95")(_sphere(20), _sphere(40)))),
    Yardstick("dice_boxes", "Dice of two cubes: 8/10", "0.8", BOXES, in_code(lambda: _boxes("dice"))),
    Yardstick("hd95_boxes", "95 % quantile of their surface distance", "2", BOXES, in_code(lambda: _boxes("hd95"))),
]  # fmt: skip
