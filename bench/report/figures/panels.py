"""Small multiples: a column of panels for every arm, all of one size and one scale, under the arm's name.

Of many arms a figure shows a few, by the rule of `bench.report.tables.arm_selection`, and its caption says which.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from bench.report.figures import style
from bench.report.tables import arm_selection
from bench.report.tables.number_format import plural

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.tables import SectionTables

Data = TypeVar("Data")

ACROSS, NARROW_ACROSS = 4, 2  # arms next to each other, at most
LABEL = 25  # letters of an arm's name in a line
SMALL = 6.5  # points: the smallest letters of a figure
BAND = "Line: mean over the folds, seeds averaged first; band: from the lowest to the highest fold."


def for_each_arm(tables: SectionTables, make: Callable[[str], Data | None]) -> dict[str, Data]:
    """arm -> `make(arm)` of the arms that a figure of panels shows, in the order of the study.

    Arms for which `make` returns None are skipped, and the next arm in the order of preference takes their place.
    """
    usable: dict[str, Data] = {}
    for arm in arm_selection.preferred(tables.section, tables.scores):
        if len(usable) < arm_selection.MOST and (data := make(arm)) is not None:
            usable[arm] = data
    return {arm: usable[arm] for arm in tables.section.arms if arm in usable}


def predictions_of_arms(tables: SectionTables) -> dict[str, arm_selection.PooledPredictions]:
    """arm -> its predictions of every test scan in one pass over the folds."""
    return for_each_arm(tables, lambda arm: arm_selection.predictions_of_one_pass(tables.section, arm))


def caption(words: str, one_pass: bool = False) -> Callable[[SectionTables, Mapping], str]:
    """The caption of a figure of panels: `words`, and which arms are shown if not all are.

    one_pass: the figure shows one pass over the folds; if there are more, the caption says so.
    """

    def written(tables: SectionTables, data: Mapping) -> str:
        once = ""
        if one_pass and (count := arm_selection.passes(tables.section)) > 1:
            once = f"One of {plural(count, 'pass', 'passes')} over the folds: each scan once."
        return " ".join(part for part in (words, once, arm_selection.rule(tables.section, data)) if part)

    return written


def panel_grid(
    arms: Sequence[str],
    heights: Sequence[float],
    subtitles: Sequence[str] = (),
    legend_height: float = 0.3,
    own_scale: Sequence[int] = (),
) -> tuple[Figure, list[list[Axes]]]:
    """A figure and, for each arm, its panels from the top: as many as there are `heights`, in inches.

    subtitles: a line under the name of each arm. Panels of one kind share their scales; own_scale: the positions in
    `heights` of the kinds that do not share y.
    """
    across = _arms_across(len(arms))
    down = math.ceil(len(arms) / across)
    titles = [style.wrap_label(arm, LABEL) for arm in arms]
    lines = max(title.count("\n") for title in titles) + bool(subtitles)
    height = down * (sum(heights) + 0.1 * len(heights) + 0.2 + 0.12 * lines) + 0.3 + legend_height
    figure = style.new_figure(style.WIDTH if across > 2 else style.COLUMN * across**0.5, height)
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.04)
    ratios = {"height_ratios": [*heights] * down}
    grid = figure.subplots(down * len(heights), across, squeeze=False, gridspec_kw=ratios)
    kinds = range(len(heights))
    places = [(row, column) for row in range(down) for column in range(across)]
    columns = [[grid[row * len(heights) + kind][column] for kind in kinds] for row, column in places]
    for axes in (axes for column in columns[len(arms) :] for axes in column):
        axes.remove()
    columns = columns[: len(arms)]
    for number, (column, title) in enumerate(zip(columns, titles, strict=True)):
        _write_title(column[0], title, subtitles[number] if subtitles else "")
        for kind, axes in enumerate(column):
            _share_scale(axes, columns, kind, own_scale)
            _clear_frame(axes, left=kind in own_scale or number % across == 0, bottom=kind == len(heights) - 1)
    return figure, columns


def _arms_across(arms: int) -> int:
    return min(NARROW_ACROSS if style.is_narrow() else ACROSS, arms)


def _write_title(axes: Axes, title: str, subtitle: str) -> None:
    axes.set_title(title, fontsize=7.5, pad=11 if subtitle else 4)
    if subtitle:
        axes.annotate(
            subtitle, (0.5, 1), xycoords="axes fraction", xytext=(0, 3), textcoords="offset points", ha="center",
            fontsize=SMALL, color=style.GREY, annotation_clip=False,
        )  # fmt: skip


def _clear_frame(axes: Axes, left: bool, bottom: bool) -> None:
    axes.tick_params(labelsize=SMALL, labelleft=left, labelbottom=bottom, pad=2)
    style.hide_spines(axes, "top", "right")


def _share_scale(axes: Axes, columns: Sequence[Sequence[Axes]], kind: int, own_scale: Sequence[int]) -> None:
    first = columns[0][kind]
    if axes is not first and kind not in own_scale:
        axes.sharey(first)
    if axes is not columns[0][0]:
        axes.sharex(columns[0][0])


def label_axes(columns: Sequence[Sequence[Axes]], x: str, *y: str) -> None:
    """Name x under the last panel of every column, and y at the left. y: a name for each kind of panel."""
    across = _arms_across(len(columns))
    for number, column in enumerate(columns):
        if number + across >= len(columns):
            column[-1].set_xlabel(x, fontsize=7)
        for axes, name in zip(column, y, strict=True):
            if number % across == 0:
                axes.set_ylabel(name, fontsize=7)


def legend_below(figure: Figure, entries: Sequence[Artist], columns: int = 5) -> None:
    """A legend under all panels: of a figure of at most two panels in two columns, of a narrow page in one."""
    columns = 1 if style.is_narrow() else columns if figure.get_figwidth() > style.NARROW else 2
    figure.legend(
        handles=list(entries), loc="outside lower center", ncols=columns, frameon=False, fontsize=7,
        handlelength=1.8, columnspacing=1.4, handletextpad=0.5, borderaxespad=0.2,
    )  # fmt: skip
