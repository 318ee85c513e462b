"""Reader of BIDS folders: the scans that the tables name, with the values of the tables. Public, for data sets.

A data set selects rows and says what is predicted:

    rows = scans(root, columns=("age", "sex"), layout=self.layout)
    return [row.sample(target=row.age(), stratum=...) for row in rows if row.age() is not None]

Tables are read in this order: `sessions.tsv` at the root, one row a session; `sub-*/sub-*_sessions.tsv`;
`participants.tsv`, whose values then apply to every session of the person. A missing value (`n/a`) is None.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.core import BenchError, Sample
from bench.data.readers.nifti import read_scan
from bench.data.readers.tabular import Line, age_in, finite_number, number, read_table, unique_rows

__all__ = ["Row", "scans"]

COLUMNS = {"sub": "participant_id", "ses": "session_id"}
LABEL = re.compile(r"(sub|ses)-[A-Za-z0-9]{1,100}")


@dataclass(frozen=True)
class Row:
    """One scan of the folder with its values in the tables.

    Attributes
    ----------
    subject : str
        The person, as `sub-01`.
    session : str
        The session, as `ses-01`; empty if there are none.
    path : Path
        The image; the file may be missing.
    values : mapping of str to str or None
        Text of each column; None if it is missing.
    line : Line or None
        The row of the tables, for messages.
    """

    subject: str  # sub-01
    session: str  # ses-01, or empty
    path: Path  # of the image; the file may be missing
    values: Mapping[str, str | None]  # column -> text, None if missing
    line: Line | None = field(default=None, repr=False, compare=False)  # row of the tables, for messages

    @property
    def id(self) -> str:
        """Person and session: `sub-01_ses-01`, or `sub-01`."""
        return f"{self.subject}_{self.session}" if self.session else self.subject

    def text(self, column: str) -> str | None:
        """Return the text in a column, or None if it is missing."""
        return self.values[column]

    def number(self, column: str) -> float | None:
        """Return the number in a column, or None if it is missing.

        Raises
        ------
        BenchError
            If it is not a finite number; the message names table and row.
        """
        return finite_number(self.line or Line("a table", self.values), column, self.id)

    def age(self, column: str = "age") -> float | None:
        """Return the age in a column, in years, or None if it is missing.

        Raises
        ------
        BenchError
            If the age is impossible; the message names table and row.
        """
        return age_in(self.line or Line("a table", self.values), column, self.id)

    def sample(self, target: float, stratum: str, covariates: Sequence[str] = (), site: str = "") -> Sample:
        """Return the sample of this row. The person is its group.

        Parameters
        ----------
        target : float
            Class index or number to predict.
        stratum : str
            Samples of one stratum are spread evenly over the folds.
        covariates : sequence of str
            Columns to keep in the index.
        site : str
            Site or scanner; empty if unknown.

        Returns
        -------
        Sample
            Reads the image when it is asked to.
        """
        covariate_values = {column: _plain(self.values[column]) for column in covariates}
        read = partial(read_scan, self.path)
        return Sample(self.id, self.subject, float(target), stratum, read, site, (self.path,), covariate_values)


def scans(root: Path | None, columns: Sequence[str], layout: str, suffix: str = "T1w") -> list[Row]:
    """List every scan that the tables of a BIDS folder name.

    Parameters
    ----------
    root : Path or None
        The folder with `participants.tsv` and `sub-*` folders.
    columns : sequence of str
        Columns that the data set needs.
    layout : str
        The expected layout in words, for messages.
    suffix : str
        Suffix of the image files, such as T1w.

    Returns
    -------
    list of Row
        Sorted by person and session. The first file by name is taken if a session has several runs.

    Raises
    ------
    BenchError
        If the folder, its tables or a column is missing, or if a row is invalid; the message names what is there and
        what is expected.
    """
    if root is None or not root.is_dir():
        raise BenchError(f"no folder {root}; expected: {layout}")
    if not any(root.glob("sub-*")):
        raise BenchError(f"no sub-* folder in {root}; found: {_contents(root)}; expected: {layout}")
    rows = []
    for (subject, session), line in _entries(root, layout).items():
        absent = [column for column in columns if column not in line.values]
        if absent:
            columns_read = ", ".join(line.values)[:300]
            raise BenchError(f"the tables in {root} have no column {', '.join(absent)}; found: {columns_read}")
        values = {column: line.values[column] for column in columns}
        rows += [Row(subject, each, path, values, line) for each, path in _images(root, subject, session, suffix)]
    return sorted(rows, key=lambda row: (row.subject, row.session))


def _entries(root: Path, layout: str) -> dict[tuple[str, str], Line]:
    """The row of each person and session; the session is empty if the tables have persons only."""
    people = root / "participants.tsv"
    persons = _keyed(read_table(people, root), ("sub",)) if people.is_file() else {}
    sessions = _keyed(_sessions(root), ("sub", "ses"))
    if not sessions and not persons:
        raise BenchError(f"no participants.tsv or sessions.tsv in {root}; found: {_contents(root)}; expected: {layout}")
    for (subject, _), line in sessions.items():
        if persons and (subject,) not in persons:
            raise BenchError(
                f"{line.place}: {subject} is not in {people.name}; add it to {people.name}, or remove this row"
            )
    if sessions:
        return {key: line.over(persons.get(key[:1])) for key, line in sessions.items()}
    return {(subject, _label(line, "ses")): line for (subject,), line in persons.items()}


def _sessions(root: Path) -> list[Line]:
    if (root / "sessions.tsv").is_file():
        return read_table(root / "sessions.tsv", root)
    lines = []
    for path in sorted(root.glob("sub-*/sub-*_sessions.tsv")):
        folder = path.parent.name
        for line in read_table(path, root):
            lines.append(line.over(Line(line.place, {"participant_id": folder})))
            if _label(lines[-1], "sub") != folder:
                value = line.values["participant_id"]
                raise BenchError(
                    f"{line.place}: participant_id {value!r} in the folder of {folder}; move the row to its own folder"
                )
    return lines


def _keyed(lines: Sequence[Line], prefixes: Sequence[str]) -> dict[tuple[str, ...], Line]:
    """The rows by person, or by person and session. BenchError if two rows have the same key."""
    rows: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for line in lines:
        rows[tuple(_label(line, prefix) for prefix in prefixes)].append(line)
    return unique_rows(rows)


def _images(root: Path, subject: str, session: str, suffix: str) -> list[tuple[str, Path]]:
    """(session, file) of one session of a person, or of all; the first file by name if a session has several runs."""
    folder = root / subject
    sessions = [session] if session else sorted(path.name for path in folder.glob("ses-*") if path.is_dir())
    images = []
    for each in sessions or [""]:
        anat = (folder / each if each else folder) / "anat"
        names = sorted(os.listdir(anat)) if anat.is_dir() else []
        files = [name for end in (".nii.gz", ".nii") for name in names if name.endswith(f"_{suffix}{end}")]
        files = [name for name in files if name.startswith(subject)]
        stem = f"{subject}_{each}" if each else subject
        images.append((each, anat / (files[0] if files else f"{stem}_{suffix}.nii.gz")))
    return images


def _label(line: Line, prefix: str) -> str:
    """`sub-01` from `sub-01` or `01`; letters and digits only, so that a label cannot refer to another folder."""
    column = COLUMNS[prefix]
    value = line.values.get(column)
    if value is None and prefix == "ses":
        return ""
    if value is None:
        raise BenchError(f"{line.place}: no {column}; every row needs one such as {prefix}-01")
    label = value if value.startswith(f"{prefix}-") else f"{prefix}-{value}"
    if not LABEL.fullmatch(label):
        raise BenchError(f"{line.place_of(column)}: {column} {value[:40]!r} is not a BIDS label such as {prefix}-01")
    return label


def _plain(text: str | None) -> str | float | None:
    if text is None:
        return None
    value = number(text)
    return text if value is None else value


def _contents(root: Path) -> str:
    names = sorted(path.name for path in root.iterdir())
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") if names else "nothing"
