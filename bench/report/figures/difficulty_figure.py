"""How hard each contrast is to generate from each other one: a matrix for every arm, with differentiation scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation import modality_importance
from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.figures.panels import SMALL, caption, for_each_arm, panel_grid
from bench.report.tables.modality_scores import pair_scores
from bench.report.tables.number_format import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.tables import SectionTables

REACH = 4.0  # of the scale of colours, both ways
HEIGHTS = (1.5, 0.9)  # inches of the panels of an arm


@dataclass(frozen=True, eq=False)
class Difficulty:
    """The matrix (K, K) of ease, source by target, and the names of the contrasts."""

    easy: np.ndarray
    names: tuple[str, ...]


def draw_difficulties(found: Mapping[str, Difficulty]) -> Figure:
    """A column for each arm: its matrix, dark where a contrast is hard to generate, and its differentiation scores."""
    with style.paper_style():
        figure, columns = panel_grid(list(found), HEIGHTS, legend_height=0.1, own_scale=(0, 1))
        drawn = [_draw(column, one) for column, one in zip(columns, found.values(), strict=True)][-1]
        bar = figure.colorbar(drawn, ax=[column[0] for column in columns], shrink=0.8, pad=0.02, aspect=14)
        bar.solids.set_rasterized(False)  # nor may the bar be an image: its text in an SVG would look like a path
        bar.set_label("easy to generate", fontsize=7)
        bar.ax.tick_params(labelsize=SMALL)
    return figure


def _draw(column: list[Axes], one: Difficulty):
    places, edges = np.arange(len(one.names)), np.arange(len(one.names) + 1) - 0.5
    shown = np.ma.masked_invalid(one.easy)
    looks = {"cmap": "cividis", "vmin": -REACH, "vmax": REACH, "linewidth": 0, "antialiased": False}
    drawn = column[0].pcolormesh(edges, edges, shown, **looks)
    for row in places:
        for at in places[places != row]:
            value = one.easy[row, at]
            colour = "black" if value > 0 else "white"
            column[0].text(at, row, number(value, 1), ha="center", va="center", fontsize=SMALL - 1, color=colour)
    column[0].set_yticks(places, one.names, fontsize=SMALL)
    column[0].set_ylim(len(places) - 0.5, -0.5)
    column[0].set_ylabel("from", fontsize=SMALL)
    column[1].bar(places, modality_importance.differentiation(one.easy), color=style.BLUE, width=0.6)
    column[1].axhline(0, color=style.GREY, lw=0.6)
    column[1].set_ylabel("differentiation", fontsize=SMALL)
    column[1].set_xlabel("to", fontsize=SMALL)
    for axes in column:
        axes.set_xticks(places, one.names, rotation=45, ha="right", fontsize=SMALL)
        axes.tick_params(labelsize=SMALL, labelleft=True, labelbottom=axes is column[1])
    return drawn


def _difficulties(tables: SectionTables) -> dict[str, Difficulty]:
    names = tables.section.task.classes

    def of_arm(arm: str) -> Difficulty | None:
        parts = pair_scores(tables.section, arm)
        if not parts:
            return None
        scores = modality_importance.joined(list(parts.values()))
        return Difficulty(modality_importance.ease_of(scores, len(names)), names)

    return for_each_arm(tables, of_arm)


FIGURE = FigureSpec(
    name="difficulty",
    table="scores",
    order=66,
    alt="How easy each contrast of {data} is to generate from each other one, and differentiation scores, by arm.",
    data=_difficulties,
    draw=lambda tables, found: draw_difficulties(found),
    caption=caption(
        "Above: how easy the contrast of a column is to generate from that of a row, z(PSNR) + z(SSIM) over all pairs,"
        " over all test scans of one pass. Below: the differentiation score of each contrast, minus the mean of its"
        " column: a high one tells what the others do not."
    ),
)
