"""The report of a study, from disk alone: CSV, Markdown, LaTeX, figures and one page of HTML. No torch, no ray.

`results/<study>/` can be thrown away and built anew from the plan and the trials.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.claims import claimed
from bench.disk import storing, write_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bench.tables import Frames, Results

__all__ = ["Sheet", "build", "read", "terminal_table"]


@dataclass(frozen=True)
class Sheet:
    """The results of a study and their numbers: what every form of a report is made from."""

    results: Results
    frames: list[Frames]


def read(study: str, root: Path) -> Sheet:
    """The sheet of a study under a results root. BenchError where the study was not run there."""
    from bench import tables

    results = tables.read(study, root)
    return Sheet(results, tables.frames(results))


def build(study: str, root: Path, sheet: Sheet | None = None) -> Path:
    """Build everything of a study under a results root, as far as its runs have come; returns the page.

    sheet: what `read` said, where somebody has it. BenchError where the study was not run there.
    """
    sheet = sheet or read(study, root)
    with storing(root), claimed(Path(root) / study / ".report.claim"):
        return _build(sheet, Path(root) / study)


def _build(sheet: Sheet, folder: Path) -> Path:
    from bench.report import documents, facts, page

    results, found = sheet.results, sheet.frames
    gathered = facts.gather(results, found)
    _draw(found, folder / "figures")
    for name, text in documents.as_csv(found).items():
        write_text(folder / name, text)
    write_text(folder / "report.md", documents.as_markdown(gathered))
    write_text(folder / "tables.tex", documents.as_latex(gathered))
    write_text(folder / "report.html", page.as_html(gathered, folder / "figures"))
    return folder / "report.html"


def terminal_table(study: str, root: Path, sheet: Sheet | None = None) -> RenderableType:
    """Scores, contrasts and controls of a study, for the end of a run in a terminal."""
    from bench.report.terminal import terminal

    return terminal((sheet or read(study, root)).frames)


def _draw(found: list, folder: Path) -> None:
    """The figures anew; those of data sets that the study has no more, and half a file of a killed process, go."""
    from bench import figures
    from bench.report import facts

    drawn: set[Path] = set()
    for frames in found:
        name = frames.section.name
        drawn.update(figures.save(figures.scores(frames.section, frames.scores), folder, f"{name}-scores"))
        if len(frames.contrasts):
            drawn.update(figures.save(figures.forest(frames.section, frames.contrasts), folder, f"{name}-contrasts"))
        if len(frames.effects):
            drawn.update(figures.save(figures.effects(frames.section, frames.effects), folder, f"{name}-effects"))
        if facts.interacting(frames):
            drawn.update(figures.save(figures.interactions(frames.section), folder, f"{name}-interactions"))
        if len(frames.stress):
            shown = figures.corruptions(frames.stress, frames.section.metric.title)
            drawn.update(figures.save(shown, folder, f"{name}-stress"))
    for path in set(folder.iterdir()) - drawn:
        path.unlink()
