"""Account for every file in a data folder: read as a scan, read as a table, or left out with a reason and its name.

The counts are in the manifest under `accounting`; the names lie in `left_out.json` beside it, because they may name
people, and a report shows no names.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.core import Sample
from bench.core.printable_text import printable
from bench.data.readers.litter import is_litter
from bench.data.readers.omissions import OmissionLog
from bench.storage.atomic_io import write_text

LEFT_OUT = "left_out.json"
NAMED = 10  # names of a reason that are printed
ENTITY = re.compile(r"_([A-Za-z]+\d?[A-Za-z]{0,12})$")  # of a BIDS name: T1w, bold, FLAIR
ENDS = (".nii.gz", ".tar.gz")
OTHER = "other files"  # heading of files that are no scans
SCANS, ROWS = "scans", "rows"
DESCRIPTIONS = ("dataset_description", "README", "CHANGES", "LICENSE", "participants", "sessions")  # names in BIDS


@dataclass(frozen=True)
class Accounting:
    """Every file under a folder by what became of it.

    read + tables + the names under `scans` and `files` is the number of files; `rows` are rows of tables.
    """

    files: int = 0
    read: int = 0
    tables: int = 0
    names: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)  # scans, rows, files -> reason -> names

    def to_manifest(self) -> dict[str, Any]:
        """The counts, without names."""
        counts = {kind: {reason: len(names) for reason, names in some.items()} for kind, some in self.names.items()}
        return {"files": self.files, "read": self.read, "tables": self.tables, "left_out": counts}


def account(root: Path | None, samples: Sequence[Sample], log: OmissionLog) -> Accounting:
    """Account for the files under `root`. None, of a phantom: nothing to account for."""
    if root is None:
        return Accounting()
    read = {_absolute(path) for sample in samples for path in sample.files}
    tables = {_absolute(path) for path in log.tables}
    reasons = {_absolute(path): (reason, name) for (reason, name), path in log.omitted.items() if path is not None}
    kinds = {_kind(Path(path).name) for path in read}
    names = {kind: defaultdict(list) for kind in (SCANS, ROWS, OTHER)}
    counts = {"files": 0, "read": 0, "tables": 0}
    for place in sorted(_files_below(root)):
        path = _absolute(root / place)
        counts["files"] += 1
        if path in read or path in tables:
            counts["read" if path in read else "tables"] += 1
        elif path in reasons:
            reason, name = reasons.pop(path)
            names[SCANS][reason].append(name)
        else:
            heading, reason = _reason(place, kinds)
            names[heading][reason].append(place.as_posix())
    for (reason, name), path in log.omitted.items():
        if path is None:
            names[ROWS][reason].append(name)
    return Accounting(**counts, names={kind: dict(some) for kind, some in names.items() if some})


def save_names(folder: Path, accounting: Accounting) -> None:
    """Write the names of what was left out into the folder of a prepared set."""
    write_text(folder / LEFT_OUT, json.dumps(accounting.names, indent=1) + "\n")


def saved_names(folder: Path) -> Mapping[str, Mapping[str, list[str]]]:
    """The names in the folder of a prepared set; empty if there are none, or the file cannot be read."""
    try:
        return json.loads((folder / LEFT_OUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def left_out_counts(manifest: Mapping[str, Any]) -> list[str]:
    """Sentences on scans and rows that were left out, without names."""
    left = manifest.get("accounting", {}).get("left_out", {})
    return [f"{count} {reason} are left out" for kind in (SCANS, ROWS) for reason, count in left.get(kind, {}).items()]


def left_out_lines(manifest: Mapping[str, Any], folder: Path) -> list[str]:
    """Lines that list what was left out, with the first names of each reason."""
    left, names = manifest.get("accounting", {}).get("left_out", {}), saved_names(folder)
    lines = []
    for kind, reasons in left.items():
        for reason, count in reasons.items():
            some = names.get(kind, {}).get(reason, [])
            more = f" and {count - NAMED} more" if count > NAMED and some else ""
            listed = f": {', '.join(map(printable, some[:NAMED]))}{more}" if some else ""
            lines.append(f"left out: {reason} ({count}){listed}")
    return lines


def _reason(place: Path, kinds: Collection[str]) -> tuple[str, str]:
    """Heading and reason of a file that neither the data set nor a reader mentions."""
    if any(is_litter(part) for part in place.parts):
        return OTHER, "files of the operating system"
    if any(part.startswith(".") for part in place.parts):
        return OTHER, "hidden files"
    if place.name.partition(".")[0] in DESCRIPTIONS and len(place.parts) == 1:
        return OTHER, "files that describe the data set"
    kind = _kind(place.name)
    if kind in kinds:
        return SCANS, "files of the same kind as the scans that are not a sample of the data set"  # shown in reports
    return OTHER, f"files {kind} of another kind"


def _kind(name: str) -> str:
    """`*_T1w.nii.gz`, `*.png` or `without ending`: files of one kind have the same."""
    end = next((end for end in ENDS if name.lower().endswith(end)), Path(name).suffix)
    entity = ENTITY.search(name[: len(name) - len(end)])
    if not end:
        return "without ending"
    return f"*{entity[0] if entity else ''}{end.lower()}"


def _files_below(root: Path) -> Iterator[Path]:
    """Every file under `root`, relative to it. Linked folders are followed, once each."""
    visited = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        here = os.path.realpath(folder)
        if here in visited:
            folders.clear()
            continue
        visited.add(here)
        yield from (Path(folder, name).relative_to(root) for name in names)


def _absolute(path: Path) -> str:
    return os.path.abspath(path)
