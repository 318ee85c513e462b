"""Predicted against true numbers: the difference over their mean (Bland & Altman 1986), and over the true number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.figures import style
from bench.figures.panels import SMALL, beneath, named, panels
from bench.tables.shown import Said, told

DENSE = 600  # points; more are shown as a density


def agreement(found: Mapping[str, Said], unit: str) -> Figure:
    """Two panels for every arm: the difference against the mean of both, and against the true number."""
    unit = f" ({unit})" if unit else ""
    with style.paper():
        drawn, grid = panels(list(found), [1.25, 1.25])
        for said, (above, below) in zip(found.values(), grid, strict=True):
            bland_altman(above, said.y, said.said)
            gap(below, said.y, said.said)
            above.tick_params(labelbottom=True)
        for column in grid:
            column[0].set_xlabel(f"Mean of both{unit}", fontsize=7)
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
    _said(axes, f"mean {told(bias)}, limits \u00b1{told(reach)}")


def gap(axes: Axes, y: np.ndarray, said: np.ndarray) -> None:
    """said - y against y, with the line of least squares: without bias it lies on 0."""
    _points(axes, y, said - y)
    axes.axhline(0, color=style.PALE, lw=2, zorder=0)
    if np.ptp(y) == 0 or len(y) < 3:
        return
    slope, start = np.polyfit(y, said - y, 1)
    ends = np.array([y.min(), y.max()])
    axes.plot(ends, start + slope * ends, color=style.ORANGE, lw=1.2, zorder=3)
    _said(axes, f"slope {told(float(slope))}")


def _points(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    if len(x) > DENSE:
        axes.hexbin(x, y, gridsize=28, mincnt=1, cmap="Greys", bins="log", linewidths=0.1, zorder=1)
    else:
        axes.plot(x, y, ls="", marker="o", ms=2.2, mfc="none", mec=style.GREY, mew=0.5, zorder=1)
    axes.margins(0.06)


def _said(axes: Axes, words: str) -> None:
    axes.set_title(words, fontsize=SMALL, loc="right", pad=1.5, color=style.INK) if not axes.get_title() else axes.text(
        0.97, 0.97, words, transform=axes.transAxes, ha="right", va="top", fontsize=SMALL,
        bbox=style.VEIL, zorder=4,
    )  # fmt: skip


def _marks() -> list[Line2D]:
    return [
        Line2D([], [], ls="", marker="o", ms=2.2, mfc="none", mec=style.GREY, mew=0.5, label="a scan"),
        Line2D([], [], color=style.BLUE, lw=1.2, label="mean difference"),
        Line2D([], [], color=style.BLUE, lw=0.9, ls=style.DASHES[0], label="limits of agreement (95 %)"),
        Line2D([], [], color=style.ORANGE, lw=1.2, label="line of least squares"),
    ]
