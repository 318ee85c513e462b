"""Reader of BIDS folders: the scans that the tables name, with the values of the tables. Public, for data sets.

A data set selects rows and says what is predicted:

    rows = scans(root, columns=("age", "sex"), layout=self.layout)
    return [row.sample(target=row.age(), stratum=...) for row in rows if row.age() is not None]

Tables are read in this order: `sessions.tsv` at the root, one row a session; `sub-*/sub-*_sessions.tsv`;
`participants.tsv`, whose values then apply to every session of the person, or which itself has one row a session if
it has a column `session_id`. A missing value (`n/a`) is None. Scans that no row names, and all but the first of several
files of one scan, are left out; preparation counts and names them.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bench.core import BenchError, Sample
from bench.data.readers.bids_files import choose_file, list_files, omit_others, sessions_of
from bench.data.readers.labels import NOTHING, label_index
from bench.data.readers.nifti import read_scan
from bench.data.readers.omissions import omit
from bench.data.readers.row_ids import check_ids
from bench.data.readers.tabular import Line, age_in, finite_number, number, read_table, unique_rows

__all__ = ["Row", "scans"]

COLUMNS = {"sub": "participant_id", "ses": "session_id"}
OPEN_AGE = re.compile(r">=?\s*(?P<above>\d+(\.\d+)?)|(?P<from>\d+(\.\d+)?)\s*\+")  # `>89`, `89+`
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

    def label(self, column: str, known: Sequence[str] | Mapping[str, int], left_out: Sequence[str] = ()) -> int | None:
        """Return the class index of the label in a column, or None if scans with this label are left out.

        Parameters
        ----------
        column : str
            Column of the label.
        known : sequence of str, or mapping of str to int
            Labels in the order of the class indices, or each label with its class index.
        left_out : sequence of str
            Labels of scans that do not take part, such as `n/a` for missing values. Preparation counts these scans.

        Returns
        -------
        int or None
            Class index; None if the scan does not take part.

        Raises
        ------
        BenchError
            If the label is neither known nor left out; the message names table, row and the known labels.
        """
        text, line = self.values[column], self.line or Line("a table", self.values)
        index = label_index(text, known, f"{line.place_of(column)}: {self.id}: {column}", left_out)
        if index is None:
            omit(f"scans whose {column} is {NOTHING if text is None else text}", self.id, self.path)
        return index

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


def scans(
    root: Path | None, columns: Sequence[str], layout: str, suffix: str = "T1w", age_cap: float | None = None
) -> list[Row]:
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
    age_cap : float, optional
        Years that an age without an upper limit counts as, such as `89+` or `>89`: data that are shared often hide high
        ages in this way. Without it such an age is an error.

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
    entries = _entries(root, layout)
    files = defaultdict(list)
    for file in list_files(root, suffix):
        files[file.subject].append(file)
    check_ids({subject: line for (subject, _), line in entries.items()}, [path.name for path in root.glob("sub-*")])
    rows = []
    for (subject, session), line in entries.items():
        absent = [column for column in columns if column not in line.values]
        if absent:
            columns_read = ", ".join(line.values)[:300]
            raise BenchError(f"the tables in {root} have no column {', '.join(absent)}; found: {columns_read}")
        line = line if age_cap is None else _capped(line, age_cap)
        values = {column: line.values[column] for column in columns}
        for each in [session] if session else sessions_of(root / subject) or [""]:
            own = [file for file in files.get(subject, ()) if file.session == each]
            rows.append(Row(subject, each, choose_file(own, subject, each, root, suffix), values, line))
    omit_others(root, [file for own in files.values() for file in own], {row.path for row in rows}, suffix)
    return sorted(rows, key=lambda row: (row.subject, row.session))


def _capped(line: Line, cap: float) -> Line:
    """The row with `cap` for an age without an upper limit. BenchError if the limit that it names is above `cap`."""
    text = line.values.get("age") or ""
    limit = OPEN_AGE.fullmatch(text)
    if limit is None:
        return line
    if float(limit["above"] or limit["from"]) > cap:
        raise BenchError(f"{line.place_of('age')}: age is {text!r}, above age_cap={cap:g}; raise age_cap")
    return replace(line, values={**line.values, "age": f"{cap:g}"})


def _entries(root: Path, layout: str) -> dict[tuple[str, str], Line]:
    """The row of each person and session; the session is empty if the tables have persons only."""
    people = root / "participants.tsv"
    lines = read_table(people, root) if os.path.lexists(people) else []
    sessions = _keyed(_sessions(root), ("sub", "ses"))
    if not sessions and not lines:
        raise BenchError(f"no participants.tsv or sessions.tsv in {root}; found: {_contents(root)}; expected: {layout}")
    if not sessions and lines and all(_label(line, "ses") for line in lines):
        return _keyed(lines, ("sub", "ses"))  # participants.tsv itself has one row a session
    persons = _keyed(lines, ("sub",))
    for (subject, _), line in sessions.items():
        if persons and (subject,) not in persons:
            raise BenchError(
                f"{line.place}: {subject} is not in {people.name}; add it to {people.name}, or remove this row"
            )
    if sessions:
        return {key: line.over(persons.get(key[:1])) for key, line in sessions.items()}
    return {(subject, _label(line, "ses")): line for (subject,), line in persons.items()}


def _sessions(root: Path) -> list[Line]:
    if os.path.lexists(root / "sessions.tsv"):
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
        hint = "; write it as text, as in the names of the files" if number(value) is not None else ""
        raise BenchError(
            f"{line.place_of(column)}: {column} {value[:40]!r} is not a BIDS label such as {prefix}-01{hint}"
        )
    return label


def _plain(text: str | None) -> str | float | None:
    if text is None:
        return None
    value = number(text)
    return text if value is None else value


def _contents(root: Path) -> str:
    names = sorted(path.name for path in root.iterdir())
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") if names else "nothing"
