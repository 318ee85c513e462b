"""Reliability diagrams: the stated probability against what came true, and how many scans each bin has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.figures.panels import caption, label_axes, panel_grid, predictions_of_arms
from bench.report.tables import arm_selection
from bench.report.tables.number_format import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.tables import SectionTables
    from bench.report.tables.calibration import Reliability


def draw_reliability(reliabilities: Mapping[str, Reliability], classes: Sequence[str]) -> Figure:
    """Two panels for every arm: the diagram, and the number of scans in its bins."""
    of = f"of {classes[1]}" if len(classes) == 2 else "of the likeliest class"
    probability = style.wrap_label(f"Probability {of}", 28)
    with style.paper_style():
        words = [f"ECE {each.ece:.3f}, {plural(int(each.counts.sum()), 'scan')}" for each in reliabilities.values()]
        figure, grid = panel_grid(list(reliabilities), [1.3, 0.5], words, legend_height=0.0)
        for each, (above, below) in zip(reliabilities.values(), grid, strict=True):
            _draw_diagram(above, each)
            _draw_counts(below, each)
        label_axes(grid, probability, "Came true", "Scans")
    return figure


def _draw_diagram(axes: Axes, one: Reliability) -> None:
    """A point with its interval for every bin, larger where more scans are in it; the diagonal is calibrated."""
    axes.plot([0, 1], [0, 1], color=style.PALE, lw=2, zorder=0)
    axes.vlines(one.stated, one.low, one.high, color=style.BLUE, lw=0.9, zorder=2)
    sizes = 8 + 50 * one.counts / one.counts.sum()
    axes.scatter(one.stated, one.observed, s=sizes, color=style.BLUE, edgecolor="white", lw=0.5, zorder=3)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.03, 1.03), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))


def _draw_counts(axes: Axes, one: Reliability) -> None:
    """How many scans are in each bin."""
    low, high = one.edges[:, 0], one.edges[:, 1]
    axes.bar(low, one.counts, width=high - low, align="edge", color=style.GREY, edgecolor="white", lw=0.5)
    axes.locator_params(axis="y", nbins=2, integer=True)


def _reliabilities(tables: SectionTables) -> dict[str, Reliability] | None:
    from bench.report.tables.calibration import bins_for, reliability

    if tables.section.task.kind != "classification":
        return None
    section = tables.section
    found = predictions_of_arms(tables)
    return {
        arm: reliability(each.y, each.predictions, bins_for(arm_selection.people_of_one_pass(section, arm)))
        for arm, each in found.items()
    }


FIGURE = FigureSpec(
    name="reliability",
    table="scores",
    order=50,
    alt="Stated probabilities against what came true, for the arms on {data}.",
    data=_reliabilities,
    draw=lambda tables, reliabilities: draw_reliability(reliabilities, tables.section.task.classes),
    caption=caption(
        "Bins of equal width, one for every 15 people and ten at most, scans summed over the folds. Bars: 95 % interval"
        " of Wilson. ECE: of these bins, for two classes those of the second "
        "one's probability; the table's is of the class called, a mean over folds.",
        one_pass=True,
    ),
)
