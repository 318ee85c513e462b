"""Scores of trained models as scans get worse: a panel for each corruption, a line for every arm."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.figures import style
from bench.figures.panels import SMALL
from bench.metrics import Metric

ACROSS = 4
MOST = 7  # lines in a panel


def corruptions(frame: pd.DataFrame, metric: Metric, unit: str = "") -> Figure:
    """frame: columns corruption, strength (0 is the scan as it is), arm, score, low, high; a row a point.

    More than MOST arms: the first ones are drawn. Whoever draws says which in the caption.
    """
    arms = list(dict.fromkeys(frame["arm"]))[:MOST]
    kinds = list(dict.fromkeys(frame["corruption"]))
    across = min(ACROSS, len(kinds))
    with style.paper():
        looks = style.looks(arms)
        height = 1.5 * math.ceil(len(kinds) / across) + 0.2 + 0.16 * math.ceil(len(arms) / 3)
        drawn = style.figure(style.WIDTH if across > 2 else style.COLUMN * across**0.5, height)
        grid = drawn.subplots(math.ceil(len(kinds) / across), across, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, kind in zip(grid, kinds, strict=False):
            panel(axes, frame[frame["corruption"] == kind], looks)
            axes.set_title(style.wrapped(kind.replace("_", " "), 24), fontsize=7.5)
        for axes in grid[len(kinds) :]:
            axes.remove()
        drawn.supxlabel("Strength", fontsize=7.5)
        drawn.supylabel(f"{metric.title} ({f'{unit}, ' if unit else ''}{metric.better} is better)", fontsize=7.5)
        style.legend(drawn, _marks(looks), columns=3 if across > 2 else 1)
    return drawn


def panel(axes: Axes, frame: pd.DataFrame, looks: Mapping[str, tuple]) -> None:
    """One corruption: mean scores over strengths, with their intervals as bands."""
    for number, (arm, (colour, marker)) in enumerate(looks.items()):
        mine = frame[frame["arm"] == arm].sort_values("strength")
        axes.fill_between(mine["strength"], mine["low"], mine["high"], color=colour, alpha=0.12, lw=0)
        dashes = style.DASHES[(number - 1) % len(style.DASHES)] if number else "-"
        axes.plot(mine["strength"], mine["score"], color=colour, marker=marker, ms=3, mew=0, lw=1.1, ls=dashes)
    axes.tick_params(labelsize=SMALL)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _marks(looks: Mapping[str, tuple]) -> list[Line2D]:
    return [
        Line2D([], [], color=colour, marker=marker, ms=3.5, mew=0, lw=1.1, label=style.wrapped(arm, 36),
               ls=style.DASHES[(number - 1) % len(style.DASHES)] if number else "-")
        for number, (arm, (colour, marker)) in enumerate(looks.items())
    ]  # fmt: skip
