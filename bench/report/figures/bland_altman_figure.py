"""Predicted against true numbers: the difference over their mean (Bland & Altman 1986), and over the true number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.figures.panels import caption, label_axes, legend_below, panel_grid, predictions_of_arms
from bench.report.tables.arm_selection import PooledPredictions, format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from bench.report.tables import SectionTables

DENSE = 600  # points; more are drawn as a density


def draw_agreement(predictions: Mapping[str, PooledPredictions], unit: str) -> Figure:
    """Two panels for every arm: the difference against the mean of both, and against the true number.

    Under the arm's name: the mean difference, the distance of the limits of agreement from it, and the slope.
    """
    unit = f" ({unit})" if unit else ""
    own_scale = (0, 1) if _ranges_differ(predictions) else ()
    with style.paper_style():
        words = [_words(each) for each in predictions.values()]
        figure, grid = panel_grid(list(predictions), [1.2, 1.2], words, legend_height=0.6, own_scale=own_scale)
        for each, (above, below) in zip(predictions.values(), grid, strict=True):
            draw_bland_altman(above, each.y, each.predictions)
            _draw_over_truth(below, each.y, each.predictions)
            above.tick_params(labelbottom=True)
            above.set_xlabel(f"Mean of both{unit}", fontsize=7, labelpad=1)
        label_axes(grid, f"True{unit}", "Predicted \u2212 true", "Predicted \u2212 true")
        legend_below(figure, _legend_entries())
    return figure


def draw_bland_altman(axes: Axes, y: np.ndarray, predicted: np.ndarray) -> None:
    """Differences against means, with the mean difference and the limits of agreement, +- 1.96 deviations (n - 1)."""
    differences, means = predicted - y, (predicted + y) / 2
    _draw_points(axes, means, differences)
    bias = float(differences.mean())
    reach = 1.96 * float(differences.std(ddof=1)) if len(differences) > 1 else float("nan")
    axes.axhline(bias, color=style.BLUE, lw=1.2, zorder=3)
    for limit in (bias - reach, bias + reach) if np.isfinite(reach) else ():
        axes.axhline(limit, color=style.BLUE, lw=0.9, ls=style.DASHES[0], zorder=3)


def _draw_over_truth(axes: Axes, y: np.ndarray, predicted: np.ndarray) -> None:
    """Differences against the true number, with the line of least squares: without bias it lies on 0."""
    _draw_points(axes, y, predicted - y)
    axes.axhline(0, color=style.PALE, lw=2, zorder=0)
    if fitted := least_squares(y, predicted - y):
        slope, start = fitted
        ends = np.array([y.min(), y.max()])
        axes.plot(ends, start + slope * ends, color=style.ORANGE, lw=1.2, zorder=3)


def least_squares(x: np.ndarray, y: np.ndarray) -> tuple[float, float] | None:
    """Slope and intercept of the line; None for fewer than three points, or if x does not vary."""
    if len(x) < 3 or np.ptp(x) == 0:
        return None
    slope, intercept = np.polyfit(x, y, 1)
    return float(slope), float(intercept)


def _draw_points(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    if len(x) > DENSE:
        axes.hexbin(x, y, gridsize=28, mincnt=1, cmap="Greys", bins="log", linewidths=0.1, zorder=1)
    else:
        axes.plot(x, y, ls="", marker="o", ms=2.2, mfc="none", mec=style.GREY, mew=0.5, zorder=1)
    axes.margins(0.06)


def _words(one: PooledPredictions) -> str:
    """Mean difference, half the distance of the limits, and the slope over the true number."""
    differences = one.predictions - one.y
    reach = 1.96 * float(differences.std(ddof=1)) if len(differences) > 1 else float("nan")
    fitted = least_squares(one.y, differences)
    tail = f", slope {format_number(fitted[0])}" if fitted else ""
    return f"{format_number(float(differences.mean()))} \u00b1 {format_number(reach)}{tail}"


def _ranges_differ(predictions: Mapping[str, PooledPredictions]) -> bool:
    """Whether the differences of one arm spread so much more than another's that one scale would hide the other."""
    widths = [float(np.ptp(each.predictions - each.y)) for each in predictions.values()]
    return max(widths) > 4 * min(widths)


def _legend_entries() -> list[Line2D]:
    return [
        style.line_entry("a scan", ls="", marker="o", ms=2.2, mfc="none", mec=style.GREY, mew=0.5),
        style.line_entry("mean difference", color=style.BLUE, lw=1.2),
        style.line_entry("limits of agreement (95 %)", color=style.BLUE, lw=0.9, ls=style.DASHES[0]),
        style.line_entry("line of least squares", color=style.ORANGE, lw=1.2),
    ]


def _predictions(tables: SectionTables) -> dict[str, PooledPredictions] | None:
    return predictions_of_arms(tables) if tables.section.task.kind == "regression" else None


FIGURE = FigureSpec(
    name="agreement",
    table="bias",
    order=70,
    alt="Differences of predicted and true numbers on {data}, for each arm.",
    data=_predictions,
    draw=lambda tables, predictions: draw_agreement(predictions, tables.section.task.unit),
    caption=caption(
        "Above: difference against the mean of predicted and true number (Bland and Altman). Below: against the true "
        "number, with the line of least squares through all scans; the slope in the table is the mean over the folds.",
        one_pass=True,
    ),
)
