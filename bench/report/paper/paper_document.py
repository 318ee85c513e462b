"""A document for a paper: the name of its file, and the function that writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.report.paper.document_blocks import Block
from bench.report.paper.paper_content import PaperContent


@dataclass(frozen=True, kw_only=True)
class PaperDocument:
    """One document. A file `*_document.py` of this folder defines a module-level `DOCUMENT`.

    Attributes
    ----------
    file : str
        Name of its file.
    order : int
        Its place among the documents, lowest first.
    write : callable
        Gets the content of a paper, and returns the blocks of the document.
    """

    file: str
    order: int
    write: Callable[[PaperContent], Sequence[Block]]
