"""The audit of the selection: validation and test score at every evaluation point, with what validation chose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.evaluation.metrics import Metric
from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.figures.panels import BAND, caption, for_each_arm, label_axes, legend_below, panel_grid
from bench.report.figures.training_curves_figure import LOOKS, draw_band, ring_chosen
from bench.report.tables.training_curves import TrainingCurve, course

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

    from bench.report.tables import SectionTables


def draw_selection(curves: Mapping[str, TrainingCurve], metric: Metric, unit: str = "") -> Figure:
    """A panel for every arm: its score on the validation and on the test part, and the points that were chosen."""
    with style.paper_style():
        figure, grid = panel_grid(list(curves), [1.3], legend_height=0.36)
        for curve, (axes,) in zip(curves.values(), grid, strict=True):
            axes.plot(curve.steps, curve.band("test")[0], color=style.GREY, lw=1.0, ls=LOOKS["test"][1], zorder=3.5)
            draw_band(axes, curve, "val")
            ring_chosen(axes, curve)
            axes.locator_params(nbins=4)
        label_axes(grid, "Step", style.axis_label(metric.title, unit))
        legend_below(figure, _legend_entries(), columns=3)
    return figure


def _legend_entries() -> list[Artist]:
    words = {"val": "validation", "test": "test: audit only, nothing is chosen by it"}
    return [
        *(style.line_entry(text, color=LOOKS[name][0], ls=LOOKS[name][1], lw=1.2) for name, text in words.items()),
        style.patch_entry("lowest to highest fold", facecolor=style.BLUE, alpha=0.2),
        style.line_entry("chosen by validation", ls="", marker="o", ms=4, mfc="white", mec=style.INK, mew=0.9),
    ]


def _draw(tables: SectionTables, curves: Mapping[str, TrainingCurve]) -> Figure:
    section = tables.section
    return draw_selection(curves, section.metric, section.unit(section.metric))


FIGURE = FigureSpec(
    name="selection",
    table="audit",
    order=115,
    alt="Validation and test scores on {data} at every evaluation point, for the audit of the selection.",
    data=lambda tables: for_each_arm(tables, lambda arm: course(tables.section, arm)),
    draw=_draw,
    caption=caption(f"{BAND} The test score is shown for the audit of the selection; nothing is chosen by it."),
)
