"""Formats numbers and lists for a reader."""

from __future__ import annotations

import math
from collections.abc import Collection

from bench.core import plural
from bench.evaluation.metrics import Metric
from bench.storage.anonymise import clean

__all__ = [
    "between",
    "clean",
    "decimals",
    "large",
    "listed",
    "number",
    "p_is",
    "plural",
    "probability",
    "seconds",
    "signed",
]

NOTHING = "\u2013"  # a cell without a number: nothing was measured, nothing is filled in
MINUS = "\u2212"
TIMES = "\u00d7"


def number(value: float, digits: int) -> str:
    """A number with so many decimals, a real minus sign, and a dash if there is none."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", MINUS)


def signed(value: float, digits: int) -> str:
    """A formatted number, with a plus sign if it is positive."""
    text = number(value, digits)
    return f"+{text}" if not math.isnan(value) and float(f"{value:.{digits}f}") > 0 else text


def between(low: float, high: float, digits: int) -> str:
    """An interval in brackets; a dash if there is none."""
    if math.isnan(low) or math.isnan(high):
        return NOTHING
    return f"[{number(low, digits)}, {number(high, digits)}]"


def probability(p: float) -> str:
    """A p value: three decimals, and never 0; more if three do not show on which side of 0.05 it lies."""
    if math.isnan(p):
        return NOTHING
    if p != 0.05 and f"{p:.3f}" == "0.050":
        return ("<" if p < 0.05 else ">") + "0.050" if f"{p:.5f}" == "0.05000" else f"{p:.5f}".rstrip("0")
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def p_is(p: float) -> str:
    """`p = 0.012` or `p < 0.001`, for a sentence."""
    text = probability(p)
    return f"p {text[0]} {text[1:]}" if text.startswith(("<", ">")) else f"p = {text}"


def large(value: float) -> str:
    """A count with three digits and its thousands, millions or milliards: 8.06 M."""
    if math.isnan(value):
        return NOTHING
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= 0.9995 * size:
            return f"{_three(value / size)} {unit}"
    return f"{value:.0f}"


def seconds(value: float) -> str:
    """Seconds with three digits."""
    return NOTHING if math.isnan(value) else _three(value)


def decimals(metric: Metric) -> int:
    """The number of decimals for a score of this metric."""
    return 3 if math.isfinite(metric.low) and math.isfinite(metric.high) else 2


def listed(words: Collection[str]) -> str:
    """`a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _three(value: float) -> str:
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(float(f"{value:.3g}"))))
    return f"{value:.{max(0, min(digits, 6))}f}"
