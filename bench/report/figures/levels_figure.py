"""One data set at several levels, of an effect or of the share of the people: every arm's score against the level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.evaluation import metrics
from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from bench.report.tables.dataset_tables import SectionTables

FEWEST = 3  # levels: two points are no curve
NARROW = 0.012  # of the range of levels, between the intervals of two arms
WIDE = 20.0  # times the lowest level: from there on the axis of levels is logarithmic
HEIGHT = 3.3  # inches of the axes of a data set


@dataclass(frozen=True)
class Levels:
    """The sections of one data set that differ in one number alone, by that number."""

    data: str
    quantity: str  # name of the parameter, or `share of the training groups`
    values: tuple[float, ...]  # ascending
    sections: tuple[SectionTables, ...]

    @property
    def logarithmic(self) -> bool:
        return self.values[0] > 0 and self.values[-1] >= WIDE * self.values[0]

    def beside(self, value: float, shift: float) -> float:
        """The place that is a share `shift` of the axis to the right of a level."""
        if self.logarithmic:
            return value * (self.values[-1] / self.values[0]) ** shift
        return value + (self.values[-1] - self.values[0]) * shift


def levels_of(found: Sequence[SectionTables]) -> list[Levels]:
    """Every data set that the study has at three levels of one number or more."""
    sets: dict[tuple[str, str, Any], list[SectionTables]] = {}
    for each in found:
        data = each.section.data
        tested = data.external.data.name if data.external else ""
        sets.setdefault((each.section.data.data or data.name, data.split, tested), []).append(each)
    return [one for (name, *_), group in sets.items() if (one := _levels(name, group)) is not None]


def _levels(name: str, group: Sequence[SectionTables]) -> Levels | None:
    entries = [each.section.data for each in group]
    named = {f"params.{key}" for entry in entries for key in entry.params}
    numbers = {key: [entry.params.get(key.removeprefix("params.")) for entry in entries] for key in sorted(named)}
    numbers |= {key: [getattr(entry, key) for entry in entries] for key in ("fraction", "noise", "missing")}
    varying = {key: values for key, values in numbers.items() if any(value != values[0] for value in values)}
    if len(group) < FEWEST or len(varying) != 1:
        return None
    ((key, values),) = varying.items()
    if not all(isinstance(value, int | float) for value in values) or len(set(values)) < len(values):
        return None
    order = sorted(range(len(values)), key=lambda at: values[at])
    quantity = {"fraction": "share of the training groups", "noise": "share of wrong labels"}.get(key)
    return Levels(
        name,
        quantity or {"missing": "share of missing components"}.get(key, key.removeprefix("params.")),
        tuple(float(values[at]) for at in order),
        tuple(group[at] for at in order),
    )


def draw_levels(found: Sequence[Levels]) -> Figure:
    """An axes for every data set, one below the other: a line for every arm, with intervals over people."""
    with style.paper_style():
        figure = style.new_figure(style.WIDTH, HEIGHT * len(found) + 0.6)
        for axes, one in zip(figure.subplots(len(found), squeeze=False)[:, 0], found, strict=True):
            entries = _draw_arms(axes, one) + _draw_limits(axes, one)
            if one.logarithmic:
                axes.set_xscale("log")
                axes.set_xticks(one.values, [f"{value:g}" for value in one.values], minor=False)
                axes.set_xticks([], minor=True)
            metric, unit = one.sections[0].section.metric, one.sections[0].section.unit(one.sections[0].section.metric)
            axes.set_title(style.kind_title(one.data, one.sections[0].section.phantom), loc="left")
            axes.set_xlabel(one.quantity[0].upper() + one.quantity[1:])
            axes.set_ylabel(style.axis_label(metric.title, unit, metric.better))
        style.add_legend(figure, [*entries, style.line_entry("95 % over people", color=style.GREY, lw=1.0)])
    return figure


def _draw_arms(axes: Axes, one: Levels) -> list[Line2D]:
    """A line for every arm; points of arms that are not complete are left out."""
    frames = [each.scores.set_index("arm") for each in one.sections]
    kept = {arm: rows for arm in dict.fromkeys(arm for frame in frames for arm in frame.index) if (rows := [
        (value, frame.loc[arm]) for value, frame in zip(one.values, frames, strict=True)
        if arm in frame.index and frame.loc[arm]["complete"]
    ])}  # fmt: skip
    looks = style.colours_and_markers(list(kept))
    lines = []
    for number, (arm, rows) in enumerate(kept.items()):
        places = [one.beside(value, NARROW * (number - (len(kept) - 1) / 2)) for value, _ in rows]
        colour, marker = looks[arm]
        for place, (_, row) in zip(places, rows, strict=True):
            if not math.isnan(row["low"]):
                axes.plot([place] * 2, [row["low"], row["high"]], color=colour, lw=1.0, zorder=2)
        dashes = style.DASHES[0] if rows[0][1]["floor"] else "-"
        look = {"color": colour, "marker": marker, "ls": dashes, "lw": 1.1, "ms": 4.5, "mec": style.INK, "mew": 0.6}
        axes.plot(places, [row["score"] for _, row in rows], zorder=3, **look)
        lines.append(style.line_entry(arm, **look))
    return lines


def _draw_limits(axes: Axes, one: Levels) -> list[Line2D]:
    """What nobody can beat, where it is known, and chance."""
    lines = []
    best = [each.section.data.oracle for each in one.sections]
    if None not in best:
        look = {"color": style.GREEN, "lw": 1.4, "ls": style.DASHES[2]}
        axes.plot(one.values, best, zorder=1, **look)
        lines.append(style.line_entry("best possible", **look))
    task = one.sections[0].section.task
    chance = metrics.chance(task, task.primary)
    if chance is not None:
        axes.axhline(chance, color=style.PALE, lw=3, zorder=0)
        lines.append(style.line_entry("chance", color=style.PALE, lw=3))
    return lines


FIGURE = FigureSpec(
    name="levels",
    table="ranks",
    order=140,
    one_per="kind",
    alt="Score of every arm on {data} against the level; the numbers are in the tables of scores.",
    data=levels_of,
    draw=lambda tables, found: draw_levels(found),
)
