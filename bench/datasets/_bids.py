"""Scans of a BIDS tree with their columns: what a data set needs to list its samples in a page.

A data set of one's own keeps the rows it wants and says what is predicted:

    rows = scans(root, columns=("age", "sex"), layout=self.layout)
    return [row.sample(target=row.number("age"), stratum=...) for row in rows if row.number("age") is not None]

Tables are read in this order of preference: `sessions.tsv` at the root, one row a session; `sub-*/sub-*_sessions.tsv`;
`participants.tsv`, whose values then hold for every session of the person. A value missing there (`n/a`) is None.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.core import BenchError, Sample
from bench.datasets._nifti import read_scan

MISSING = {"", "n/a", "na", "nan", "none", "null"}
LABEL = re.compile(r"(sub|ses)-[A-Za-z0-9]+")


@dataclass(frozen=True)
class Row:
    """One scan of the tree and what the tables say of it."""

    subject: str  # sub-01
    session: str  # ses-01, or empty
    path: Path  # of the image, whether or not it is there
    values: Mapping[str, str | None]  # column -> text, None where missing

    @property
    def id(self) -> str:
        return f"{self.subject}_{self.session}" if self.session else self.subject

    def text(self, column: str) -> str | None:
        return self.values[column]

    def number(self, column: str) -> float | None:
        """The number in a column, None where missing. BenchError where it is no number."""
        text = self.values[column]
        try:
            return None if text is None else float(text)
        except ValueError as error:
            raise BenchError(f"{self.id}: {column} is no number: {text!r}") from error

    def sample(self, target: float, stratum: str, covariates: Sequence[str] = (), site: str = "") -> Sample:
        """The sample of this row, the person being its group. covariates: columns kept in the index."""
        kept = {column: _plain(self.values[column]) for column in covariates}
        read = partial(read_scan, self.path)
        return Sample(self.id, self.subject, float(target), stratum, read, site, (self.path,), kept)


def scans(root: Path | None, columns: Sequence[str], layout: str, suffix: str = "T1w") -> list[Row]:
    """Every scan that the tables under `root` name, sorted by person and session.

    columns: those the data set needs. BenchError where there is no BIDS tree with such tables: found and expected.
    """
    if root is None or not root.is_dir():
        raise BenchError(f"no folder {root}; expected: {layout}")
    if not any(root.glob("sub-*")):
        raise BenchError(f"no sub-* folder in {root}; found: {_found(root)}; expected: {layout}")
    rows = []
    for entry in _entries(root, layout):
        absent = [column for column in columns if column not in entry]
        if absent:
            there = ", ".join(entry)
            raise BenchError(f"the tables in {root} have no column {', '.join(absent)}; found: {there}")
        subject, session = _label(entry, "participant_id", "sub"), _label(entry, "session_id", "ses")
        found = _images(root, subject, session, suffix)
        rows += [Row(subject, each, path, {column: entry[column] for column in columns}) for each, path in found]
    return sorted(rows, key=lambda row: (row.subject, row.session))


def read_table(path: Path, root: Path) -> list[dict[str, str | None]]:
    """The rows of a .tsv file, missing values as None. BenchError where it lies outside `root` or has no header."""
    if not path.resolve().is_relative_to(root.resolve()):
        raise BenchError(f"{path.name} leads outside {root}; put the table itself there")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{path} is no table of tab-separated text: {error}") from error
    if rows and "participant_id" not in rows[0] and "session_id" not in rows[0]:
        raise BenchError(f"{path} has no column participant_id; found: {', '.join(map(str, rows[0]))}")
    return [{key: _value(text) for key, text in row.items() if key is not None} for row in rows]


def _entries(root: Path, layout: str) -> Iterator[dict[str, str | None]]:
    people = root / "participants.tsv"
    persons = {row.get("participant_id"): row for row in read_table(people, root)} if people.is_file() else {}
    if (root / "sessions.tsv").is_file():
        sessions = read_table(root / "sessions.tsv", root)
    else:
        sessions = [
            {"participant_id": path.parent.name, **row}
            for path in sorted(root.glob("sub-*/sub-*_sessions.tsv"))
            for row in read_table(path, root)
        ]
    if not sessions and not persons:
        raise BenchError(f"no participants.tsv or sessions.tsv in {root}; found: {_found(root)}; expected: {layout}")
    for row in sessions or persons.values():
        yield {**persons.get(row.get("participant_id"), {}), **row}


def _images(root: Path, subject: str, session: str, suffix: str) -> list[tuple[str, Path]]:
    """(session, file) of a person: of one session, or of all; the first by name where a session has several runs."""
    folder = root / subject
    sessions = [session] if session else sorted(path.name for path in folder.glob("ses-*") if path.is_dir())
    found = []
    for each in sessions or [""]:
        anat = (folder / each if each else folder) / "anat"
        files = sorted(anat.glob(f"{subject}*_{suffix}.nii.gz")) + sorted(anat.glob(f"{subject}*_{suffix}.nii"))
        stem = f"{subject}_{each}" if each else subject
        found.append((each, files[0] if files else anat / f"{stem}_{suffix}.nii.gz"))
    return found


def _label(entry: Mapping[str, str | None], column: str, prefix: str) -> str:
    """`sub-01` from `sub-01` or `01`; nothing but letters and digits, so that it cannot name another folder."""
    value = entry.get(column)
    if value is None and prefix == "ses":
        return ""
    label = value if value and value.startswith(f"{prefix}-") else f"{prefix}-{value}"
    if value is None or not LABEL.fullmatch(label):
        raise BenchError(f"{column} {value!r} is no BIDS label such as {prefix}-01")
    return label


def _value(text: str | list[str] | None) -> str | None:
    text = text.strip() if isinstance(text, str) else None
    return None if text is None or text.lower() in MISSING else text


def _plain(text: str | None) -> str | float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _found(root: Path) -> str:
    names = sorted(path.name for path in root.iterdir())
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") if names else "nothing"
