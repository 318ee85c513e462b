"""The dynamic curriculum as training goes: sizes of the Cur sets, complexities, weights of the stages, groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.report.figures import style
from bench.report.figures.panels import SMALL, beneath, named, panels
from bench.report.tables.training_curves import TrainingCurve

KINDS = {"cur": "Cur set (share)", "complexity": "Complexity", "weight": "Stage weight", "groups": "Groups"}
FOUND = tuple(KINDS)


def watched(course: TrainingCurve) -> dict[str, list[str]]:
    """kind -> the stages, or for groups the convolutions, that a course follows; kinds without any are left out."""
    found: dict[str, list[str]] = {}
    for name in course.lines:
        kind, _, place = name.partition(" ")
        if kind in KINDS and place:
            found.setdefault(kind, []).append(place)
    return {kind: found[kind] for kind in KINDS if kind in found}


def curriculum(found: Mapping[str, TrainingCurve]) -> Figure:
    """A column for every arm, a row for each kind of number that any of them follows."""
    held = {arm: watched(course) for arm, course in found.items()}
    kinds = [kind for kind in KINDS if any(kind in each for each in held.values())]
    judged = [places for each in held.values() for kind, places in each.items() if kind != "groups"]
    stages = list(dict.fromkeys(place for places in judged for place in places))
    with style.paper():
        looks = dict(zip(stages, sns.color_palette("viridis", len(stages)), strict=True))  # early ones are dark
        drawn, grid = panels(list(found), [0.9] * len(kinds))
        for (arm, course), column in zip(found.items(), grid, strict=True):
            for kind, axes in zip(kinds, column, strict=True):
                places = held[arm].get(kind, [])
                groups(axes, course, places) if kind == "groups" else lines(axes, course, kind, places, looks)
        named(grid, "Step", *(KINDS[kind] for kind in kinds))
        beneath(drawn, _marks(looks, "groups" in kinds))
    return drawn


def lines(axes: Axes, course: TrainingCurve, kind: str, stages: Sequence[str], looks: Mapping[str, tuple]) -> None:
    """A line for each stage, the mean over folds, with the band from the lowest to the highest fold."""
    if not stages:
        return _none(axes)
    for number, stage in enumerate(stages):
        mean, low, high = course.band(f"{kind} {stage}")
        axes.fill_between(course.steps, low, high, color=looks[stage], alpha=0.2, lw=0)
        marker = style.MARKERS[number % len(style.MARKERS)]
        axes.plot(course.steps, mean, color=looks[stage], lw=1.1, marker=marker, ms=2.4, mew=0)
    axes.locator_params(nbins=4)
    return None


def groups(axes: Axes, course: TrainingCurve, places: Sequence[str]) -> None:
    """The mean over folds of every learnt convolution as a thin line, and the mean of them all."""
    if not places:
        return _none(axes)
    means = np.array([course.band(f"groups {place}")[0] for place in places])
    axes.plot(course.steps, means.T, color=style.GREY, lw=0.5, alpha=0.7)
    axes.plot(course.steps, means.mean(axis=0), color=style.INK, lw=1.4)
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.tick_params(which="minor", labelleft=False, length=0)
    return None


def _none(axes: Axes) -> None:
    look = {"ha": "center", "va": "center", "fontsize": SMALL, "style": "italic"}
    axes.text(0.5, 0.5, "not followed", transform=axes.transAxes, **look)


def _marks(looks: Mapping[str, tuple], learnt: bool) -> list[Line2D]:
    marks = [
        Line2D([], [], color=colour, lw=1.1, marker=style.MARKERS[n % len(style.MARKERS)], ms=3, mew=0, label=stage)
        for n, (stage, colour) in enumerate(looks.items())
    ]
    if learnt:
        marks.append(Line2D([], [], color=style.GREY, lw=0.6, label="a convolution"))
        marks.append(Line2D([], [], color=style.INK, lw=1.4, label="their mean"))
    return marks
