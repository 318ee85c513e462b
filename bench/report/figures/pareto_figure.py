"""Score against cost: which arms no other arm beats at their cost or below."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.metrics import Metric
from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.tables.captions import over

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from bench.report.tables import SectionTables

COSTS = {
    "parameters": "Parameters", "forward_flops": "FLOPs of a forward pass", "step_seconds": "Seconds per step",
}  # fmt: skip
NAMES = 3  # columns of names under the panels


def draw_pareto(frame: pd.DataFrame, metric: Metric, unit: str = "", costs: Mapping[str, str] = COSTS) -> Figure:
    """A panel for each cost that was measured. frame: a row an arm, with arm, family, score, low, high and the costs.

    Arms are numbers, which the list under the panels names; on the front they are filled.
    """
    looks = style.colours_and_markers(frame["family"])  # of all arms: as in the figure of the scores
    frame = frame[frame["score"].notna()].reset_index(drop=True)
    measured = [name for name in costs if frame[name].gt(0).any()]
    with style.paper_style():
        rows = math.ceil(len(frame) / NAMES)
        longest = max(_numbered(number, arm).count("\n") for number, arm in enumerate(frame["arm"]))
        narrow = style.is_narrow()
        down, across = (len(measured), 1) if narrow else (1, len(measured))
        height = 0.45 + (1.7 if narrow else 2.2) * down + (0.15 + 0.11 * longest) * rows * (2 if narrow else 1)
        figure = style.new_figure(style.WIDTH, height)
        panels = figure.subplots(down, across, sharey=True, squeeze=False).flat
        for axes, name in zip(panels, measured, strict=True):
            _draw_panel(axes, frame, name, metric, looks)
            axes.set_xlabel(costs[name])
        figure.axes[0].set_ylabel(style.axis_label(metric.title, unit, metric.better))
        style.add_legend(figure, _legend_entries(frame, looks), columns=NAMES)
    return figure


def _draw_panel(axes: Axes, frame: pd.DataFrame, cost: str, metric: Metric, looks: Mapping[str, tuple]) -> None:
    """The arms whose cost was measured and is not 0, over this cost."""
    known = frame[frame[cost].gt(0)]
    on_front = pareto_front(known[cost].to_numpy(), known["score"].to_numpy(), metric.better == "higher")
    for (number, entry), best in zip(known.iterrows(), on_front, strict=True):
        colour, _ = looks[entry["family"]]
        axes.plot([entry[cost]] * 2, [entry["low"], entry["high"]], color=style.PALE, lw=0.8, zorder=1)
        axes.plot(
            entry[cost], entry["score"], ls="", marker="o", ms=9, mfc=colour if best else "white", mec=colour, mew=1.1,
            zorder=4 if best else 3,
        )  # fmt: skip
        axes.annotate(
            str(number + 1), (entry[cost], entry["score"]), ha="center", va="center_baseline", fontsize=6,
            color="white" if best else style.INK, zorder=5 if best else 3, fontweight="bold" if best else "normal",
        )  # fmt: skip
    steps = known[on_front].sort_values(cost)
    axes.plot(steps[cost], steps["score"], drawstyle="steps-post", color=style.INK, lw=0.9, zorder=2)
    _set_cost_scale(axes, known[cost])
    axes.margins(x=0.12, y=0.08)
    axes.tick_params(labelsize=7)
    style.hide_spines(axes, "top", "right")


def _set_cost_scale(axes: Axes, costs: pd.Series) -> None:
    """A logarithmic scale where costs differ by more than a factor of ten."""
    from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter, NullLocator

    if costs.max() > 10 * costs.min():  # nearer ones would have no tick, or one
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
    else:
        axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(EngFormatter(sep="") if costs.max() > 1000 else FuncFormatter(_plain))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if costs.max() > 1e3 * costs.min():
        axes.xaxis.set_minor_locator(NullLocator())


def pareto_front(cost: Sequence[float], score: Sequence[float], higher: bool) -> np.ndarray:
    """(N,) True if no other arm is at least as cheap and as good, and better in one of the two."""
    cost, score = np.asarray(cost, dtype=float), np.asarray(score, dtype=float) * (1 if higher else -1)
    cheap, good = cost[:, None] <= cost, score[:, None] >= score
    beats = cheap & good & ((cost[:, None] < cost) | (score[:, None] > score))  # [a, b]: a beats b
    return ~beats.any(axis=0)


def _numbered(number: int, arm: str) -> str:
    """The number of an arm and its name, in two lines at most."""
    return "\n".join(textwrap.wrap(f"{number + 1}  {arm}", 38, max_lines=2, placeholder=" …", subsequent_indent="    "))


def _plain(value: float, _: int) -> str:
    return f"{value:g}"


def _legend_entries(frame: pd.DataFrame, looks: Mapping[str, tuple]) -> list[Line2D]:
    look = {"ls": "", "marker": "o", "ms": 4.5, "mfc": "white", "mew": 1.1}
    return [
        style.line_entry(_numbered(number, entry["arm"]), mec=looks[entry["family"]][0], **look)
        for number, entry in frame.iterrows()
    ]


def _measured(tables: SectionTables) -> pd.DataFrame | None:
    """The scores, where at least two arms have a score and a measured cost."""
    scored = tables.scores[tables.scores["score"].notna()]
    return tables.scores if scored[[*COSTS]].gt(0).any(axis=1).sum() > 1 else None


def _draw(tables: SectionTables, frame: pd.DataFrame) -> Figure:
    section = tables.section
    return draw_pareto(frame, section.metric, section.unit(section.metric))


FIGURE = FigureSpec(
    name="pareto",
    table="cost",
    order=120,
    alt="Scores on {data} against parameters, FLOPs and seconds per step.",
    data=_measured,
    draw=_draw,
    caption=lambda tables, frame: (
        "Filled, on the line: arms that none beats at their cost or below. Arms whose cost was not measured are not "
        f"there. Grey: 95 % interval over {over(tables.section)}; colour: family, as in the figure of the scores."
    ),
)
