"""Coefficients of approximate rank pooling, against the formulas of their authors in exact fractions."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate

from bench.analysis.verify.yardstick import Yardstick, in_code
from bench.views.rank_pooling import rank_pooling_weights

MOST = 128  # slices
BILEN = "Bilen et al., CVPR 2016; hbilen/dynamic-image-nets, arpool: fw(i) = sum((2*(i:N)-N-1) ./ (i:N))"
LINEAR = "Bilen et al., IEEE TPAMI 2018: alpha_t = 2t - T - 1"


def _running_means(slices: int) -> list[Fraction]:
    """The coefficient of each slice as the authors' program sums it: from each slice to the last."""
    terms = [Fraction(2 * i - slices - 1, i) for i in range(slices, 0, -1)]
    return list(accumulate(terms))[::-1]


def _ranks(slices: int) -> list[Fraction]:
    return [Fraction(2 * t - slices - 1) for t in range(1, slices + 1)]


def _furthest(kind: str, exact: Callable[[int], list[Fraction]]) -> float:
    """The largest difference of a coefficient, over all numbers of slices, in parts of the largest coefficient."""
    worst = Fraction()
    for slices in range(2, MOST + 1):
        right = exact(slices)
        ours = [Fraction(float(weight)) for weight in rank_pooling_weights(slices, kind)]
        largest = max(map(abs, right))
        worst = max(worst, *(abs(a - b) / largest for a, b in zip(ours, right, strict=True)))
    return float(worst)


def _coefficient(slices: int, at: int) -> float:
    return float(rank_pooling_weights(slices, "bilen")[at])


YARDSTICKS = [
    Yardstick("rank_pooling_bilen", f"largest relative difference of a coefficient, 2 to {MOST} slices",
              "0.000000000000", BILEN, in_code(lambda: _furthest("bilen", _running_means))),
    Yardstick("rank_pooling_linear", f"the same for the coefficients without running means, 2 to {MOST} slices",
              "0.000000000000", LINEAR, in_code(lambda: _furthest("linear", _ranks))),
    Yardstick("rank_pooling_first", "coefficient of the first of 4 slices: -3 - 1/2 + 1/3 + 3/4",
              "-2.416667", BILEN, in_code(lambda: _coefficient(4, 0))),
    Yardstick("rank_pooling_last", "coefficient of the last of 4 slices: 3/4", "0.75", BILEN,
              in_code(lambda: _coefficient(4, 3))),
]  # fmt: skip
