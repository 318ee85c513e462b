"""The declared contrasts of a section as a forest: improvement, corrected interval, and what could have been found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bench.report.figures import style
from bench.report.tables.contrasts_table import ALPHA
from bench.report.tables.number_format import decimals, probability, signed
from bench.report.tables.results import DatasetResults

Entry = Mapping[str, Any]
MEAN, HOLM, FOLDS = 10, 50, 88  # points from the axes to the columns of words


def forest(section: DatasetResults, frame: pd.DataFrame) -> Figure:
    """A row for every declared contrast; one that was not tested keeps its row and says so."""
    entries = frame.to_dict("records")
    against = list(dict.fromkeys(entry["against"] for entry in entries))
    labels = [entry["arm"] if len(against) == 1 else f"{entry['arm']} against {entry['against']}" for entry in entries]
    with style.paper():
        drawn, axes, places = style.rows_on(labels, signs=10)
        limit = _limit(section, entries)
        axes.set_xlim(-limit, limit)
        axes.axvline(0, color=style.INK, lw=0.8, zorder=1)
        for place, entry in zip(places, entries, strict=True):
            _row(axes, section, entry, place, limit)
        lines = _margin(axes, section)
        _frame(axes, section, against)
        style.legend(drawn, [*_marks(), *lines])
    return drawn


def _row(axes: Axes, section: DatasetResults, entry: Entry, place: float, limit: float) -> None:
    if math.isnan(entry["improvement"]):
        return style.inside(axes, place, "not tested")
    if entry["minimum_detectable"] > 0:
        reach = min(entry["minimum_detectable"], limit)
        axes.barh(place, 2 * reach, left=-reach, height=0.6, color=style.PALE, lw=0, zorder=0)
    if not math.isnan(entry["low"]):
        low, high = max(entry["low"], -limit), min(entry["high"], limit)
        axes.plot([low, high], [place] * 2, color=style.INK, lw=1.3, solid_capstyle="butt", zorder=2)
        _ends(axes, entry, place, limit)
    face = style.INK if entry["p_holm"] < ALPHA else "white"
    axes.plot(entry["improvement"], place, marker="o", ms=5.2, mfc=face, mec=style.INK, mew=1.0, ls="", zorder=3)
    style.beside(axes, place, signed(entry["improvement"], decimals(section.metric)), MEAN)
    style.beside(axes, place, probability(entry["p_holm"]), HOLM)
    return style.beside(axes, place, f"{entry['folds']}/{entry['folds_planned']}", FOLDS)


def _ends(axes: Axes, entry: Entry, place: float, limit: float) -> None:
    """An arrow head where the interval goes on beyond the axes, a small bar where it ends."""
    for value, side, head in ((entry["low"], -limit, "<"), (entry["high"], limit, ">")):
        beyond = abs(value) > limit
        marker, size, at = (head, 4.5, side) if beyond else ("|", 5, value)
        axes.plot(at, place, marker=marker, ms=size, color=style.INK, mew=1.0, ls="", zorder=3, clip_on=False)


def _margin(axes: Axes, section: DatasetResults) -> list[Line2D]:
    margin = section.plan.get("margin")
    if margin is None:
        return []
    lines = [axes.axvline(side, color=style.GREY, lw=0.8, ls=style.DASHES[0], zorder=1) for side in (-margin, margin)]
    lines[0].set_label("margin of equivalence")
    return lines[:1]


def _frame(axes: Axes, section: DatasetResults, against: Sequence[str]) -> None:
    unit = section.unit(section.metric)
    over = f" over {against[0]}" if len(against) == 1 else ""
    what = f"Improvement in {section.metric.title}{f' ({unit})' if unit else ''}{over}"
    axes.set_xlabel(f"{what}\n← worse        better →")
    axes.set_title(f"{section.name}: {'phantom' if section.phantom else 'real data'}", loc="left")
    for points, word in ((MEAN, "mean"), (HOLM, "Holm p"), (FOLDS, "folds")):
        axes.annotate(
            word, (1, 1), xycoords="axes fraction", xytext=(points, 4), textcoords="offset points", fontsize=7.5,
            color=style.GREY,
        )  # fmt: skip


def _limit(section: DatasetResults, entries: Sequence[Entry]) -> float:
    """Half the width of the axes: all intervals, unless one is so wide that nothing else could be seen."""
    tested = [entry for entry in entries if not math.isnan(entry["improvement"])]
    ends = [abs(entry[name]) for entry in tested for name in ("low", "high") if math.isfinite(entry[name])]
    points = [abs(entry["improvement"]) for entry in tested]
    points += [entry["minimum_detectable"] for entry in tested if math.isfinite(entry["minimum_detectable"])]
    points.append(section.plan.get("margin") or 0.0)
    widest = max([*ends, *points], default=0.0)
    return 1.05 * min(widest, 2.0 * max(points)) or 1.0


def _marks() -> list[Artist]:
    def mark(face: str, label: str) -> Line2D:
        return Line2D([], [], ls="", marker="o", ms=5, mfc=face, mec=style.INK, mew=1.0, label=label)

    return [
        mark(style.INK, "shown (Holm p < 0.05)"),
        mark("white", "not shown"),
        Line2D([], [], color=style.INK, lw=1.3, label="95 %, corrected"),
        Patch(facecolor=style.PALE, lw=0, label="smaller than detectable"),
    ]
