"""The effects of a study's factors: every level against its control, and below them the declared interactions."""

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


def effects(section: DatasetResults, frame: pd.DataFrame) -> Figure:
    """A row for every effect; factors differ by colour and marker, filled where the effect is shown."""
    entries = frame.to_dict("records")
    labels = [f"{entry['factor']}: {entry['level']}" for entry in entries]
    with style.paper():
        looks = style.looks(entry["factor"] for entry in entries)
        drawn, axes, places = style.rows_on(labels, signs=len(looks) + 4)
        limit = _limit(entries)
        axes.set_xlim(-limit, limit)
        axes.axvline(0, color=style.INK, lw=0.8, zorder=1)
        for number, (place, entry) in enumerate(zip(places, entries, strict=True)):
            if number and entries[number - 1]["factor"] != entry["factor"]:
                axes.axhline(_edge(places, number), color=style.PALE, lw=0.6, zorder=0)
            _row(axes, section, entry, place, looks[entry["factor"]], limit)
        _frame(axes, section)
        style.legend(drawn, _marks(looks))
    return drawn


def _edge(places: Sequence[float], number: int) -> float:
    return (places[number - 1] + places[number]) / 2


def _row(axes: Axes, section: DatasetResults, entry: Entry, place: float, look: tuple, limit: float) -> None:
    if math.isnan(entry["improvement"]):
        return style.inside(axes, place, "not tested")
    colour, marker = look
    if entry["minimum_detectable"] > 0:
        reach = min(entry["minimum_detectable"], limit)
        axes.barh(place, 2 * reach, left=-reach, height=0.6, color=style.PALE, lw=0, zorder=0)
    if not math.isnan(entry["low"]):
        ends = [max(entry["low"], -limit), min(entry["high"], limit)]
        axes.plot(ends, [place] * 2, color=style.INK, lw=1.3, solid_capstyle="butt", zorder=2)
        for value, side, head in ((entry["low"], -limit, "<"), (entry["high"], limit, ">")):
            if abs(value) > limit:
                axes.plot(side, place, marker=head, ms=4.5, color=style.INK, ls="", zorder=3, clip_on=False)
    face = colour if entry["p_holm"] < ALPHA else "white"
    axes.plot(entry["improvement"], place, marker=marker, ms=5.4, mfc=face, mec=colour, mew=1.2, ls="", zorder=4)
    style.beside(axes, place, signed(entry["improvement"], decimals(section.metric)), MEAN)
    style.beside(axes, place, probability(entry["p_holm"]), HOLM)
    return style.beside(axes, place, f"{entry['folds']}/{entry['folds_planned']}", FOLDS)


def _frame(axes: Axes, section: DatasetResults) -> None:
    unit = section.unit(section.metric)
    what = f"Effect on {section.metric.title}{f' ({unit})' if unit else ''}, as an improvement over the control"
    axes.set_xlabel(f"{what}\n← worse        better →")
    axes.set_title(f"{section.name}: {'phantom' if section.phantom else 'real data'}", loc="left")
    for points, word in ((MEAN, "effect"), (HOLM, "Holm p"), (FOLDS, "folds")):
        axes.annotate(
            word, (1, 1), xycoords="axes fraction", xytext=(points, 4), textcoords="offset points", fontsize=7.5,
            color=style.GREY,
        )  # fmt: skip


def _limit(entries: Sequence[Entry]) -> float:
    """Half the width of the axes: all intervals, unless one is so wide that nothing else could be seen."""
    names = ("low", "high", "improvement", "minimum_detectable")
    known = {name: [abs(entry[name]) for entry in entries if math.isfinite(entry[name])] for name in names}
    points = max([*known["improvement"], *known["minimum_detectable"]], default=0.0)
    return 1.05 * min(max([*known["low"], *known["high"], points], default=0.0), 2.0 * points) or 1.0


def _marks(looks: Mapping[str, tuple]) -> list[Artist]:
    def mark(marker: str, edge: Any, label: str, face: Any = "white") -> Line2D:
        return Line2D([], [], ls="", marker=marker, ms=5, mfc=face, mec=edge, mew=1.2, label=style.wrapped(label, 24))

    return [
        *(mark(marker, colour, name) for name, (colour, marker) in looks.items()),
        mark("o", style.INK, "shown (Holm p < 0.05)", style.INK),
        mark("o", style.INK, "not shown"),
        Line2D([], [], color=style.INK, lw=1.3, label="95 %, corrected"),
        Patch(facecolor=style.PALE, lw=0, label="smaller than detectable"),
    ]
