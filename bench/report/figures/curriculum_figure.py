"""The dynamic curriculum as training goes: sizes of the Cur sets, complexities, weights of the stages, groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.figures.panels import BAND, SMALL, caption, for_each_arm, label_axes, legend_below, panel_grid
from bench.report.tables.training_curves import TrainingCurve, course

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from bench.report.tables import SectionTables

KINDS = {
    "cur": "Cur set (share)",
    "learnt": "Learnt (share)",
    "complexity": "Complexity",
    "weight": "Stage weight",
    "groups": "Groups",
}


def logged_quantities(curve: TrainingCurve) -> dict[str, list[str]]:
    """kind -> the stages that a curve has numbers of, for groups the convolutions; kinds without any are left out."""
    quantities: dict[str, list[str]] = {}
    for name in curve.lines:
        kind, _, part = name.partition(" ")
        if kind in KINDS and part:
            quantities.setdefault(kind, []).append(part)
    return {kind: quantities[kind] for kind in KINDS if kind in quantities}


def draw_curriculum(curves: Mapping[str, TrainingCurve]) -> Figure:
    """A column for every arm, a row for each kind of number that any of them logged."""
    import seaborn as sns

    logged = {arm: logged_quantities(curve) for arm, curve in curves.items()}
    kinds = [kind for kind in KINDS if any(kind in each for each in logged.values())]
    staged = [parts for each in logged.values() for kind, parts in each.items() if kind != "groups"]
    stages = list(dict.fromkeys(part for parts in staged for part in parts))
    with style.paper_style():
        colours = dict(zip(stages, sns.color_palette("viridis", len(stages)), strict=True))  # early ones are dark
        figure, grid = panel_grid(list(curves), [0.9] * len(kinds))
        for (arm, curve), column in zip(curves.items(), grid, strict=True):
            for kind, axes in zip(kinds, column, strict=True):
                parts = logged[arm].get(kind, [])
                if kind == "groups":
                    _draw_groups(axes, curve, parts)
                else:
                    _draw_stages(axes, curve, kind, parts, colours)
        label_axes(grid, "Step", *(KINDS[kind] for kind in kinds))
        legend_below(figure, _legend_entries(colours, "groups" in kinds))
    return figure


def _draw_stages(
    axes: Axes, curve: TrainingCurve, kind: str, stages: Sequence[str], colours: Mapping[str, tuple]
) -> None:
    """A line for each stage, the mean over folds, with the band from the lowest to the highest fold."""
    if not stages:
        return _write_none(axes)
    for number, stage in enumerate(stages):
        mean, low, high = curve.band(f"{kind} {stage}")
        axes.fill_between(curve.steps, low, high, color=colours[stage], alpha=0.2, lw=0)
        marker = style.MARKERS[number % len(style.MARKERS)]
        axes.plot(curve.steps, mean, color=colours[stage], lw=1.1, marker=marker, ms=2.4, mew=0)
    axes.locator_params(nbins=4)
    return None


def _draw_groups(axes: Axes, curve: TrainingCurve, convolutions: Sequence[str]) -> None:
    """The mean over folds of every learnt convolution as a thin line, and the mean of them all."""
    if not convolutions:
        return _write_none(axes)
    means = np.array([curve.band(f"groups {name}")[0] for name in convolutions])
    axes.plot(curve.steps, means.T, color=style.GREY, lw=0.5, alpha=0.7)
    axes.plot(curve.steps, means.mean(axis=0), color=style.INK, lw=1.4)
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.tick_params(which="minor", labelleft=False, length=0)
    return None


def _write_none(axes: Axes) -> None:
    look = {"ha": "center", "va": "center", "fontsize": SMALL, "style": "italic"}
    axes.text(0.5, 0.5, "not followed", transform=axes.transAxes, **look)


def _legend_entries(colours: Mapping[str, tuple], has_groups: bool) -> list[Line2D]:
    look = {"lw": 1.1, "ms": 3, "mew": 0}
    entries = [
        style.line_entry(stage, color=colour, marker=style.MARKERS[n % len(style.MARKERS)], **look)
        for n, (stage, colour) in enumerate(colours.items())
    ]
    if has_groups:
        entries.append(style.line_entry("a convolution", color=style.GREY, lw=0.6))
        entries.append(style.line_entry("their mean", color=style.INK, lw=1.4))
    return entries


def _curves(tables: SectionTables) -> dict[str, TrainingCurve]:
    def logged_curve(arm: str) -> TrainingCurve | None:
        curve = course(tables.section, arm) if _has_log(tables, arm) else None
        return curve if curve and logged_quantities(curve) else None

    return for_each_arm(tables, logged_curve)


def _has_log(tables: SectionTables, arm: str) -> bool:
    first = next((run for run in tables.section.of(arm) if run.done and run.record.curve), None)
    return first is not None and "watched" in first.record.curve[0]


FIGURE = FigureSpec(
    name="curriculum",
    table="",
    order=140,
    alt="What the curriculum followed on {data} as training went.",
    data=_curves,
    draw=lambda tables, curves: draw_curriculum(curves),
    caption=caption(
        "The curriculum as training goes, measured on training batches alone. Learnt: the share of the truth beyond "
        f"chance. {BAND}"
    ),
)
