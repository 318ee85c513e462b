"""Read text tables. Each row knows its file and row number, so that an error message can name them."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.core import BenchError
from bench.core.unavailable_files import why_unavailable
from bench.data.readers.age_units import age_factors
from bench.data.readers.omissions import log_table

MISSING = {"", "n/a", "na", "nan", "none", "null"}
LARGEST = 1 << 26  # bytes of a table
SEPARATORS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}  # common separators of cells
PEOPLE = ("participant_id", "session_id")  # a BIDS table has at least one of these columns
AGES = (0.0, 120.0)  # years: an age outside this range is a code for a missing value
DECADE = 10  # years in an age bin
UNICODE = (b"\xff\xfe", b"\xfe\xff")  # first bytes of UTF-16 and UTF-32 files


@dataclass(frozen=True)
class Line:
    """One row of a table, or a row of a session joined with the row of its person."""

    place: str  # table and row
    values: Mapping[str, str | None]  # column -> text, None if missing
    places: Mapping[str, str] = field(default_factory=dict)  # column -> place, for columns of another table
    faults: Mapping[str, str] = field(default_factory=dict)  # column -> why its numbers cannot be used

    def place_of(self, column: str) -> str:
        return self.places.get(column, self.place)

    def over(self, other: Line | None) -> Line:
        """This row, extended by the columns that only the other row has."""
        if other is None:
            return self
        places = {column: other.place_of(column) for column in other.values if column not in self.values}
        faults = {column: other.faults[column] for column in places if column in other.faults}
        return Line(self.place, {**other.values, **self.values}, {**places, **self.places}, {**faults, **self.faults})


def read_table(path: Path, root: Path, ids: Sequence[str] = PEOPLE, separator: str = "\t") -> list[Line]:
    """The rows of a table. BenchError if the file is outside `root`, not a table, or has none of the columns `ids`.

    Ages that a JSON file of the same name declares in months, weeks or days are converted to years.
    """
    names, rows = rows_of_cells(path, root, ids, separator, "write n/a for a missing value")
    factors, faults = age_factors(path, names)
    lines = []
    for number, cells in rows:
        values = {name: _value(cell) for name, cell in zip(names, cells, strict=True)}
        lines.append(Line(f"{path}, row {number}", {**values, **_years(values, factors)}, faults=faults))
    log_table(path)
    return lines


def rows_of_cells(
    path: Path, root: Path, ids: Sequence[str] | None, separator: str, remedy: str, largest: int = LARGEST
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Names of the columns, and the number and cells of each row: as many as there are names, all of them text.

    ids: of these columns one must be there; None: any will do, and a column may lack a name. remedy: what to do about
    a row of another length. largest: bytes of the file. BenchError as for `read_table`.
    """
    kind = f"{SEPARATORS[separator]}-separated text"
    header, *rows = _cells(path, _text(path, root, kind, largest), separator, kind)
    names = [name.strip() for name in header[1]]
    _check_names(path, names, ids, separator)
    for number, cells in rows:
        if len(cells) != len(names):
            raise BenchError(f"{path}, row {number}: {len(cells)} cells, but {len(names)} columns; {remedy}")
    return names, rows


def _years(values: Mapping[str, str | None], factors: Mapping[str, float]) -> dict[str, str]:
    """The ages of a row in years, as text; a text that is no number is left for the reader of the column."""
    numbers = {name: number(values[name] or "") for name in factors}
    return {name: f"{value * factors[name]:.12g}" for name, value in numbers.items() if value is not None}


