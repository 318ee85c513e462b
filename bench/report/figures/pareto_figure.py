"""Score against cost: which arms no other arm beats at their cost or below."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
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
DOT, NEAR = 5.0, 9.0  # diameter of a dot, and distance of its number, in points
MARGIN = 0.12  # share of the width that is free on each side


def draw_pareto(frame: pd.DataFrame, metric: Metric, unit: str = "", costs: Mapping[str, str] = COSTS) -> Figure:
    """A panel for each cost that was measured. frame: a row an arm, with arm, family, score, low, high and the costs.

    Arms are dots with a number, which the list under the panels names; on the front the dots are filled.
    """
    looks = style.colours_and_markers(frame["family"])  # of all arms: as in the figure of the scores
    frame = frame[frame["score"].notna()].reset_index(drop=True)
    measured = [name for name in costs if frame[name].gt(0).any()]
    with style.paper_style():
        rows = math.ceil(len(frame) / NAMES)
        longest = max(_numbered(number, arm).count("\n") for number, arm in enumerate(frame["arm"]))
        figure = style.new_figure(style.WIDTH, 2.65 + (0.15 + 0.11 * longest) * rows)
        for axes, name in zip(figure.subplots(1, len(measured), sharey=True, squeeze=False)[0], measured, strict=True):
            _draw_panel(axes, frame, name, metric, looks)
            axes.set_xlabel(costs[name])
        figure.axes[0].set_ylabel(style.axis_label(metric.title, unit, metric.better))
        style.add_legend(figure, _legend_entries(frame, looks), columns=NAMES)
    return figure


def _draw_panel(axes: Axes, frame: pd.DataFrame, cost: str, metric: Metric, looks: Mapping[str, tuple]) -> None:
    """The arms whose cost was measured and is not 0, over this cost."""
    known = frame[frame[cost].gt(0)]
    on_front = pareto_front(known[cost].to_numpy(), known["score"].to_numpy(), metric.better == "higher")
    _set_cost_scale(axes, known[cost])
    shifts = place_numbers(_points(axes, known, cost))
    for (number, entry), best, shift in zip(known.iterrows(), on_front, shifts, strict=True):
        colour, _ = looks[entry["family"]]
        _draw_arm(axes, entry, cost, colour, best)
        _write_number(axes, str(number + 1), (entry[cost], entry["score"]), shift, colour)
    steps = known[on_front].sort_values(cost)
    axes.plot(steps[cost], steps["score"], drawstyle="steps-post", color=style.INK, lw=0.9, zorder=2)
    axes.margins(x=MARGIN, y=0.08)
    axes.tick_params(labelsize=7)
    style.hide_spines(axes, "top", "right")


def _draw_arm(axes: Axes, entry: pd.Series, cost: str, colour: str, best: bool) -> None:
    """A dot at the place of the arm, filled on the front, and its interval."""
    axes.plot([entry[cost]] * 2, [entry["low"], entry["high"]], color=style.PALE, lw=0.8, zorder=1)
    fill = colour if best else "white"
    axes.plot(entry[cost], entry["score"], ls="", marker="o", ms=DOT, mfc=fill, mec=colour, mew=1.1, zorder=4)


def _write_number(axes: Axes, number: str, place: tuple[float, float], shift: tuple[float, float], colour: str) -> None:
    """The number of an arm beside its dot, and a line to it if there was no room near it."""
    from matplotlib.patheffects import withStroke

    far = math.hypot(*shift) > NEAR + 1
    axes.annotate(
        number, place, shift, textcoords="offset points", ha="center", va="center_baseline", fontsize=6.5, color=colour,
        fontweight="bold", zorder=6, path_effects=[withStroke(linewidth=1.5, foreground="white")],
        arrowprops={"arrowstyle": "-", "lw": 0.5, "color": colour, "shrinkA": 0, "shrinkB": DOT / 2} if far else None,
    )  # fmt: skip


def _points(axes: Axes, known: pd.DataFrame, cost: str) -> np.ndarray:
    """(N, 2) where the dots lie in points, about: from the size of the panel before its labels take room."""
    box = axes.get_window_extent()
    scale = 72 / axes.figure.dpi / (1 + 2 * MARGIN)
    costs = known[cost].to_numpy(dtype=float)
    across = np.log(costs) if axes.get_xscale() == "log" else costs
    rise = known["high"].fillna(known["score"]).max() - known["low"].fillna(known["score"]).min()
    x = (across - across.min()) / max(np.ptp(across), 1e-12) * box.width
    return np.column_stack([x, known["score"].to_numpy() / max(rise, 1e-12) * box.height]) * scale


def place_numbers(dots: np.ndarray) -> list[tuple[float, float]]:
    """Where the number of each dot is written, so that it hides no other number and no other dot.

    Parameters
    ----------
    dots : ndarray
        (N, 2) places of the dots, in points; two may be equal.

    Returns
    -------
    list of tuple of float
        N shifts of the numbers from their dots, in points: the first that has room, near ones and upper ones first.
    """
    written: list[np.ndarray] = []
    shifts = []
    for dot in dots:
        shift = next((one for one in _around() if _has_room(dot, one, dots, written)), np.array([NEAR, 0.0]))
        written.append(dot + shift)
        shifts.append((float(shift[0]), float(shift[1])))
    return shifts


def _around() -> Iterator[np.ndarray]:
    """Places about a dot, from near to far, the corners before the middles, as intervals run up and down."""
    for ring in range(6):
        for degrees in (40, 140, -40, -140, 0, 180, 75, 105, -75, -105):
            yield (NEAR + 6.0 * ring) * np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])


def _has_room(dot: np.ndarray, shift: np.ndarray, dots: np.ndarray, written: Sequence[np.ndarray]) -> bool:
    """Whether a number is free of others and of all dots, and, without a line to its dot, nearest to that one."""
    place, length = dot + shift, math.hypot(*shift)
    if length < NEAR + 1 and np.hypot(*(dots - place).T).min() < length - 1e-9:
        return False
    apart = [np.abs(place - other) / (8.5, 7.0) for other in written] + [np.abs(place - dot) / 6.5 for dot in dots]
    return all(each.max() >= 1 for each in apart)


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
        "there. Arms of equal score and cost share a dot, which has a number for each. "
        f"Grey: 95 % interval over {over(tables.section)}; colour: family, as in the figure of the scores."
    ),
)
