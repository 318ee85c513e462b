"""The report of a study, built from files alone: CSV, Markdown, LaTeX, figures and one HTML page. No torch, no ray.

Everything in `results/<study>/` except `plan.json` can be deleted and built again from the plan and the trials.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.storage.atomic_io import disk_errors, write_text
from bench.storage.locks import locked

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bench.report.tables import Results, SectionTables
    from bench.storage.anonymise import ProtectedNames

__all__ = ["ReportData", "build", "draw_at_width", "read", "terminal_table"]


@dataclass(frozen=True)
class ReportData:
    """The results of a study and the tables of its data sets: what every format of a report is made from."""

    results: Results
    tables: list[SectionTables]
    protected: ProtectedNames  # names that no file may show


def read(study: str, root: Path) -> ReportData:
    """The data for the report of a study. root: of the results. BenchError if the study was not run there."""
    from bench.report import protected_names, tables

    results = tables.read(study, root)
    protected = protected_names.find_protected_names(results)
    results = protected_names.anonymise(results, protected)
    return ReportData(results, tables.section_tables(results), protected)


def build(study: str, root: Path, data: ReportData | None = None) -> Path:
    """Build the report of a study from the runs that are finished; returns the path of the HTML page.

    root: of the results. data: the result of `read`, to avoid reading twice. BenchError if the study was not run there,
    or if a file would name a person or a folder of this machine; then no text file is written. RunAbortedError if the
    salt of the aliases cannot be read, or is another one than that of the last report.
    """
    data = data or read(study, root)
    with disk_errors(root), locked(Path(root) / study / ".report.claim"):
        return _build(data, Path(root) / study)


def _build(data: ReportData, folder: Path) -> Path:
    from bench.report import context, figure_files, html, report_manifest, text_formats

    report_manifest.check_aliases(folder / "manifest.json")
    facts = context.gather(data.results, data.tables, data.protected)
    figures = [*(figure for part in facts.parts for figure in part.figures), *facts.figures_over_data_sets]
    figure_files.save_figures(figures, folder / "figures")
    for path in sorted((folder / "figures").glob("*.svg")):
        data.protected.checked(path.name, path.read_text("utf-8"))
    texts = {"report.md": text_formats.as_markdown(facts), "tables.tex": text_formats.as_latex(facts)}
    texts |= text_formats.as_csv(data.tables, data.protected)
    manifest = report_manifest.manifest(data.results)
    texts["manifest.json"] = json.dumps(manifest, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    texts["report.html"] = html.as_html(facts, folder / "figures", texts)
    for name, text in texts.items():
        data.protected.checked(name, text)
    for name, text in texts.items():
        write_text(folder / name, text)
    return folder / "report.html"


def draw_at_width(study: str, root: Path, width: float) -> Path:
    """Draw the figures of a study at another width, in millimetres; returns their folder, beside `figures`.

    BenchError if the study was not run there, or if no figure can have that width.
    """
    from bench.report import figure_files
    from bench.report.figures import style

    data, folder = read(study, root), Path(root) / study / f"figures-{width:g}mm"
    with disk_errors(root), locked(Path(root) / study / ".report.claim"), style.page_width(width):
        figure_files.save_figures(figure_files.all_figures(data.tables), folder)
        for path in sorted(folder.glob("*.svg")):
            data.protected.checked(path.name, path.read_text("utf-8"))
    return folder


def terminal_table(study: str, root: Path, data: ReportData | None = None) -> RenderableType:
    """Scores, contrasts and controls of a study as tables for a terminal. data: as in `build`."""
    from bench.report.terminal import terminal

    return terminal((data or read(study, root)).tables)
