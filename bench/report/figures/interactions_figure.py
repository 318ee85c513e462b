"""The declared interactions of a study: mean scores at the levels of one factor, a line for each level of another.

Lines that run side by side: each factor does what it does whatever the other is.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.figures import style
from bench.report.tables.effects_table import level_means
from bench.report.tables.results import DatasetResults

ACROSS = 2  # panels beside each other
PANEL = 2.7  # inches of the height of a panel
LABEL = 14  # letters of a level's name in a line


def interactions(section: DatasetResults) -> Figure:
    """A panel for every declared interaction; one without a fold that has all arms says so."""
    pairs = [tuple(pair) for pair in section.plan["design"]["interactions"]]
    down = -(-len(pairs) // ACROSS)
    with style.paper():
        drawn = style.figure(style.WIDTH, PANEL * down + 0.2)
        panels = drawn.subplots(down, ACROSS, squeeze=False).ravel()
        for axes, pair in zip(panels, pairs, strict=False):
            _panel(axes, section, pair)
        for axes in panels[len(pairs) :]:
            axes.set_axis_off()
        drawn.suptitle(
            f"{section.name}: {'phantom' if section.phantom else 'real data'}", fontsize=8.5, x=0.02, ha="left"
        )
    return drawn


def _panel(axes: Axes, section: DatasetResults, pair: tuple[str, str]) -> None:
    one, other = pair
    frame = level_means(section, pair)
    unit = section.unit(section.metric)
    axes.set_ylabel(f"{section.metric.title}{f' ({unit})' if unit else ''}")
    axes.set_xlabel(style.wrapped(one))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if frame.empty:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no fold has all arms", transform=axes.transAxes, ha="center", style="italic")
        return
    _lines(axes, frame, one, other)


def _lines(axes: Axes, frame: pd.DataFrame, one: str, other: str) -> None:
    levels = list(dict.fromkeys(frame[one]))
    looks = style.looks(frame[other])
    for number, (level, (colour, marker)) in enumerate(looks.items()):
        scores = frame[frame[other] == level].set_index(one)["score"].reindex(levels)
        dashes = style.DASHES[(number - 1) % len(style.DASHES)] if number else "-"
        axes.plot(
            range(len(levels)), scores, color=colour, marker=marker, ms=5, lw=1.2, ls=dashes,
            label=style.wrapped(level, LABEL),
        )  # fmt: skip
    axes.set_xticks(range(len(levels)), [style.wrapped(level, LABEL) for level in levels])
    axes.margins(x=0.15, y=0.1)
    folds = int(frame["folds"].iloc[0])
    axes.legend(
        title=f"{style.wrapped(other, LABEL)}\n({folds} folds)", loc="center left", bbox_to_anchor=(1.0, 0.5),
        frameon=False, fontsize=7.5, title_fontsize=7.5,
    )  # fmt: skip
