"""The figures inside a page: as SVG, some a second time for narrow screens; as PNG or a sentence if too large."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from bench.report.figure_files import ReportFigure
from bench.report.figures import style

DRAWING, DRAWINGS = 1_200_000, 5_000_000  # bytes of one figure as SVG, and of all of them
REM = 0.1  # of the page, for a point of a figure
NARROW = 85.0  # millimetres: at this width letters are readable on a screen of 380 pixels
_NAMED = re.compile(r'((?:\bid=")|(?:href="#)|(?:url\(#))([^")]+)')


@dataclass(frozen=True)
class PageFigure:
    """The HTML of a figure. narrow: its form for narrow screens; empty if it has none and must be scrolled there."""

    wide: Markup
    narrow: Markup = Markup("")


def page_figures(pictures: Iterable[ReportFigure], folder: Path) -> dict[str, PageFigure]:
    """stem -> the figure for the page. folder: of the saved figures. All together they stay below DRAWINGS bytes."""
    left, found = DRAWINGS, {}
    for picture in pictures:
        wide = embedded_figure(folder, picture, min(left, DRAWING))
        left -= len(wide)
        narrow = _narrow_figure(picture)
        narrow = narrow if len(narrow) <= min(left, DRAWING) else ""
        left -= len(narrow)
        found[picture.stem] = PageFigure(Markup(wide), Markup(narrow))
    return found


def embedded_figure(figures: Path, picture: ReportFigure, room: int) -> str:
    """A figure for the page, of at most `room` bytes: as SVG, else as PNG, else a sentence that names its file."""
    text = inline_svg((figures / f"{picture.stem}.svg").read_text("utf-8"), picture.stem)
    if len(text) <= room:
        return text
    dots = figures / f"{picture.stem}.png"
    if dots.is_file() and dots.stat().st_size * 4 / 3 < room:
        packed = base64.b64encode(dots.read_bytes()).decode()
        return f'<img alt="" src="data:image/png;base64,{packed}">'
    return str(Markup("<p>This figure is too large for the page: figures/{}.pdf</p>").format(picture.stem))


def _narrow_figure(picture: ReportFigure) -> str:
    """The figure as SVG, NARROW millimetres wide; empty if it has no such form."""
    if not picture.narrow or picture.draw is None:
        return ""
    drawing = io.StringIO()
    with style.page_width(NARROW), style.paper_style():
        picture.draw().savefig(drawing, format="svg", facecolor="white")
    return inline_svg(drawing.getvalue(), f"{picture.stem}-narrow")


def inline_svg(text: str, prefix: str) -> str:
    """The SVG element of a file, without prologue and metadata, its ids prefixed so that they are unique in the page.

    Its width is relative to that of a wide figure, so that the text of all figures has one size.
    """
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    prefix = re.sub(r"[^\w.@-]", lambda match: f"_{ord(match[0]):x}", prefix)  # it stands in attributes
    text = _NAMED.sub(lambda match: f"{match[1]}{prefix}-{match[2]}", text)
    opening, rest = text.split(">", 1)
    wide = re.search(r' width="([\d.]+)pt"', opening)
    width = f' style="--wide:{float(wide[1]) * REM:.1f}rem"' if wide else ""
    return re.sub(r' (?:width|height)="[^"]*"', "", opening) + width + ">" + rest
