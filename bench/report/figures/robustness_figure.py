"""Curves of scores on disturbed scans: a small axes for every corruption, a line for every arm."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.report.figures import style

COLUMNS = 4
MOST = 10  # arms that one legend can tell apart
BANDS = 4  # arms whose intervals can be told apart


def corruptions(frame: pd.DataFrame, title: str) -> Figure:
    """A figure with an axes for every corruption. frame: columns corruption, strength, arm, score, low, high.

    title: of the metric, as the axes name it. Intervals are drawn of four arms at the most: those of more would hide
    each other, and the table has them. Of many arms the first ten are drawn, and the figure says so.
    """
    names = list(dict.fromkeys(frame["corruption"]))
    arms = list(dict.fromkeys(frame["arm"]))
    looks = style.looks(arms[:MOST])
    rows = max(1, -(-len(names) // COLUMNS))
    with style.paper():
        drawn = style.figure(style.WIDTH, 0.45 + 1.5 * rows + 0.17 * -(-len(looks) // style.COLUMNS))
        grid = drawn.subplots(rows, min(COLUMNS, max(1, len(names))), squeeze=False, sharex=True, sharey=True)
        for axes, name in zip(grid.flat, names, strict=False):
            curves(axes, frame[frame["corruption"] == name], looks)
            axes.set_title(name.replace("_", " "))
        for axes in grid.flat[len(names) :]:
            axes.set_axis_off()
        left_out = f" (first {MOST} of {len(arms)} arms)" if len(arms) > MOST else ""
        for axes in grid[-1]:
            axes.set_xlabel(f"strength{left_out}")
        drawn.supylabel(title, fontsize=8)
        marks = [
            Line2D([], [], color=colour, marker=mark, markersize=4, lw=1.1, label=style.wrapped(arm, 24))
            for arm, (colour, mark) in looks.items()
        ]
        style.legend(drawn, marks)
    return drawn


def curves(axes: Axes, frame: pd.DataFrame, looks: Mapping[str, tuple]) -> None:
    """The curves of one corruption: scores over strengths with their intervals. looks: arm -> colour and marker."""
    for arm, (colour, mark) in looks.items():
        mine = frame[frame["arm"] == arm].sort_values("strength")
        axes.plot(mine["strength"], mine["score"], color=colour, marker=mark, markersize=3, lw=1.1)
        if len(looks) <= BANDS:
            axes.fill_between(mine["strength"], mine["low"], mine["high"], color=colour, alpha=0.13, lw=0)
    axes.set_xticks(range(int(frame["strength"].max()) + 1 if len(frame) else 1))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
