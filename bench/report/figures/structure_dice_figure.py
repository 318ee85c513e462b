"""The Dice coefficient of every warped structure, a row for each and a marker for every arm."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.figures.panels import caption, for_each_arm
from bench.report.tables import arm_selection

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.report.tables import SectionTables

MOST = 20  # structures; of more, those that are aligned worst are shown


def draw_structures(means: Mapping[str, np.ndarray], names: list[str]) -> Figure:
    """means: arm -> (K,) mean Dice coefficient of each structure, NaN where it occurs in no pair. names: of them."""
    with style.paper_style():
        figure, axes, positions = style.figure_with_rows(names, legend_entries=len(means))
        colours = style.colours_and_markers(means)
        entries = []
        apart = min(0.2, 0.7 / len(means))  # arms of equal values would hide each other
        for number, (arm, values) in enumerate(means.items()):
            colour, marker = colours[arm]
            look = {"color": colour, "marker": marker, "ls": "", "ms": 4}
            axes.plot(values, np.asarray(positions) + apart * (number - (len(means) - 1) / 2), **look)
            entries.append(style.line_entry(arm, **look))
        axes.set_xlabel(style.axis_label("Dice of the warped structure", "", "higher"))
        style.add_legend(figure, entries)
    return figure


def _means(tables: SectionTables) -> dict[str, np.ndarray]:
    def mean(arm: str) -> np.ndarray | None:
        runs = arm_selection.one_pass(tables.section, arm)
        kept = [tables.section.predictions(run).get("structure_dice") for run in runs]
        if not (parts := [each for each in kept if each is not None]):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a structure that is in no pair has no mean
            return np.nanmean(np.concatenate(parts), axis=0)

    return for_each_arm(tables, mean)


def _draw(tables: SectionTables, means: Mapping[str, np.ndarray]) -> Figure:
    names = list(tables.section.task.classes[1:])
    order = np.arange(len(names))
    if len(names) > MOST:
        order = np.sort(np.argsort(np.nan_to_num(np.mean(list(means.values()), axis=0), nan=2.0))[:MOST])
    return draw_structures({arm: values[order] for arm, values in means.items()}, [names[at] for at in order])


FIGURE = FigureSpec(
    name="structure-dice",
    table="scores",
    order=66,
    alt="The Dice coefficient of every structure of {data} after the alignment, for each arm.",
    data=_means,
    draw=_draw,
    caption=caption(f"Means over the tested pairs; of more than {MOST} structures the lowest.", one_pass=True),
)