def number(text: str) -> float | None:
    """The number in a cell, possibly infinite; None if the text is not a number."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def finite_number(line: Line, column: str, whose: str) -> float | None:
    """The finite number in a column, None if missing. BenchError with file and row for any other value."""
    text = line.values[column]
    if text is None:
        return None
    if fault := line.faults.get(column):
        raise BenchError(f"{line.place_of(column)}: {whose}: {fault}")
    value = number(text)
    if value is None or not math.isfinite(value):
        wrong = "not a number" if value is None else "not a finite number"
        raise BenchError(f"{line.place_of(column)}: {whose}: {column} is {wrong}: {text[:40]!r}; {_remedy(text)}")
    return value


def _remedy(text: str) -> str:
    """What to write instead of a text that is no number."""
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return f"write a decimal point, as {text.replace(',', '.')}"
    if re.fullmatch(r"[<>]=?\s*\d+|\d+\s*(\+|-\s*\d+)", text):
        return "it is a range, not one number; write the number, or n/a if only the range is known"
    return "write a number, or n/a if unknown"


def age_in(line: Line, column: str, whose: str) -> float | None:
    """The age in a column, None if missing. BenchError for impossible ages: tables code unknown ages as -1 or 999."""
    age, (youngest, oldest) = finite_number(line, column, whose), AGES
    if age is not None and not youngest < age <= oldest:
        raise BenchError(
            f"{line.place_of(column)}: {whose}: {column} is {age:g}, an impossible age; write the age in years, or n/a"
            " if unknown"
        )
    return age


def decade(age: float) -> str:
    """The ten-year bin of an age, used to stratify folds."""
    start = int(age // DECADE) * DECADE
    return f"{start} to {start + DECADE - 1}"


def unique_rows(lines: Mapping[tuple[str, ...], Sequence[Line]]) -> dict[tuple[str, ...], Line]:
    """The row of each key. BenchError for a key with several rows, which names the rows and their difference."""
    for key, (one, *others) in lines.items():
        if others:
            both = f"{one.place} and {others[0].place} both describe {' '.join(key).strip()}"
            names = [*one.values, *others[0].values]
            differ = [name for name in names if one.values.get(name) != others[0].values.get(name)]
            if not differ:
                raise BenchError(f"{both} and are equal; remove one")
            values = " and ".join(repr(line.values.get(differ[0]) or "n/a") for line in (one, others[0]))
            raise BenchError(f"{both}, but {differ[0]} is {values}; {_which(differ[0])}")
    return {key: rows[0] for key, rows in lines.items()}


def _which(column: str) -> str:
    """What to do about two rows of one person that differ in this column."""
    if re.match(r"(ses|visit|time|wave|run|scan|date|acq)", column.lower()):
        return (
            "if these are two sessions, name each in a column session_id (ses-01), as its folder is named; otherwise"
            " remove one row"
        )
    return "keep the right one"


def _text(path: Path, root: Path, kind: str, largest: int) -> str:
    try:
        if reason := why_unavailable(path):
            raise BenchError(f"{path} {reason}")
        if not path.resolve().is_relative_to(root.resolve()):
            raise BenchError(f"{path.name} links to a file outside {root}; copy the table into the folder")
        if not path.is_file():
            raise BenchError(f"{path} is not a file; replace it by the table")
        if path.stat().st_size > largest:
            raise BenchError(f"{path} has more than {largest >> 20} MiB, too much for a table of people")
        content = path.read_bytes()
    except (OSError, RuntimeError) as error:  # circular links raise RuntimeError before Python 3.13
        raise BenchError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if content.startswith(UNICODE):
        raise BenchError(f"{path} is encoded in UTF-16; save it as {kind} in UTF-8")
    if b"\0" in content:
        row = content[: content.index(b"\0")].count(b"\n") + 1
        raise BenchError(f"{path}, row {row} has a NUL byte, so it is not text; save it as UTF-8 text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise BenchError(f"{path}, row {row} is not UTF-8; save the table as {kind} in UTF-8") from error


def _cells(path: Path, text: str, separator: str, kind: str) -> Iterator[tuple[int, list[str]]]:
    """Row number and cells of each row that is not blank; the first is the header."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    empty = True
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if spanning := [cell for cell in cells if separator in cell and ("\n" in cell or "\r" in cell)]:
                    raise csv.Error(f"a quoted cell spans several rows: {spanning[0][:20]!r}")
                yield reader.line_num, cells
                empty = False
    except csv.Error as error:
        raise BenchError(
            f"{path} is not a table of {kind}: row {reader.line_num}: {error}; close every quote"
        ) from error
    if empty:
        raise BenchError(f"{path} is empty: it has no header row")


def _check_names(path: Path, names: Sequence[str], ids: Sequence[str] | None, separator: str) -> None:
    others = [word for sign, word in SEPARATORS.items() if sign != separator and sign in names[0]]
    word = SEPARATORS[separator]
    if len(names) == 1 and others:
        raise BenchError(f"{path} is separated by {others[0]}s, not by {word}s; save it as {word}-separated text")
    if ids is not None and not set(ids) & set(names):
        raise BenchError(f"{path} has no column {ids[0]}; found: {', '.join(names)[:300]}")
    if ids is not None and "" in names:
        raise BenchError(f"{path}: column {names.index('') + 1} has no name; give it one, or remove the {word}")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BenchError(f"{path} has several columns {twice[0]!r}; keep one")


def _value(text: str) -> str | None:
    text = text.strip()
    return None if text.lower() in MISSING else text
