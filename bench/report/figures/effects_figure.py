"""The effects of a study's factors as a forest plot: every level against its control, then the interactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.report.figure_catalog import FigureSpec
from bench.report.figures import forest_plot, style
from bench.report.tables.captions import in_sentence

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from bench.report.tables.results import DatasetResults


def draw_effects(section: DatasetResults, frame: pd.DataFrame) -> Figure:
    """A row for every effect; factors differ by colour and marker, filled where the effect is shown.

    frame: the table of effects.
    """
    entries = frame.to_dict("records")
    labels = [f"{entry['factor']}: {entry['level']}" for entry in entries]
    with style.paper_style():
        factors = style.colours_and_markers(entry["factor"] for entry in entries)
        figure, axes, positions = style.figure_with_rows(labels, legend_entries=len(factors) + 4)
        forest_plot.set_limits(axes, entries)
        for number, (y, entry) in enumerate(zip(positions, entries, strict=True)):
            if number and entries[number - 1]["factor"] != entry["factor"]:
                axes.axhline(_edge_above(positions, number), color=style.PALE, lw=0.6, zorder=0)
            colour, marker = factors[entry["factor"]]
            look = forest_plot.PointLook(marker, colour, colour, 5.4, 1.2, zorder=4)
            forest_plot.draw_row(axes, section, entry, y, look)
        what = style.axis_label(in_sentence(section.metric.title), section.unit(section.metric))
        x_label = f"Effect on {what}, as an improvement over the control"
        forest_plot.set_frame(axes, section, x_label, "effect")
        points = _point_entries(factors, section.plan.margin is not None)
        style.add_legend(figure, forest_plot.legend_entries(entries, points))
    return figure


def _edge_above(positions: Sequence[float], number: int) -> float:
    return (positions[number - 1] + positions[number]) / 2


def _point_entries(factors: Mapping[str, tuple], margin: bool) -> list[Line2D]:
    def entry(marker: str, edge: Any, label: str, fill: Any = "white") -> Line2D:
        return style.line_entry(style.wrap_label(label, 24), ls="", marker=marker, ms=5, mfc=fill, mec=edge, mew=1.2)

    return [
        *(entry(marker, colour, name) for name, (colour, marker) in factors.items()),
        entry("o", style.INK, "shown (Holm p < 0.05)", style.INK),
        *([entry("o", style.INK, "equivalent", style.MIDDLE)] if margin else []),
        entry("o", style.INK, "not shown"),
    ]


FIGURE = FigureSpec(
    name="effects",
    table="effects",
    order=90,
    narrow=True,
    alt="Effects on {data} with their intervals; the numbers are in the table.",
    data=lambda tables: tables.effects,
    draw=lambda tables, frame: draw_effects(tables.section, frame),
)
