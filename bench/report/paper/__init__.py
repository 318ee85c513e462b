"""Documents for a paper, from the manifest and the tables of a report: methods, references, checklists, cards.

They say what a run knows. What it cannot know (ethics, recruitment, intended use) is listed as open, for the authors.
A document is one file, `*_document.py` here, with a module-level `DOCUMENT`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.storage.atomic_io import disk_errors, write_text
from bench.storage.locks import locked

if TYPE_CHECKING:
    from bench.report import ReportData
    from bench.report.paper.paper_content import PaperContent

__all__ = ["REFERENCES", "build"]

REFERENCES = "references.bib"


def build(study: str, root: Path, data: ReportData | None = None) -> Path:
    """Write the documents for a paper on a study, from the runs that are finished.

    Parameters
    ----------
    study : str
        Name of a study that was run.
    root : Path
        Folder of the results.
    data : ReportData, optional
        The result of `bench.report.read`, to avoid reading twice.

    Returns
    -------
    Path
        The folder `paper` in the folder of the study. Files of the same names are replaced.

    Raises
    ------
    BenchError
        If the study was not run there, or if a file would name a person or a folder of this machine; then no file is
        written.
    RunAbortedError
        If the salt of the aliases cannot be read, or is another one than that of the last report, or the disk is full.
    """
    from bench import report
    from bench.report import report_manifest
    from bench.report.paper import paper_content

    folder = Path(root) / study
    data = data or report.read(study, root)
    report_manifest.check_aliases(folder / "manifest.json")
    texts = _texts(paper_content.gather(data))
    for name, text in texts.items():
        data.protected.checked(name, text)
    with disk_errors(root), locked(folder / ".report.claim"):
        (folder / "paper").mkdir(exist_ok=True)
        for name, text in texts.items():
            write_text(folder / "paper" / name, text)
    return folder / "paper"


def _texts(content: PaperContent) -> dict[str, str]:
    """File name -> text of every document, and the bibliography of what they cite."""
    from bench.report.paper.document_blocks import as_markdown, cited_keys
    from bench.report.paper.document_catalog import documents

    tidy = content.protected.tidy
    blocks = {document.file: document.write(content) for document in documents()}
    texts = {name: as_markdown(each, tidy) for name, each in blocks.items()}
    return {**texts, REFERENCES: _bibliography(content, (key for each in blocks.values() for key in cited_keys(each)))}


def _bibliography(content: PaperContent, keys: Iterable[str]) -> str:
    """The works that documents cite, by their keys."""
    return "\n".join(content.works[key].bibtex(content.protected.tidy) for key in sorted(set(keys)))
