"""Critical difference diagram (Demsar 2006): mean ranks over data sets, and which of them do not differ."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.tables.mean_ranks_table import Ranking, rankings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE = 0.19  # inches between names
WRAP = 34  # letters of a name
LETTER = 0.06  # inches of one


def draw_critical_difference(
    ranks: Mapping[str, float], difference: float, blocks: int, note: str = "", underpowered: bool = False
) -> Figure:
    """The diagram. ranks: method -> mean rank, 1 the best; blocks: data sets that were ranked.

    difference: mean ranks further apart than this differ (Nemenyi). NaN: it is not known, and no bars are drawn.
    note: another remark on the test, for the title. underpowered: the title warns that few differences can be shown.
    """
    with style.paper_style():
        half = math.ceil(len(ranks) / 2)
        bars = len(cliques(ranks, difference))
        figure = style.new_figure(style.WIDTH, 0.95 + LINE * (half + 1) + 0.1 * bars)
        axes = figure.subplots()
        _draw_diagram(axes, ranks, difference)
        size = f"CD = {difference:.2f}" if math.isfinite(difference) else "CD not known"
        words = [f"{size} (Nemenyi, 5 %), {blocks} data sets", note]
        words += ["underpowered: with so few data sets few differences could be shown"] if underpowered else []
        axes.set_title("; ".join(word for word in words if word), fontsize=7.5, loc="left")
    return figure


def _draw_diagram(axes: Axes, ranks: Mapping[str, float], difference: float) -> None:
    """The axis of ranks with the best at the left, a name at every elbow, a bar over those that do not differ."""
    order = sorted(ranks, key=lambda name: (ranks[name], name))
    low, high = 1, max(2, len(order), math.ceil(max(ranks.values())))
    half, bars = math.ceil(len(order) / 2), cliques(ranks, difference)
    names = {name: textwrap.shorten(name, WRAP, placeholder=" …") for name in order}
    top = 0.6 + 0.5 * len(bars)
    reach = (high - low) * 0.06
    for number, name in enumerate(order):
        left = number < half
        row = number if left else len(order) - 1 - number
        height, end = -(top + row), low - reach if left else high + reach
        axes.plot([ranks[name]] * 2 + [end], [0, height, height], color=style.GREY, lw=0.8, solid_joinstyle="miter")
        words = [names[name], f"{ranks[name]:.2f}"]
        axes.annotate(
            "  ".join(words if left else words[::-1]), (end, height),
            xytext=(-3 if left else 3, 0), textcoords="offset points", ha="right" if left else "left",
            va="center_baseline", fontsize=7.5,
        )  # fmt: skip
    room = LETTER * (max(map(len, names.values())) + 8)  # inches for the names at either side
    beyond = reach + (high - low + 2 * reach) * room / (style.WIDTH - 0.2 - 2 * room)
    axes.set_xlim(low - beyond, high + beyond)
    for number, (first, last) in enumerate(bars):
        axes.plot([first, last], [-(0.45 + 0.5 * number)] * 2, color=style.INK, lw=2.6, solid_capstyle="butt", zorder=3)
    _draw_scale(axes, low, high, difference, top + half)


def _draw_scale(axes: Axes, low: int, high: int, difference: float, depth: float) -> None:
    axes.plot([low, high], [0, 0], color=style.INK, lw=0.9)
    every = max(1, math.ceil((high - low) / 12))
    for tick in range(low, high + 1, every):
        axes.plot([tick] * 2, [0, 0.2], color=style.INK, lw=0.8)
        axes.annotate(str(tick), (tick, 0.2), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=7)
    if math.isfinite(difference) and difference <= high - low:
        axes.plot([low, low + difference], [1.7, 1.7], color=style.INK, lw=1.2, marker="|", ms=5, mew=1.0)
        middle = (low + difference / 2, 1.7)
        axes.annotate("CD", middle, xytext=(0, 2), textcoords="offset points", ha="center", fontsize=7)
    axes.set_ylim(-depth, 2.6)
    axes.set_axis_off()


def cliques(ranks: Mapping[str, float], difference: float) -> list[tuple[float, float]]:
    """(first, last) mean rank of every longest group of at least two that lie within the difference."""
    if not math.isfinite(difference):
        return []
    values: Sequence[float] = sorted(ranks.values())
    groups: list[tuple[int, int]] = []
    for first, start in enumerate(values):
        last = max(n for n, value in enumerate(values) if value - start <= difference)
        if last > first and not (groups and groups[-1][1] >= last):
            groups.append((first, last))
    return [(values[first], values[last]) for first, last in groups]


def _draw(_: object, ranked: Sequence[Ranking]) -> Figure:
    (one,) = ranked
    ranks = dict(zip(one.arms, map(float, one.ranks.means), strict=True))
    return draw_critical_difference(ranks, one.ranks.critical, len(one.sets), underpowered=one.ranks.underpowered)


FIGURE = FigureSpec(
    name="critical-difference",
    table="ranks",
    order=150,
    one_per="kind",
    alt="Mean ranks of the arms over {data}, with the critical difference.",
    data=rankings,
    draw=_draw,
)
