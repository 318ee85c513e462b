"""The declared interactions of a study: mean scores at the levels of one factor, a line for each level of another.

Parallel lines: the effect of each factor does not depend on the level of the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.tables.effects_table import level_means

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.tables import SectionTables
    from bench.report.tables.results import DatasetResults

ACROSS = 2  # panels next to each other
PANEL = 2.7  # inches of the height of a panel
LABEL = 14  # letters of a level's name in a line


def draw_interactions(section: DatasetResults) -> Figure:
    """A panel for every declared interaction; one without a fold that has all arms says so."""
    pairs = section.plan.design.interactions
    down = -(-len(pairs) // ACROSS)
    with style.paper_style():
        figure = style.new_figure(style.WIDTH, PANEL * down + 0.2)
        panels = figure.subplots(down, ACROSS, squeeze=False).ravel()
        for axes, pair in zip(panels, pairs, strict=False):
            _draw_panel(axes, section, pair)
        for axes in panels[len(pairs) :]:
            axes.set_axis_off()
        figure.suptitle(style.kind_title(section.name, section.phantom), fontsize=8.5, x=0.02, ha="left")
    return figure


def _draw_panel(axes: Axes, section: DatasetResults, pair: tuple[str, str]) -> None:
    one, other = pair
    frame = level_means(section, pair)
    axes.set_ylabel(style.axis_label(section.metric.title, section.unit(section.metric)))
    axes.set_xlabel(style.wrap_label(one))
    style.hide_spines(axes, "top", "right")
    if frame.empty:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no fold has all arms", transform=axes.transAxes, ha="center", style="italic")
        return
    _draw_lines(axes, frame, one, other)


def _draw_lines(axes: Axes, frame: pd.DataFrame, one: str, other: str) -> None:
    levels = list(dict.fromkeys(frame[one]))
    for number, (level, (colour, marker)) in enumerate(style.colours_and_markers(frame[other]).items()):
        scores = frame[frame[other] == level].set_index(one)["score"].reindex(levels)
        dashes = style.DASHES[(number - 1) % len(style.DASHES)] if number else "-"
        axes.plot(
            range(len(levels)), scores, color=colour, marker=marker, ms=5, lw=1.2, ls=dashes,
            label=style.wrap_label(level, LABEL),
        )  # fmt: skip
    axes.set_xticks(range(len(levels)), [style.wrap_label(level, LABEL) for level in levels])
    axes.margins(x=0.15, y=0.1)
    folds = int(frame["folds"].iloc[0])
    axes.legend(
        title=f"{style.wrap_label(other, LABEL)}\n({folds} folds)", loc="center left", bbox_to_anchor=(1.0, 0.5),
        frameon=False, fontsize=7.5, title_fontsize=7.5,
    )  # fmt: skip


def _interactions(tables: SectionTables) -> pd.DataFrame | None:
    effects = tables.effects
    return effects[effects["effect"] == "interaction"] if len(effects) else None


FIGURE = FigureSpec(
    name="interactions",
    table="effects",
    order=100,
    alt="Mean scores on {data} at the levels of the factors of every declared interaction.",
    data=_interactions,
    draw=lambda tables, _: draw_interactions(tables.section),
)
