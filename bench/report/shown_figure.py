"""A figure of a report for a notebook or a paper: it shows itself, has its caption, and is saved at the width asked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import BenchError
from bench.core.parameters import did_you_mean
from bench.report.figure_files import ReportFigure
from bench.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class ShownFigure:
    """A drawn figure of a report.

    Attributes
    ----------
    name : str
        Name of its files, the data set and the figure: ``ad_oasis-scores``.
    figure : matplotlib.figure.Figure
        The figure; its axes may be changed before it is saved.
    caption, alt : str
        The caption of the report, that of its table for a figure without one of its own; and the description for
        readers who cannot see the figure.
    """

    name: str
    figure: Figure
    caption: str = ""
    alt: str = ""

    @property
    def axes(self) -> list[Axes]:
        """The axes of the figure."""
        return self.figure.axes

    def save(self, path: str | Path) -> Path:
        """Save the figure in the format that the end of the name tells: pdf, svg or png.

        Parameters
        ----------
        path : str or Path
            File to write.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        BenchError
            If the name ends in none of these.
        """
        path = Path(path)
        if path.suffix.lower()[1:] not in style.FORMATS:
            raise BenchError(f"{path.name} ends in none of {', '.join(style.FORMATS)}; give the name such an end")
        style.write_figure(self.figure, path, path.suffix.lower()[1:])
        return path

    def _repr_png_(self) -> bytes:
        """The picture that a notebook shows."""
        picture = io.BytesIO()
        with style.paper_style():
            self.figure.savefig(picture, format="png", dpi=style.DPI, facecolor="white")
        return picture.getvalue()

    def __repr__(self) -> str:
        width, height = (round(side * style.INCH) for side in self.figure.get_size_inches())
        return f"ShownFigure({self.name}, {width} x {height} mm)"


def draw_named(figures: Sequence[ReportFigure], name: str, width: float | None = None) -> ShownFigure:
    """Draw the figure of a report that has this name.

    Parameters
    ----------
    figures : sequence of ReportFigure
        The figures of the report.
    name : str
        ``ad_oasis-scores``, or ``scores`` where one data set has such a figure.
    width : float, optional
        Width in millimetres, for example 85; by default that of the report.

    Returns
    -------
    ShownFigure
        The figure.

    Raises
    ------
    BenchError
        If no figure has that name, if several have, or if the width is too small or too large.
    """
    found = [each for each in figures if name in (each.stem, each.stem.partition("-")[2])]
    if len(found) != 1:
        names = [each.stem for each in found or figures]
        reason = f"several figures are named {name!r}: {', '.join(names)}" if found else (
            f"no figure {name!r}; {did_you_mean(name, names)}")  # fmt: skip
        raise BenchError(reason)
    one = found[0]
    with style.page_width(width), style.paper_style():
        return ShownFigure(one.stem, one.draw(), one.caption or one.table_caption(), one.alt)
