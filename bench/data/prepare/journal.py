"""Journal of a preparation: one line per scan, so that a killed preparation resumes after the last complete scan.

The first line identifies the data set and the program; a journal of another set is not resumed. A line is written after
the rows of its scan; an incomplete last line is ignored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.storage.atomic_io import write_text

JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class JournalEntry:
    """Result of one scan."""

    id: str
    checksum: str  # of its files
    fitted: str = ""  # dimensions before cropping or padding; empty if neither was needed
    fault: str = ""  # why the scan is excluded; empty if it is usable
    image: str = ""  # checksum of its row in images.npy; empty if it has none
    mask: str = ""  # checksum of its row in masks.npy; empty if it has none
    affine: Sequence[float] = ()  # voxels to scanner millimetres, (3, 4) in row-major order
    notes: Sequence[str] = ()  # of the reader, on the file


class Journal:
    """Writer of the journal of an unfinished folder. A context manager."""

    def __init__(self, folder: Path, about: dict[str, Any], entries: Sequence[JournalEntry]) -> None:
        """about: identity of the data set and the program. entries: valid entries; the file is rewritten with them."""
        self.path = folder / JOURNAL
        lines = [about, *(asdict(entry) for entry in entries)]
        write_text(self.path, "".join(json.dumps(line) + "\n" for line in lines))
        self._file = self.path.open("a", encoding="utf-8")

    def add(self, entry: JournalEntry) -> None:
        """Append the entry of the next scan; its rows must already be written."""
        self._file.write(json.dumps(asdict(entry)) + "\n")
        self._file.flush()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def read(folder: Path) -> tuple[dict[str, Any], list[JournalEntry]]:
    """Identity and complete entries of the journal in a folder; both empty if there is no readable journal."""
    try:
        lines = (folder / JOURNAL).read_text(encoding="utf-8").split("\n")[:-1]  # the last is empty, or cut short
        about, *rest = (json.loads(line) for line in lines)
        return dict(about), [JournalEntry(**line) for line in rest]
    except (OSError, ValueError, TypeError):
        return {}, []
