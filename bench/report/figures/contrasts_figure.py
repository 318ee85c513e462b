"""The declared contrasts of a data set as a forest plot, with the margin of equivalence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.report.figure_catalog import FigureSpec
from bench.report.figures import forest_plot, style
from bench.report.tables.captions import in_sentence

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from bench.report.tables.results import DatasetResults

LOOK = forest_plot.PointLook("o", style.INK, style.INK, 5.2, 1.0, zorder=3, end_bars=True)


def draw_contrasts(section: DatasetResults, frame: pd.DataFrame) -> Figure:
    """A row for every declared contrast. frame: the table of contrasts."""
    entries = frame.to_dict("records")
    against = list(dict.fromkeys(entry["against"] for entry in entries))
    labels = [entry["arm"] if len(against) == 1 else f"{entry['arm']} against {entry['against']}" for entry in entries]
    with style.paper_style():
        figure, axes, positions = style.figure_with_rows(labels, legend_entries=10)
        forest_plot.set_limits(axes, entries, section.plan.margin or 0.0)
        for y, entry in zip(positions, entries, strict=True):
            forest_plot.draw_row(axes, section, entry, y, LOOK)
        margin = _draw_margin(axes, section)
        forest_plot.set_frame(axes, section, _x_label(section, against), "mean")
        style.add_legend(figure, [*forest_plot.legend_entries(entries, point_entries(bool(margin))), *margin])
    return figure


def _x_label(section: DatasetResults, against: Sequence[str]) -> str:
    over = f" over {against[0]}" if len(against) == 1 else ""
    return f"Improvement in {style.axis_label(in_sentence(section.metric.title), section.unit(section.metric))}{over}"


def _draw_margin(axes: Axes, section: DatasetResults) -> list[Line2D]:
    """Lines at the margin of equivalence; returns the one for the legend, in a list that is empty without a margin."""
    margin = section.plan.margin
    if margin is None:
        return []
    lines = [axes.axvline(side, color=style.GREY, lw=0.8, ls=style.DASHES[0], zorder=1) for side in (-margin, margin)]
    lines[0].set_label("margin of equivalence")
    return lines[:1]


def point_entries(margin: bool = False) -> list[Line2D]:
    """The entries of a legend for the marks of improvements; margin: whether equivalence is tested too."""
    look = {"ls": "", "marker": "o", "ms": 5, "mec": style.INK, "mew": 1.0}
    fills = {
        "shown (Holm p < 0.05)": style.INK,
        **({"equivalent": style.MIDDLE} if margin else {}),
        "not shown": "white",
    }
    return [style.line_entry(label, mfc=fill, **look) for label, fill in fills.items()]


FIGURE = FigureSpec(
    name="contrasts",
    table="contrasts",
    order=80,
    narrow=True,
    alt="Contrasts on {data} with their intervals; the numbers are in the table.",
    data=lambda tables: tables.contrasts,
    draw=lambda tables, frame: draw_contrasts(tables.section, frame),
)
