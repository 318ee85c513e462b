"""Predicted against true numbers: the difference over their mean (Bland & Altman 1986), and over the true number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.report.figures import style
from bench.report.figures.panels import beneath, named, panels
from bench.report.tables.arm_selection import PooledPredictions, told

DENSE = 600  # points; more are shown as a density


def agreement(found: Mapping[str, PooledPredictions], unit: str) -> Figure:
    """Two panels for every arm: the difference against the mean of both, and against the true number.

    Under the arm's name: the mean difference, the distance of the limits of agreement from it, and the slope.
    """
    unit = f" ({unit})" if unit else ""
    with style.paper():
        words = [_words(said) for said in found.values()]
        drawn, grid = panels(list(found), [1.2, 1.2], words, room=0.6, own=(0, 1) if _apart(found) else ())
        for said, (above, below) in zip(found.values(), grid, strict=True):
            bland_altman(above, said.y, said.said)
            gap(below, said.y, said.said)
            above.tick_params(labelbottom=True)
            above.set_xlabel(f"Mean of both{unit}", fontsize=7, labelpad=1)
        named(grid, f"True{unit}", "Predicted \u2212 true", "Predicted \u2212 true")
        beneath(drawn, _marks())
    return drawn


def bland_altman(axes: Axes, y: np.ndarray, said: np.ndarray) -> None:
    """said - y against their mean, with the mean difference and the limits of agreement, +- 1.96 deviations (n - 1)."""
    gaps, middle = said - y, (said + y) / 2
    _points(axes, middle, gaps)
    bias = float(gaps.mean())
    reach = 1.96 * float(gaps.std(ddof=1)) if len(gaps) > 1 else float("nan")
    axes.axhline(bias, color=style.BLUE, lw=1.2, zorder=3)
    for limit in (bias - reach, bias + reach) if np.isfinite(reach) else ():
        axes.axhline(limit, color=style.BLUE, lw=0.9, ls=style.DASHES[0], zorder=3)


def gap(axes: Axes, y: np.ndarray, said: np.ndarray) -> None:
    """said - y against y, with the line of least squares: without bias it lies on 0."""
    _points(axes, y, said - y)
    axes.axhline(0, color=style.PALE, lw=2, zorder=0)
    if fitted := line(y, said - y):
        slope, start = fitted
        ends = np.array([y.min(), y.max()])
        axes.plot(ends, start + slope * ends, color=style.ORANGE, lw=1.2, zorder=3)


def line(x: np.ndarray, y: np.ndarray) -> tuple[float, float] | None:
    """Slope and start of the line of least squares; None of fewer than three points, or where x does not vary."""
    if len(x) < 3 or np.ptp(x) == 0:
        return None
    slope, start = np.polyfit(x, y, 1)
    return float(slope), float(start)


def _points(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    if len(x) > DENSE:
        axes.hexbin(x, y, gridsize=28, mincnt=1, cmap="Greys", bins="log", linewidths=0.1, zorder=1)
    else:
        axes.plot(x, y, ls="", marker="o", ms=2.2, mfc="none", mec=style.GREY, mew=0.5, zorder=1)
    axes.margins(0.06)


def _words(said: PooledPredictions) -> str:
    """Mean difference, half the distance of the limits, and the slope over the true number."""
    gaps = said.said - said.y
    reach = 1.96 * float(gaps.std(ddof=1)) if len(gaps) > 1 else float("nan")
    slope = line(said.y, gaps)
    tail = f", slope {told(slope[0])}" if slope else ""
    return f"{told(float(gaps.mean()))} \u00b1 {told(reach)}{tail}"


def _apart(found: Mapping[str, PooledPredictions]) -> bool:
    """Whether differences of one arm are so much larger than those of another that one scale would hide the latter."""
    widths = [float(np.ptp(said.said - said.y)) for said in found.values()]
    return max(widths) > 4 * min(widths)


def _marks() -> list[Line2D]:
    return [
        Line2D([], [], ls="", marker="o", ms=2.2, mfc="none", mec=style.GREY, mew=0.5, label="a scan"),
        Line2D([], [], color=style.BLUE, lw=1.2, label="mean difference"),
        Line2D([], [], color=style.BLUE, lw=0.9, ls=style.DASHES[0], label="limits of agreement (95 %)"),
        Line2D([], [], color=style.ORANGE, lw=1.2, label="line of least squares"),
    ]
