"""How figures look and how they are saved: fit for a paper, readable in grey, the same bytes from the same numbers.

matplotlib and seaborn are imported when something is drawn, not before: whether a report has a figure needs neither.
"""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import BenchError
from bench.report.figures.plotting_library import load_matplotlib
from bench.storage.atomic_io import atomic_write

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

WIDTH, COLUMN = 7.2, 3.5  # inches: two columns of a page, and one
NARROW = 5.0  # inches: below it, labels are broken earlier and panels stand below each other
INCH = 25.4  # millimetres
WIDTHS = (60, 400)  # millimetres that a width may be
_page: ContextVar[float] = ContextVar("width of the page in inches, 0 for that of each figure", default=0.0)
INK, GREY, MIDDLE, PALE = "#1a1a1a", "#6b6b6b", "#a6a6a6", "#dcdcdc"
BLUE, ORANGE, GREEN = "#0173b2", "#de8f05", "#029e73"  # of seaborn's "colorblind"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "h", "*")
DASHES = ((0, (5, 2)), (0, (2, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (1, 1)))
ROW = 0.24  # inches of a row of one line
COLUMNS = 5  # of the legend
WRAP, NARROW_WRAP = 40, 18  # characters of a label per line
DPI = 200  # of the PNG
FORMATS = ("pdf", "svg", "png")
_METADATA = {  # no dates, no programs: equal figures are equal files
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "png": {"Software": None},
}
FAMILY = "DejaVu Sans"  # comes with matplotlib: the same on every machine
EAST_ASIAN = (  # for letters that it lacks, whichever is installed
    "WenQuanYi Micro Hei", "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "Microsoft YaHei",
    "PingFang SC", "Hiragino Sans", "Yu Gothic", "Malgun Gothic", "Arial Unicode MS",
)  # fmt: skip
_RC = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 8,
    "legend.fontsize": 7.5,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "axes.edgecolor": INK,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.parse_math": False,  # a dollar in a label is a dollar
    "axes.unicode_minus": True,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "dclse-bench",
    "path.simplify": False,
}


@contextmanager
def page_width(millimetres: float | None) -> Iterator[None]:
    """Everything that is drawn inside has this width; None: the width of each figure. BenchError outside WIDTHS."""
    if millimetres is not None and not WIDTHS[0] <= millimetres <= WIDTHS[1]:
        raise BenchError(f"a figure can be {WIDTHS[0]} to {WIDTHS[1]} mm wide, not {millimetres:g}")
    token = _page.set((millimetres or 0.0) / INCH)
    try:
        yield
    finally:
        _page.reset(token)


def is_narrow() -> bool:
    """True inside a `page_width` of a single column."""
    return 0 < _page.get() < NARROW


@contextmanager
def paper_style() -> Iterator[None]:
    """What is drawn and saved inside has the style of a paper; matplotlib's settings outside do not change.

    Settings of the user (a file `matplotlibrc`, a style) do not reach inside.
    """
    matplotlib = load_matplotlib()
    import seaborn as sns

    shipped = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
    rc = {**_RC, "font.family": [FAMILY, *_east_asian()]}
    fonts = logging.getLogger("matplotlib.font_manager")
    level = fonts.level
    fonts.setLevel(logging.ERROR)  # matplotlib warns at every word whose family lacks a bold or an italic
    try:
        with (
            matplotlib.rc_context(shipped),
            sns.axes_style("ticks"),
            sns.plotting_context("paper"),
            matplotlib.rc_context(rc),
        ):
            yield
    finally:
        fonts.setLevel(level)


@cache
def _east_asian() -> tuple[str, ...]:
    """Installed families with letters that FAMILY lacks, in the order in which matplotlib tries them."""
    from matplotlib.font_manager import get_font_names

    installed = set(get_font_names())
    return tuple(name for name in EAST_ASIAN if name in installed)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches, which belongs to no window and no global state.

    Inside a `page_width` it has that width.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_page.get() or width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.03)
    return figure


