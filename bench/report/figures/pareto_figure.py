"""Score against cost: which arms nobody beats at their price."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter, NullLocator

from bench.evaluation.metrics import Metric
from bench.report.figures import style

COSTS = {
    "parameters": "Parameters", "forward_flops": "FLOPs of a forward pass", "step_seconds": "Seconds per step",
}  # fmt: skip
NAMES = 3  # columns of names under the panels


def pareto(frame: pd.DataFrame, metric: Metric, unit: str = "", costs: Mapping[str, str] = COSTS) -> Figure:
    """A panel for each cost that was measured. frame: a row an arm, with arm, family, score, low, high and the costs.

    Arms are numbers, which the list under the panels names; on the front they are filled.
    """
    looks = style.looks(frame["family"])  # of all arms: as in the figure of the scores
    frame = frame[frame["score"].notna()].reset_index(drop=True)
    measured = [name for name in costs if frame[name].gt(0).any()]
    with style.paper():
        rows = math.ceil(len(frame) / NAMES)
        longest = max(_name(number, arm).count("\n") for number, arm in enumerate(frame["arm"]))
        drawn = style.figure(style.WIDTH, 2.65 + (0.15 + 0.11 * longest) * rows)
        for axes, name in zip(drawn.subplots(1, len(measured), sharey=True, squeeze=False)[0], measured, strict=True):
            panel(axes, frame, name, metric, looks)
            axes.set_xlabel(costs[name])
        drawn.axes[0].set_ylabel(f"{metric.title} ({f'{unit}, ' if unit else ''}{metric.better} is better)")
        style.legend(drawn, _marks(frame, looks), columns=NAMES)
    return drawn


def panel(axes: Axes, frame: pd.DataFrame, cost: str, metric: Metric, looks: Mapping[str, tuple]) -> None:
    """One cost, logarithmic where it varies much; arms whose cost was not measured, or is none, are not there."""
    known = frame[frame[cost].gt(0)]
    on = front(known[cost].to_numpy(), known["score"].to_numpy(), metric.better == "higher")
    for (number, entry), best in zip(known.iterrows(), on, strict=True):
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
    steps = known[on].sort_values(cost)
    axes.plot(steps[cost], steps["score"], drawstyle="steps-post", color=style.INK, lw=0.9, zorder=2)
    if known[cost].max() > 10 * known[cost].min():  # nearer ones would have no tick, or one
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
    else:
        axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(EngFormatter(sep="") if known[cost].max() > 1000 else FuncFormatter(_plain))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if known[cost].max() > 1e3 * known[cost].min():
        axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.12, y=0.08)
    axes.tick_params(labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def front(cost: Sequence[float], score: Sequence[float], higher: bool) -> np.ndarray:
    """(N,) whether no arm is at least as cheap and as good, and better in one of both."""
    cost, score = np.asarray(cost, dtype=float), np.asarray(score, dtype=float) * (1 if higher else -1)
    cheap, good = cost[:, None] <= cost, score[:, None] >= score
    beats = cheap & good & ((cost[:, None] < cost) | (score[:, None] > score))  # [a, b]: a beats b
    return ~beats.any(axis=0)


def _name(number: int, arm: str) -> str:
    """The arm behind its number, in two lines at most."""
    return "\n".join(textwrap.wrap(f"{number + 1}  {arm}", 38, max_lines=2, placeholder=" …", subsequent_indent="    "))


def _plain(value: float, _: int) -> str:
    return f"{value:g}"


def _marks(frame: pd.DataFrame, looks: Mapping[str, tuple]) -> list[Line2D]:
    marks = []
    for number, entry in frame.iterrows():
        colour, _ = looks[entry["family"]]
        marks.append(
            Line2D([], [], ls="", marker="o", ms=4.5, mfc="white", mec=colour, mew=1.1,
                   label=_name(number, entry["arm"]))
        )  # fmt: skip
    return marks
