"""The figures of a report, as far as there is something to draw: what is told of each, and their files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.report.figure_catalog import DRAWINGS
from bench.report.tables import SectionTables, rankings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.report.tables.across_datasets_table import Ranking


@dataclass(frozen=True)
class ReportFigure:
    """A figure of a part. of: the name of the table it belongs to; stem: of its files; caption: what it shows."""

    of: str
    stem: str
    alt: str
    caption: str = ""
    made: Callable[[], Figure] | None = field(default=None, repr=False, compare=False)


def pictures(found: SectionTables) -> tuple[ReportFigure, ...]:
    """The figures of a section: none where there is nothing to draw."""
    section = found.section
    drawn = []
    for each in DRAWINGS:
        data = each.data(found)
        if data is None or not len(data):
            continue
        alt = each.alt.format(data=f"{section.name} ({section.kind})")
        made = partial(each.draw, found, data)
        drawn.append(ReportFigure(each.of, f"{section.name}-{each.name}", alt, each.caption(found, data), made))
    return tuple(drawn)


def over_data_sets(found: Sequence[SectionTables]) -> tuple[ReportFigure, ...]:
    """The critical difference diagrams, of real and of phantom data apart: none where nothing is ranked."""
    return tuple(
        ReportFigure(
            "ranks",
            f"critical-difference-{one.kind}",
            f"Mean ranks of the arms over the {one.kind} data sets, with the critical difference.",
            made=partial(_critical, one),
        )
        for one in rankings(found)
    )


def _critical(one: Ranking) -> Figure:
    from bench.report.figures.critical_difference_figure import critical_difference

    ranks = dict(zip(one.arms, map(float, one.ranks.means), strict=True))
    return critical_difference(ranks, one.ranks.critical, len(one.sets), underpowered=one.ranks.underpowered)


def draw(drawn: Iterable[ReportFigure], folder: Path) -> None:
    """The figures anew; those of data sets that the study has no more, and half a file of a killed process, go."""
    from bench.report import figures

    kept: set[Path] = set()
    for picture in drawn:
        kept.update(figures.save(picture.made(), folder, picture.stem))
    folder.mkdir(parents=True, exist_ok=True)
    for path in set(folder.iterdir()) - kept:
        path.unlink()
