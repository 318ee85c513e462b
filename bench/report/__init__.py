"""The report of a study, from disk alone: CSV, Markdown, LaTeX, figures and one page of HTML. No torch, no ray.

`results/<study>/` can be thrown away and built anew from the plan and the trials.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.storage.atomic_io import storing, write_text
from bench.storage.locks import claimed

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bench.report.tables import Results, SectionTables
    from bench.storage.anonymise import ProtectedNames

__all__ = ["ReportData", "build", "read", "terminal_table"]


@dataclass(frozen=True)
class ReportData:
    """The results of a study and their numbers: what every form of a report is made from."""

    results: Results
    frames: list[SectionTables]
    known: ProtectedNames  # names that no file may show


def read(study: str, root: Path) -> ReportData:
    """The sheet of a study under a results root. BenchError where the study was not run there."""
    from bench.report import protected_names, tables

    results = tables.read(study, root)
    known = protected_names.secrets(results)
    results = protected_names.scrubbed(results, known)
    return ReportData(results, tables.section_tables(results), known)


def build(study: str, root: Path, sheet: ReportData | None = None) -> Path:
    """Build everything of a study under a results root, as far as its runs have come; returns the page.

    sheet: what `read` said, where somebody has it. BenchError where the study was not run there, and where a file
    would tell of people or of this machine: then that one is not written.
    """
    sheet = sheet or read(study, root)
    with storing(root), claimed(Path(root) / study / ".report.claim"):
        return _build(sheet, Path(root) / study)


def _build(sheet: ReportData, folder: Path) -> Path:
    from bench.report import context, figure_files, html, report_manifest, text_formats

    results, found = sheet.results, sheet.frames
    gathered = context.gather(results, found, sheet.known)
    drawn = [*(figure for part in gathered.parts for figure in part.figures), *gathered.over]
    figure_files.save_figures(drawn, folder / "figures")
    for path in sorted((folder / "figures").glob("*.svg")):
        sheet.known.checked(path.name, path.read_text("utf-8"))
    texts = {"report.md": text_formats.as_markdown(gathered), "tables.tex": text_formats.as_latex(gathered)}
    texts |= text_formats.as_csv(found, sheet.known)
    texts |= {
        "manifest.json": json.dumps(report_manifest.manifest(results), indent=1, allow_nan=False, ensure_ascii=False)
        + "\n"
    }
    texts |= {"report.html": html.as_html(gathered, folder / "figures", texts)}
    for name, text in texts.items():
        sheet.known.checked(name, text)
    for name, text in texts.items():
        write_text(folder / name, text)
    return folder / "report.html"


def terminal_table(study: str, root: Path, sheet: ReportData | None = None) -> RenderableType:
    """Scores, contrasts and controls of a study, for the end of a run in a terminal."""
    from bench.report.terminal import terminal

    return terminal((sheet or read(study, root)).frames)
