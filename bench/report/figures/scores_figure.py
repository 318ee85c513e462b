"""The scores of all arms of a section, the best first: folds, mean, interval over people, floors, oracle and chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.evaluation import metrics
from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.tables.captions import over
from bench.report.tables.number_format import decimals, number
from bench.report.tables.results import DatasetResults, by_fold
from bench.report.tables.scores_order import best_first

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Entry = Mapping[str, Any]
LANES = np.array([0.17, -0.17, 0.3, -0.3])  # offsets within a row, alternating, so that points do not hide each other


def draw_scores(section: DatasetResults, frame: pd.DataFrame) -> Figure:
    """A row for every arm, from the best to the worst; the row of an arm without a score gives the reason.

    frame: the table of scores.
    """
    entries = best_first(frame, section.sign).to_dict("records")
    with style.paper_style():
        families = style.colours_and_markers(frame["family"])
        labels = [f"{entry['arm']} [reference]" if entry["reference"] else entry["arm"] for entry in entries]
        figure, axes, positions = style.figure_with_rows(labels, legend_entries=len(families) + 7)
        lines = _draw_chance_and_floors(axes, section, entries)
        for y, entry in zip(positions, entries, strict=True):
            _draw_row(axes, section, entry, y, families[entry["family"]])
        _set_frame(axes, section, entries)
        style.add_legend(figure, [*_legend_entries(families, entries, over(section)), *lines])
    return figure


def _draw_row(axes: Axes, section: DatasetResults, entry: Entry, y: float, look: tuple) -> None:
    if math.isnan(entry["score"]):
        return style.write_in_row(axes, y, _reason(entry))
    colour, marker = look
    folds = np.sort(by_fold(section.scores(entry["arm"])))
    heights = y + LANES[np.arange(len(folds)) % len(LANES)]
    axes.plot(folds, heights, ls="", marker="o", ms=2.6, mfc="none", mec=style.GREY, mew=0.6, zorder=2)
    if not math.isnan(entry["low"]):
        axes.plot([entry["low"], entry["high"]], [y] * 2, color=style.INK, lw=1.3, solid_capstyle="butt", zorder=3)
    face, edge = (colour, style.INK) if entry["complete"] else ("white", style.INK)
    axes.plot(entry["score"], y, marker=marker, ms=5.6, mfc=face, mec=edge, mew=0.9, ls="", zorder=4)
    runs = "" if entry["complete"] else f"  ({entry['done']}/{entry['planned']} runs)"
    return style.write_beside_row(axes, y, number(entry["score"], decimals(section.metric)) + runs, 8)


def _reason(entry: Entry) -> str:
    counts = ((entry[status], status) for status in ("failed", "refused", "open"))
    words = ", ".join(f"{count} {'not run' if status == 'open' else status}" for count, status in counts if count)
    return f"no score: {words or 'undefined'}"


def _draw_chance_and_floors(axes: Axes, section: DatasetResults, entries: Sequence[Entry]) -> list[Line2D]:
    """Lines at chance, the oracle and the floors, for the legend; floors with one score share a line."""
    lines: list[Line2D] = []
    chance = metrics.chance(section.task, section.task.primary)
    if chance is not None:
        lines.append(axes.axvline(chance, color=style.PALE, lw=3, zorder=0, label="chance"))
    if (best := section.data.oracle) is not None:
        lines.append(axes.axvline(best, color=style.GREEN, lw=1.2, ls=style.DASHES[2], zorder=0, label="best possible"))
    levels: dict[float, list[str]] = {}
    for entry in entries:
        if entry["floor"] and not math.isnan(entry["score"]):
            levels.setdefault(round(entry["score"], 9), []).append(entry["arm"])
    for count, (level, arms) in enumerate(levels.items()):
        dashes = style.DASHES[count % len(style.DASHES)]
        label = f"floor: {', '.join(arms)}"
        lines.append(axes.axvline(level, color=style.GREY, lw=0.9, ls=dashes, zorder=1, label=label))
    return lines


def _set_frame(axes: Axes, section: DatasetResults, entries: Sequence[Entry]) -> None:
    axes.set_xlim(*_limits(section, entries))
    metric = section.metric
    axes.set_xlabel(style.axis_label(metric.title, section.unit(metric), metric.better))
    axes.set_title(style.kind_title(section.name, section.phantom), loc="left")


def _limits(section: DatasetResults, entries: Sequence[Entry]) -> tuple[float, float]:
    """Limits of x around everything that is drawn, with a little room, and not beyond the range of the metric."""
    values = [entry[name] for entry in entries for name in ("score", "low", "high")]
    values += [value for entry in entries for value in by_fold(section.scores(entry["arm"]))]
    values += [metrics.chance(section.task, section.task.primary), section.data.oracle]
    values = [value for value in values if value is not None and math.isfinite(value)]
    if not values:
        return 0.0, 1.0
    room = 0.05 * (max(values) - min(values)) or 0.05
    low, high = section.metric.low - room / 2, section.metric.high + room / 2
    return max(min(values) - room, low), min(max(values) + room, high)


def _legend_entries(families: Mapping[str, tuple], entries: Sequence[Entry], people: str) -> list[Line2D]:
    def mark(label: str, marker: str, fill: Any) -> Line2D:
        return style.line_entry(label, ls="", marker=marker, mfc=fill, mec=style.INK, mew=0.8, ms=5)

    marks = [mark(family, marker, colour) for family, (colour, marker) in families.items()]
    marks.append(style.line_entry(f"95 % over {people}", color=style.INK, lw=1.3))
    marks.append(style.line_entry("a fold", ls="", marker="o", ms=2.6, mfc="none", mec=style.GREY, mew=0.6))
    if not all(entry["complete"] or math.isnan(entry["score"]) for entry in entries):
        marks.append(mark("incomplete", "o", "white"))
    return marks


FIGURE = FigureSpec(
    name="scores",
    table="scores",
    order=10,
    narrow=True,
    alt="Scores on {data} with their intervals; the numbers are in the table.",
    data=lambda tables: tables.scores,
    draw=lambda tables, frame: draw_scores(tables.section, frame),
)
