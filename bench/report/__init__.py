"""The report of a study, from disk alone: CSV, Markdown, LaTeX, figures and one page of HTML. No torch, no ray.

`results/<study>/` can be thrown away and built anew from the plan and the trials.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.disk import write_text

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["build", "terminal_table"]


def build(study: str, root: Path) -> Path:
    """Build everything of a study under a results root, as far as its runs have come; returns the page.

    BenchError where the study was not run there.
    """
    from bench import tables
    from bench.report import documents, facts, page

    results = tables.read(study, root)
    found = tables.frames(results)
    folder = Path(root) / study
    gathered = facts.gather(results, found)
    _draw(found, folder / "figures")
    for name, text in documents.as_csv(found).items():
        write_text(folder / name, text)
    write_text(folder / "report.md", documents.as_markdown(gathered))
    write_text(folder / "tables.tex", documents.as_latex(gathered))
    write_text(folder / "report.html", page.as_html(gathered, folder / "figures"))
    return folder / "report.html"


def terminal_table(study: str, root: Path) -> RenderableType:
    """Scores, contrasts and controls of a study, for the end of a run in a terminal."""
    from bench import tables
    from bench.report.terminal import terminal

    return terminal(tables.frames(tables.read(study, root)))


def _draw(found: list, folder: Path) -> None:
    """The figures anew; those of data sets that the study has no more are gone."""
    from bench import figures

    for kind in figures.FORMATS:
        for path in folder.glob(f"*.{kind}"):
            path.unlink()
    for frames in found:
        name = frames.section.name
        figures.save(figures.scores(frames.section, frames.scores), folder, f"{name}-scores")
        if len(frames.contrasts):
            figures.save(figures.forest(frames.section, frames.contrasts), folder, f"{name}-contrasts")
