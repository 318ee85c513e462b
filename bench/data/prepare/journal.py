"""What a preparation has done so far: a line for each scan, so that a killed one goes on where it was.

The first line says what is being made; what was begun for something else is not gone on with. Lines follow the rows
that they tell of, and a line that was cut short is not there.
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
    """What came of one scan."""

    id: str
    checksum: str  # of its files
    fitted: str = ""  # its dimensions before cropping or padding, where there was any
    fault: str = ""  # why it is left out
    image: str = ""  # the checksum of its row; empty where there is none
    mask: str = ""
    affine: Sequence[float] = ()  # where its row lies in the scanner's millimetres, (3, 4) row by row


class Journal:
    """The journal of an unfinished folder. Used in a `with`."""

    def __init__(self, folder: Path, about: dict[str, Any], entries: Sequence[JournalEntry]) -> None:
        """about: what is being made. entries: those that hold; others are forgotten."""
        self.path = folder / JOURNAL
        lines = [about, *(asdict(entry) for entry in entries)]
        write_text(self.path, "".join(json.dumps(line) + "\n" for line in lines))
        self._file = self.path.open("a", encoding="utf-8")

    def add(self, entry: JournalEntry) -> None:
        """Write down what came of the next scan; its row has been handed to the system already."""
        self._file.write(json.dumps(asdict(entry)) + "\n")
        self._file.flush()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def read(folder: Path) -> tuple[dict[str, Any], list[JournalEntry]]:
    """What was being made in a folder, and the entries that are whole; nothing where there is no journal."""
    try:
        lines = (folder / JOURNAL).read_text(encoding="utf-8").split("\n")[:-1]  # the last is empty, or cut short
        about, *rest = (json.loads(line) for line in lines)
        return dict(about), [JournalEntry(**line) for line in rest]
    except (OSError, ValueError, TypeError):
        return {}, []
