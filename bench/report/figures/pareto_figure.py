"""Cost by arm, the best score first: a row for every arm, so that equal scores and costs do not hide each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.evaluation.metrics import Metric
from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.tables.captions import over
from bench.report.tables.number_format import decimals, number
from bench.report.tables.scores_order import best_first

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from bench.report.tables import SectionTables

COSTS = {
    "parameters": "Parameters", "forward_flops": "FLOPs of a\nforward pass", "step_seconds": "Seconds\nper step",
}  # fmt: skip
NARROW_ACROSS = 2  # panels beside each other in a narrow figure
LABEL, NARROW_LABEL = 34, 18  # letters of an arm's name per line


def draw_pareto(frame: pd.DataFrame, metric: Metric, unit: str = "", costs: Mapping[str, str] = COSTS) -> Figure:
    """A panel of scores and one for each cost that was measured; in each, a row for every arm with a score.

    frame: a row an arm, with arm, family, score, low, high and the costs. The mark of an arm that no other beats at
    its cost or below is filled.
    """
    looks = style.colours_and_markers(frame["family"])  # of all arms: as in the figure of the scores
    frame = best_first(frame[frame["score"].notna()], 1 if metric.better == "higher" else -1).reset_index(drop=True)
    panels = ["score", *(name for name in costs if frame[name].gt(0).any())]
    with style.paper_style():
        figure, grid, rows = _grid(frame["arm"], len(panels))
        for name, axes in zip(panels, grid, strict=False):
            _shade_rows(axes, rows)
            if name == "score":
                _draw_scores(axes, frame, rows, metric, looks)
                axes.set_xlabel(style.axis_label(metric.title, unit, metric.better).replace(" (", "\n("))
            else:
                _draw_cost(axes, frame, rows, name, metric, looks)
                axes.set_xlabel(costs[name])
        style.add_legend(figure, _legend_entries(frame, looks))
    return figure


def _grid(arms: Sequence[str], panels: int) -> tuple[Figure, list[Axes], list[float]]:
    """A figure, its panels, which share the rows of the arms, and y of each row."""
    narrow = style.is_narrow()
    lines = [style.wrap_label(arm, NARROW_LABEL if narrow else LABEL) for arm in arms]
    rows, end = style.row_positions(lines)
    across = min(NARROW_ACROSS, panels) if narrow else panels
    down = math.ceil(panels / across)
    figure = style.new_figure(style.WIDTH, down * (0.5 - 0.85 * style.ROW * end) + (0.6 if narrow else 0.4))
    grid = list(figure.subplots(down, across, sharey=True, squeeze=False).flat)
    grid[0].set_yticks(rows, lines)
    grid[0].set_ylim(end, 0)
    for axes in grid[panels:]:
        axes.remove()
    for axes in grid[:panels]:
        axes.tick_params(labelsize=7)
        style.hide_spines(axes, "top", "right", "left")
    return figure, grid[:panels], rows


def _shade_rows(axes: Axes, rows: Sequence[float]) -> None:
    """A line in every row, which leads the eye from the name to the marks."""
    for y in rows:
        axes.axhline(y, color=style.PALE, lw=0.5, zorder=0)


def _draw_scores(
    axes: Axes, frame: pd.DataFrame, rows: Sequence[float], metric: Metric, looks: Mapping[str, tuple]
) -> None:
    """The score of every arm with its interval, and the number."""
    for y, entry in zip(rows, frame.to_dict("records"), strict=True):
        if not math.isnan(entry["low"]):
            axes.plot([entry["low"], entry["high"]], [y] * 2, color=style.INK, lw=1.1, zorder=2)
        _mark(axes, entry["score"], y, looks[entry["family"]], filled=True)
        style.write_beside_row(axes, y, number(entry["score"], decimals(metric)), 3)
    axes.locator_params(axis="x", nbins=4)


def _draw_cost(
    axes: Axes, frame: pd.DataFrame, rows: Sequence[float], cost: str, metric: Metric, looks: Mapping[str, tuple]
) -> None:
    """What every arm costs; the row of an arm whose cost is 0 or was not measured is empty."""
    known = frame[frame[cost].gt(0)]
    best = pareto_front(known[cost].to_numpy(), known["score"].to_numpy(), metric.better == "higher")
    for (row, entry), filled in zip(known.iterrows(), best, strict=True):
        _mark(axes, entry[cost], rows[row], looks[entry["family"]], filled)
    _set_cost_scale(axes, known[cost])
    axes.margins(x=0.12)


def _mark(axes: Axes, x: float, y: float, look: tuple[Any, str], filled: bool) -> None:
    colour, marker = look
    axes.plot(
        x, y, ls="", marker=marker, ms=5.6, mfc=colour if filled else "white", mec=style.INK if filled else colour,
        mew=0.9 if filled else 1.1, zorder=3,
    )  # fmt: skip


def _set_cost_scale(axes: Axes, costs: pd.Series) -> None:
    """A logarithmic scale where costs differ by more than a factor of ten."""
    from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter, NullLocator

    if costs.max() > 10 * costs.min():  # nearer ones would have no tick, or one
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=4))
    else:
        axes.locator_params(axis="x", nbins=3)
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


def _plain(value: float, _: int) -> str:
    return f"{value:g}"


def _legend_entries(frame: pd.DataFrame, looks: Mapping[str, tuple]) -> list[Line2D]:
    """The families of the arms that are drawn, and what filled and empty marks mean."""
    drawn = dict.fromkeys(frame["family"])
    families = [
        style.line_entry(name, ls="", marker=looks[name][1], mfc=looks[name][0], mec=style.INK, mew=0.8, ms=5)
        for name in drawn
    ]
    beaten = style.line_entry("beaten at this cost", ls="", marker="o", mfc="white", mec=style.GREY, mew=1.1, ms=5)
    return [*families, beaten]


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
    narrow=True,
    alt="Arms of {data} from the best score to the worst: score, parameters, FLOPs and seconds per step.",
    data=_measured,
    draw=_draw,
    caption=lambda tables, frame: (
        "The best score first. A filled mark of a cost: no other arm is as cheap and as good, and better in one of the "
        "two. No mark: nothing to count, or not measured. "
        f"Line: 95 % interval over {over(tables.section)}; colour and shape: family, as in the figure of the scores."
    ),
)
