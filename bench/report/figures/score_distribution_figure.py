"""How a score spreads over scans: every scan as a point, and the box of the quartiles, a row for every arm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.metrics import Metric
from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.figures.panels import caption, for_each_arm
from bench.report.tables import arm_selection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.tables import SectionTables


def draw_distribution(scores: Mapping[str, np.ndarray], metric: Metric, unit: str = "") -> Figure:
    """scores: arm -> (N,) of its test scans; NaN are not drawn, and the row gives their number."""
    with style.paper_style():
        figure, axes, positions = style.figure_with_rows(list(scores), legend_entries=0)
        for y, values in zip(positions, scores.values(), strict=True):
            _draw_row(axes, y, np.asarray(values, dtype=float))
        axes.set_xlabel(style.axis_label(f"{metric.title} of a scan", unit, metric.better))
        style.write_column_title(axes, "median, scans", 10)
    return figure


def _draw_row(axes: Axes, y: float, values: np.ndarray) -> None:
    """One arm. Points lie off the line by their order, so that equal numbers give equal pictures."""
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        return style.write_in_row(axes, y, "undefined for every scan")
    lines = {"color": style.INK, "lw": 0.9}
    axes.boxplot(
        known, positions=[y], orientation="horizontal", widths=0.5, showfliers=False, manage_ticks=False, zorder=3,
        boxprops=lines, whiskerprops=lines, capprops=lines, medianprops={"color": style.ORANGE, "lw": 1.6},
    )  # fmt: skip
    offsets = 0.2 * np.sin(np.arange(len(known)) * 2.39996)
    axes.plot(known, y + offsets, ls="", marker="o", ms=2.4, color=style.BLUE, alpha=0.45, mew=0, zorder=2)
    undefined = len(values) - len(known)
    words = f"{np.median(known):.3f}, {len(known)}" + (f" (+{undefined} undefined)" if undefined else "")
    return style.write_beside_row(axes, y, words, 10)


def _scan_scores(tables: SectionTables) -> dict[str, np.ndarray] | None:
    if not tables.section.task.per_voxel:
        return None
    return for_each_arm(tables, lambda arm: arm_selection.scan_scores(tables.section, arm))


def _draw(tables: SectionTables, scores: Mapping[str, np.ndarray]) -> Figure:
    section = tables.section
    return draw_distribution(scores, section.metric, section.unit(section.metric))


FIGURE = FigureSpec(
    name="distribution",
    table="scores",
    order=60,
    alt="The score of every test scan of {data}, for each arm.",
    data=_scan_scores,
    draw=_draw,
    caption=caption("Every test scan a point; box: quartiles, whiskers: to 1.5 times their distance.", one_pass=True),
)
