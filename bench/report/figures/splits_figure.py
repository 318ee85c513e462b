"""The contrasts of a split with others of the same data set as a forest plot: a row for every arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.figure_catalog import FigureSpec
from bench.report.figures import forest_plot, style
from bench.report.figures.contrasts_figure import LOOK, point_entries

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from bench.report.tables.results import DatasetResults


def draw_splits(section: DatasetResults, frame: pd.DataFrame) -> Figure:
    """A row for every arm and every other split. frame: the table of the contrasts of splits."""
    entries = frame.to_dict("records")
    over = list(dict.fromkeys(entry["over"] for entry in entries))
    labels = [entry["arm"] if len(over) == 1 else f"{entry['arm']} over {entry['over']}" for entry in entries]
    with style.paper_style():
        figure, axes, positions = style.figure_with_rows(labels, legend_entries=10)
        forest_plot.set_limits(axes, entries)
        for y, entry in zip(positions, entries, strict=True):
            forest_plot.draw_row(axes, section, entry, y, LOOK)
        unit = style.axis_label(section.metric.title, section.unit(section.metric))
        words = f"{unit}: {section.name} over {over[0] if len(over) == 1 else 'another split'}"
        forest_plot.set_frame(axes, section, words, "mean")
        style.add_legend(figure, forest_plot.legend_entries(entries, point_entries()))
    return figure


FIGURE = FigureSpec(
    name="splits",
    table="splits",
    order=85,
    alt="Arms on {data} against themselves under other splits, with intervals; the numbers are in the table.",
    data=lambda tables: tables.splits,
    draw=lambda tables, frame: draw_splits(tables.section, frame),
)
