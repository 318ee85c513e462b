"""The figures of one report: those of the catalogue that have data, with their captions, and their files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.report.figure_catalog import DATA_SET, KIND, FigureSpec, specs
from bench.report.figures import style
from bench.report.tables import SectionTables
from bench.report.tables.dataset_tables import caption_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ReportFigure:
    """A figure of a report. table: the name of the table it belongs to; stem: of its files; narrow: see FigureSpec."""

    table: str
    stem: str
    alt: str
    caption: str = ""
    draw: Callable[[], Figure] | None = field(default=None, repr=False, compare=False)
    narrow: bool = False
    table_caption: Callable[[], str] = field(default=str, repr=False, compare=False)


def figures_of(tables: SectionTables) -> tuple[ReportFigure, ...]:
    """The figures of one data set that have data."""
    section = tables.section
    made = [
        _figure(spec, tables, f"{section.name}-{spec.name}", f"{section.name} ({section.kind})")
        for spec in specs()
        if spec.one_per == DATA_SET
    ]
    return tuple(figure for figure in made if figure)


def all_figures(tables: Sequence[SectionTables]) -> tuple[ReportFigure, ...]:
    """The figures of all data sets of a report, and those over several."""
    return (*(figure for part in tables for figure in figures_of(part)), *figures_over_data_sets(tables))


def figures_over_data_sets(tables: Sequence[SectionTables]) -> tuple[ReportFigure, ...]:
    """The figures over all real, and over all phantom data sets, that have data."""
    kinds = {kind: [each for each in tables if each.section.kind == kind] for kind in ("real", "phantom")}
    made = [
        _figure(spec, some, f"{spec.name}-{kind}", f"the {kind} data sets")
        for spec in specs()
        if spec.one_per == KIND
        for kind, some in kinds.items()
        if some
    ]
    return tuple(figure for figure in made if figure)


def _figure(spec: FigureSpec, tables: Any, stem: str, about: str) -> ReportFigure | None:
    data = spec.data(tables)
    if data is None or (isinstance(data, Sized) and not len(data)):
        return None
    draw = partial(spec.draw, tables, data)
    alt, caption, below = (
        spec.alt.format(data=about),
        spec.caption(tables, data),
        partial(caption_of, tables, spec.table),
    )
    return ReportFigure(spec.table, stem, alt, caption, draw, spec.narrow, below)


def save_figures(report_figures: Iterable[ReportFigure], folder: Path) -> None:
    """Draw and save every figure, and remove all other files of the folder: old figures and unfinished files."""
    saved: set[Path] = set()
    for each in report_figures:
        with style.paper_style():
            saved.update(style.save_figure(each.draw(), folder, each.stem))
    folder.mkdir(parents=True, exist_ok=True)
    for path in set(folder.iterdir()) - saved:
        path.unlink()
