"""Every document for a paper: the `DOCUMENT` of each file `*_document.py` of this folder."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from bench.report.paper.paper_document import PaperDocument


def documents() -> list[PaperDocument]:
    """The documents, by their order."""
    package = __name__.rpartition(".")[0]
    names = [info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)])]
    names = [name for name in names if name.endswith("_document") and name != "paper_document"]
    found = [importlib.import_module(f"{package}.{name}").DOCUMENT for name in names]
    return sorted(found, key=lambda document: document.order)
