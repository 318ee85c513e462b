"""How figures look and how they are kept: fit for a paper, readable in grey, the same bytes from the same numbers."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import matplotlib
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names

from bench.storage.atomic_io import whole

WIDTH, COLUMN = 7.2, 3.5  # inches: two columns of a page, and one
INK, GREY, PALE = "#1a1a1a", "#6b6b6b", "#dcdcdc"
BLUE, ORANGE, GREEN = "#0173b2", "#de8f05", "#029e73"  # of seaborn's "colorblind"
VEIL = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}  # under words that lie on lines
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "h", "*")
DASHES = ((0, (5, 2)), (0, (2, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (1, 1)))
ROW = 0.24  # inches of a row of one line
COLUMNS = 5  # of the legend
WRAP = 40  # letters of a label in a line
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
def paper() -> Iterator[None]:
    """Everything drawn and saved inside looks as in a paper; nothing outside is changed."""
    rc = {**_RC, "font.family": [FAMILY, *_east_asian()]}
    fonts = logging.getLogger("matplotlib.font_manager")
    level = fonts.level
    fonts.setLevel(logging.ERROR)  # a family without a bold or an italic is told for every word in it
    try:
        with sns.axes_style("ticks"), sns.plotting_context("paper"), matplotlib.rc_context(rc):
            yield
    finally:
        fonts.setLevel(level)


@cache
def _east_asian() -> tuple[str, ...]:
    """Installed families with letters that FAMILY lacks, each asked for what those before it lack too."""
    installed = set(get_font_names())
    return tuple(name for name in EAST_ASIAN if name in installed)


def figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches that belongs to no window and no global state."""
    made = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(made)
    made.get_layout_engine().set(w_pad=0.06, h_pad=0.03)
    return made


def save(drawn: Figure, folder: Path, stem: str) -> list[Path]:
    """Write a figure as PDF, SVG and PNG and return where."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stem}.{kind}" for kind in FORMATS]
    with paper():
        drawn.get_layout_engine().execute(drawn)
        drawn.set_layout_engine(None)  # laid out once, for all formats alike
        for kind, path in zip(FORMATS, paths, strict=True):
            with whole(path) as unfinished:
                drawn.savefig(unfinished, format=kind, dpi=DPI, metadata=_METADATA[kind], facecolor="white")
    return paths


def wrapped(label: str, width: int = WRAP) -> str:
    """A label in lines of at most so many letters, never more than three of them."""
    return "\n".join(textwrap.wrap(label, width, max_lines=3, placeholder=" …", break_on_hyphens=True) or [label])


def looks(families: Iterable[str]) -> dict[str, tuple[tuple[float, ...], str]]:
    """A colour and a marker for each family; the markers differ where the colours are grey."""
    names = list(dict.fromkeys(families))
    colours = sns.color_palette("colorblind", max(1, len(names)))
    return {name: (colours[n], MARKERS[n % len(MARKERS)]) for n, name in enumerate(names)}


def rows(labels: Sequence[str]) -> tuple[list[float], float]:
    """Where the rows lie, from 0 downwards, and where the last ends: a label of more lines takes more room."""
    places, at = [], 0.0
    for label in labels:
        room = 1 + 0.6 * label.count("\n")
        places.append(-(at + room / 2))
        at += room
    return places, -at


def rows_on(labels: Sequence[str], signs: int) -> tuple[Figure, Axes, list[float]]:
    """A figure with a row for each label and room for so many signs in its legend; its axes, and the rows' places."""
    lines = [wrapped(label) for label in labels]
    places, end = rows(lines)
    drawn = figure(WIDTH, 0.75 + 0.17 * -(-signs // COLUMNS) - ROW * end)
    axes = drawn.subplots()
    axes.set_yticks(places, lines)
    axes.set_ylim(end, 0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    return drawn, axes, places


def beside(axes: Axes, place: float, text: str, points: float) -> None:
    """Words to the right of a row, so many points from the axes."""
    across = axes.get_yaxis_transform()
    axes.annotate(
        text, (1, place), xycoords=across, xytext=(points, 0), textcoords="offset points", va="center_baseline",
        fontsize=7.5,
    )  # fmt: skip


def inside(axes: Axes, place: float, text: str) -> None:
    """Words in a row that has nothing else to show."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    across = axes.get_yaxis_transform()
    axes.text(
        0.01, place, text, transform=across, va="center_baseline", style="italic", color=GREY, bbox=box, fontsize=7.5
    )


def legend(drawn: Figure, handles: Sequence[Artist], columns: int = COLUMNS) -> None:
    """Under the axes, in as many columns as fit into the width of the figure, `columns` at most."""
    room = drawn.bbox.width
    for number in range(columns, 0, -1):
        made = drawn.legend(
            handles=handles, loc="outside lower center", ncols=number, frameon=False, handlelength=1.8,
            columnspacing=1.4, handletextpad=0.5, borderaxespad=0.2,
        )  # fmt: skip
        if number == 1 or made.get_window_extent(drawn.canvas.get_renderer()).width <= room:
            return
        made.remove()
