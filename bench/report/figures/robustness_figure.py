"""Scores on corrupted scans over the strength of the corruption: an axes for every corruption, a line for every arm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
MOST = 10  # arms that one legend can distinguish
BANDS = 4  # the most arms whose intervals stay distinguishable


def draw_robustness(frame: pd.DataFrame, title: str) -> Figure:
    """A figure with an axes for every corruption. frame: columns corruption, strength, arm, score, low, high.

    title: of the metric, as the axes name it. Intervals are drawn of four arms at the most: those of more would hide
    each other, and the table has them. Of many arms the first ten are drawn, and the figure says so.
    """
    names = list(dict.fromkeys(frame["corruption"]))
    arms = list(dict.fromkeys(frame["arm"]))
    looks = style.colours_and_markers(arms[:MOST])
    rows = max(1, -(-len(names) // COLUMNS))
    with style.paper_style():
        figure = style.new_figure(style.WIDTH, 0.45 + 1.5 * rows + 0.17 * -(-len(looks) // style.COLUMNS))
        grid = figure.subplots(rows, min(COLUMNS, max(1, len(names))), squeeze=False, sharex=True, sharey=True)
        for axes, name in zip(grid.flat, names, strict=False):
            _draw_panel(axes, frame[frame["corruption"] == name], looks)
            axes.set_title(name.replace("_", " "))
        for axes in grid.flat[len(names) :]:
            axes.set_axis_off()
        left_out = f" (first {MOST} of {len(arms)} arms)" if len(arms) > MOST else ""
        for axes in grid[-1]:
            axes.set_xlabel(f"strength{left_out}")
        figure.supylabel(title, fontsize=8)
        entries = [
            style.line_entry(style.wrap_label(arm, 24), color=colour, marker=marker, markersize=4, lw=1.1)
            for arm, (colour, marker) in looks.items()
        ]
        style.add_legend(figure, entries)
    return figure


def _draw_panel(axes: Axes, frame: pd.DataFrame, looks: Mapping[str, tuple]) -> None:
    """The curves of one corruption: scores over strengths with their intervals. looks: arm -> colour and marker."""
    for arm, (colour, marker) in looks.items():
        rows = frame[frame["arm"] == arm].sort_values("strength")
        axes.plot(rows["strength"], rows["score"], color=colour, marker=marker, markersize=3, lw=1.1)
        if len(looks) <= BANDS:
            axes.fill_between(rows["strength"], rows["low"], rows["high"], color=colour, alpha=0.13, lw=0)
    axes.set_xticks(range(int(frame["strength"].max()) + 1 if len(frame) else 1))
    style.hide_spines(axes, "top", "right")


FIGURE = FigureSpec(
    name="stress",
    table="stress",
    order=130,
    alt="Mean scores on {data} over the strengths of every corruption of the test scans.",
    data=lambda tables: tables.frame("robustness_curves"),
    draw=lambda tables, frame: draw_robustness(frame, tables.section.metric.title),
    caption=lambda tables, _: "Strength 0: scans as they are. Bands, where arms are few: 95 % intervals over people.",
)
