"""Small multiples: a column of panels for every arm, all of one size and one scale, under its name."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.figures import style

ACROSS = 4  # arms beside each other
LABEL = 25  # letters of an arm's name in a line
SMALL = 6.5  # points: the smallest letters of a figure


def panels(
    arms: Sequence[str], heights: Sequence[float], words: Sequence[str] = (), room: float = 0.3, own: Sequence[int] = ()
) -> tuple[Figure, list[list[Axes]]]:
    """A figure and, for each arm, its panels from the top: as many as there are heights, in inches.

    words: what is said of each arm under its name. room: inches for the legend. Panels of one kind share their scales;
    own: numbers of kinds that do not share y.
    """
    across = min(ACROSS, len(arms))
    down = math.ceil(len(arms) / across)
    titles = [style.wrapped(arm, LABEL) for arm in arms]
    lines = max(title.count("\n") for title in titles) + bool(words)
    height = down * (sum(heights) + 0.1 * len(heights) + 0.2 + 0.12 * lines) + 0.3 + room
    drawn = style.figure(style.WIDTH if across > 2 else style.COLUMN * across**0.5, height)
    drawn.get_layout_engine().set(w_pad=0.03, h_pad=0.04)
    grid = drawn.subplots(down * len(heights), across, squeeze=False, gridspec_kw={"height_ratios": [*heights] * down})
    kinds = range(len(heights))
    places = [(row, column) for row in range(down) for column in range(across)]
    found = [[grid[row * len(heights) + kind][column] for kind in kinds] for row, column in places]
    for axes in (axes for column in found[len(arms) :] for axes in column):
        axes.remove()
    found = found[: len(arms)]
    for number, (column, title) in enumerate(zip(found, titles, strict=True)):
        _name(column[0], title, words[number] if words else "")
        for kind, axes in enumerate(column):
            _share(axes, found, kind, own)
            _bare(axes, left=kind in own or number % across == 0, bottom=kind == len(heights) - 1)
    return drawn, found


def _name(axes: Axes, title: str, words: str) -> None:
    axes.set_title(title, fontsize=7.5, pad=11 if words else 4)
    if words:
        axes.annotate(
            words, (0.5, 1), xycoords="axes fraction", xytext=(0, 3), textcoords="offset points", ha="center",
            fontsize=SMALL, color=style.GREY, annotation_clip=False,
        )  # fmt: skip


def _bare(axes: Axes, left: bool, bottom: bool) -> None:
    axes.tick_params(labelsize=SMALL, labelleft=left, labelbottom=bottom, pad=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _share(axes: Axes, found: Sequence[Sequence[Axes]], kind: int, own: Sequence[int]) -> None:
    first = found[0][kind]
    if axes is not first and kind not in own:
        axes.sharey(first)
    if axes is not found[0][0]:
        axes.sharex(found[0][0])


def named(found: Sequence[Sequence[Axes]], x: str, *y: str) -> None:
    """The names of the axes: of x under the last of every column, of y at the left. y: one for each kind of panel."""
    across = min(ACROSS, len(found))
    for number, column in enumerate(found):
        if number + across >= len(found):
            column[-1].set_xlabel(x, fontsize=7)
        for axes, name in zip(column, y, strict=True):
            if number % across == 0:
                axes.set_ylabel(name, fontsize=7)


def beneath(drawn: Figure, handles: Sequence, columns: int = 5) -> None:
    """A legend under all panels."""
    wide = drawn.get_figwidth() > 5
    drawn.legend(
        handles=list(handles), loc="outside lower center", ncols=columns if wide else 2, frameon=False, fontsize=7,
        handlelength=1.8, columnspacing=1.4, handletextpad=0.5, borderaxespad=0.2,
    )  # fmt: skip