def save_figure(figure: Figure, folder: Path, stem: str) -> list[Path]:
    """Write a figure to `folder` in every one of FORMATS and return the paths, in that order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stem}.{kind}" for kind in FORMATS]
    with paper_style():
        if (layout := figure.get_layout_engine()) is not None:  # a figure of plain matplotlib has none
            layout.execute(figure)
            figure.set_layout_engine(None)  # one layout for all formats
        for kind, path in zip(FORMATS, paths, strict=True):
            write_figure(figure, path, kind)
    return paths


def write_figure(figure: Figure, path: Path, kind: str) -> None:
    """Write a figure into one file. kind: of FORMATS."""
    with paper_style(), atomic_write(path) as unfinished:
        figure.savefig(unfinished, format=kind, dpi=DPI, metadata=_METADATA[kind], facecolor="white")


def wrap_label(label: str, width: int = WRAP) -> str:
    """A label in at most three lines of at most `width` letters."""
    return "\n".join(textwrap.wrap(label, width, max_lines=3, placeholder=" …", break_on_hyphens=True) or [label])


def colours_and_markers(families: Iterable[str]) -> dict[str, tuple[tuple[float, ...], str]]:
    """family -> (colour, marker); the markers differ where the colours are alike in grey."""
    import seaborn as sns

    names = list(dict.fromkeys(families))
    colours = sns.color_palette("colorblind", max(1, len(names)))
    return {name: (colours[n], MARKERS[n % len(MARKERS)]) for n, name in enumerate(names)}


def row_positions(labels: Sequence[str]) -> tuple[list[float], float]:
    """y of every row, from 0 downwards, and y of the end of the last row; a label of more lines takes a higher row."""
    positions, top = [], 0.0
    for label in labels:
        height = 1 + 0.6 * label.count("\n")
        positions.append(-(top + height / 2))
        top += height
    return positions, -top


def figure_with_rows(labels: Sequence[str], legend_entries: int) -> tuple[Figure, Axes, list[float]]:
    """A figure with a row for each label and room for `legend_entries` in a legend; its axes, and y of each row."""
    narrow = is_narrow()
    lines = [wrap_label(label, NARROW_WRAP if narrow else WRAP) for label in labels]
    positions, end = row_positions(lines)
    rows = -(-legend_entries // (2 if narrow else COLUMNS))
    figure = new_figure(WIDTH, 0.75 + 0.17 * rows - ROW * end)
    axes = figure.subplots()
    axes.set_yticks(positions, lines)
    axes.set_ylim(end, 0)
    hide_spines(axes, "top", "right", "left")
    return figure, axes, positions


def hide_spines(axes: Axes, *sides: str) -> None:
    """Remove the lines at these sides of the axes."""
    for side in sides:
        axes.spines[side].set_visible(False)


def write_beside_row(axes: Axes, y: float, text: str, points: float) -> None:
    """Text to the right of the axes, at the height of a row, `points` away from them."""
    transform = axes.get_yaxis_transform()
    axes.annotate(
        text, (1, y), xycoords=transform, xytext=(points, 0), textcoords="offset points", va="center_baseline",
        fontsize=7.5,
    )  # fmt: skip


def write_column_title(axes: Axes, text: str, points: float) -> None:
    """The title of a column of words that lies to the right of the axes."""
    axes.annotate(
        text, (1, 1), xycoords="axes fraction", xytext=(points, 4), textcoords="offset points", fontsize=7.5,
        color=GREY,
    )  # fmt: skip


def write_in_row(axes: Axes, y: float, text: str) -> None:
    """Text in a row without a mark."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    transform = axes.get_yaxis_transform()
    axes.text(0.01, y, text, transform=transform, va="center_baseline", style="italic", color=GREY, bbox=box,
              fontsize=7.5)  # fmt: skip


def line_entry(label: str, **look: Any) -> Line2D:
    """An entry of a legend: a line, or a marker where `look` has `marker` and `ls=""`."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **look)


def patch_entry(label: str, **look: Any) -> Patch:
    """An entry of a legend: a filled box."""
    from matplotlib.patches import Patch

    return Patch(label=label, lw=0, **look)


def add_legend(figure: Figure, entries: Sequence[Artist], columns: int = COLUMNS) -> None:
    """A legend under the axes, in as many columns as fit into the width of the figure, `columns` at most."""
    for count in range(columns, 0, -1):
        legend = figure.legend(
            handles=entries, loc="outside lower center", ncols=count, frameon=False, handlelength=1.8,
            columnspacing=1.4, handletextpad=0.5, borderaxespad=0.2,
        )  # fmt: skip
        if count == 1 or legend.get_window_extent(figure.canvas.get_renderer()).width <= figure.bbox.width:
            return
        legend.remove()


def kind_title(name: str, phantom: bool) -> str:
    """The title of a figure of one data set: its name, and whether it is real."""
    return f"{name}: {'phantom' if phantom else 'real data'}"


def axis_label(title: str, unit: str, better: str = "") -> str:
    """`MAE (years)`, or with the better direction `MAE (years, lower is better)`."""
    parts = [part for part in (unit, f"{better} is better" if better else "") if part]
    return f"{title} ({', '.join(parts)})" if parts else title
