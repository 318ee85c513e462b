"""The scores of all arms of a section: every fold, the mean, the interval over people, the floors and chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.evaluation import metrics
from bench.report.figures import style
from bench.report.tables.number_format import decimals, number
from bench.report.tables.results import DatasetResults, by_fold

Entry = Mapping[str, Any]
LANES = np.array([0.17, -0.17, 0.3, -0.3])  # of a row, in turn, so that points do not hide each other


def scores(section: DatasetResults, frame: pd.DataFrame) -> Figure:
    """A row for every arm, in the order of the study. An arm without a score keeps its row and says why."""
    entries = frame.to_dict("records")
    with style.paper():
        looks = style.looks(entry["family"] for entry in entries)
        drawn, axes, places = style.rows_on([entry["arm"] for entry in entries], signs=len(looks) + 6)
        lines = _levels(axes, section, entries)
        for place, entry in zip(places, entries, strict=True):
            _row(axes, section, entry, place, looks[entry["family"]])
        _frame(axes, section, entries)
        style.legend(drawn, [*_marks(looks, entries), *lines])
    return drawn


def _row(axes: Axes, section: DatasetResults, entry: Entry, place: float, look: tuple) -> None:
    if math.isnan(entry["score"]):
        return style.inside(axes, place, _why(entry))
    colour, marker = look
    folds = np.sort(by_fold(section.scores(entry["arm"])))
    heights = place + LANES[np.arange(len(folds)) % len(LANES)]
    axes.plot(folds, heights, ls="", marker="o", ms=2.6, mfc="none", mec=style.GREY, mew=0.6, zorder=2)
    if not math.isnan(entry["low"]):
        axes.plot([entry["low"], entry["high"]], [place] * 2, color=style.INK, lw=1.3, solid_capstyle="butt", zorder=3)
    face, edge = (colour, style.INK) if entry["complete"] else ("white", style.INK)
    axes.plot(entry["score"], place, marker=marker, ms=5.6, mfc=face, mec=edge, mew=0.9, ls="", zorder=4)
    runs = "" if entry["complete"] else f"  ({entry['done']}/{entry['planned']} runs)"
    return style.beside(axes, place, number(entry["score"], decimals(section.metric)) + runs, 8)


def _why(entry: Entry) -> str:
    counts = ((entry[status], status) for status in ("failed", "refused", "open"))
    words = ", ".join(f"{count} {'not run' if status == 'open' else status}" for count, status in counts if count)
    return f"no score: {words or 'undefined'}"


def _levels(axes: Axes, section: DatasetResults, entries: Sequence[Entry]) -> list[Line2D]:
    """The lines of chance and of the floors, for the legend; floors of one score share a line."""
    lines: list[Line2D] = []
    chance = metrics.chance(section.task, section.task.primary)
    if chance is not None:
        lines.append(axes.axvline(chance, color=style.PALE, lw=3, zorder=0, label="chance"))
    levels: dict[float, list[str]] = {}
    for entry in entries:
        if entry["floor"] and not math.isnan(entry["score"]):
            levels.setdefault(round(entry["score"], 9), []).append(entry["arm"])
    for count, (level, arms) in enumerate(levels.items()):
        dashes = style.DASHES[count % len(style.DASHES)]
        label = f"floor: {', '.join(arms)}"
        lines.append(axes.axvline(level, color=style.GREY, lw=0.9, ls=dashes, zorder=1, label=label))
    return lines


def _frame(axes: Axes, section: DatasetResults, entries: Sequence[Entry]) -> None:
    axes.set_xlim(*_limits(section, entries))
    unit = section.unit(section.metric)
    axes.set_xlabel(f"{section.metric.title} ({f'{unit}, ' if unit else ''}{section.metric.better} is better)")
    axes.set_title(f"{section.name}: {'phantom' if section.phantom else 'real data'}", loc="left")


def _limits(section: DatasetResults, entries: Sequence[Entry]) -> tuple[float, float]:
    """Around everything that is drawn, with a little room, and no further than the metric goes."""
    values = [entry[name] for entry in entries for name in ("score", "low", "high")]
    values += [value for entry in entries for value in by_fold(section.scores(entry["arm"]))]
    values.append(metrics.chance(section.task, section.task.primary))
    values = [value for value in values if value is not None and math.isfinite(value)]
    if not values:
        return 0.0, 1.0
    room = 0.05 * (max(values) - min(values)) or 0.05
    low, high = section.metric.low - room / 2, section.metric.high + room / 2
    return max(min(values) - room, low), min(max(values) + room, high)


def _marks(looks: Mapping[str, tuple], entries: Sequence[Entry]) -> list[Line2D]:
    def mark(marker: str, face: Any, label: str) -> Line2D:
        return Line2D([], [], ls="", marker=marker, mfc=face, mec=style.INK, mew=0.8, ms=5, label=label)

    marks = [mark(marker, colour, family) for family, (colour, marker) in looks.items()]
    marks.append(Line2D([], [], color=style.INK, lw=1.3, label="95 % over people"))
    marks.append(Line2D([], [], ls="", marker="o", ms=2.6, mfc="none", mec=style.GREY, mew=0.6, label="a fold"))
    if not all(entry["complete"] or math.isnan(entry["score"]) for entry in entries):
        marks.append(mark("o", "white", "incomplete"))
    return marks
