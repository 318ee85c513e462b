"""Tables of text, each row knowing where it stands; what cannot be read is told with its place."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.core import BenchError

MISSING = {"", "n/a", "na", "nan", "none", "null"}
LARGEST = 1 << 26  # bytes of a table
SEPARATORS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}  # what programs separate cells by
PEOPLE = ("participant_id", "session_id")  # columns of which a BIDS table has one
AGES = (0.0, 120.0)  # years that a person may have: what lies outside is a code for a missing value
DECADE = 10  # years in an age bin
UNICODE = (b"\xff\xfe", b"\xfe\xff")  # how UTF-16 and UTF-32 begin


@dataclass(frozen=True)
class Line:
    """One row of one table, or of two where what holds for the person is joined with what holds for the session."""

    place: str  # table and row
    values: Mapping[str, str | None]  # column -> text, None where missing
    places: Mapping[str, str] = field(default_factory=dict)  # column -> place, where it is another

    def place_of(self, column: str) -> str:
        return self.places.get(column, self.place)

    def over(self, other: Line | None) -> Line:
        """This row, with what only the other has."""
        if other is None:
            return self
        places = {column: other.place_of(column) for column in other.values if column not in self.values}
        return Line(self.place, {**other.values, **self.values}, {**places, **self.places})


def read_table(path: Path, root: Path, ids: Sequence[str] = PEOPLE, separator: str = "\t") -> list[Line]:
    """The rows of a table. BenchError where it lies outside `root`, or is no table with one of the columns `ids`."""
    kind = f"{SEPARATORS[separator]}-separated text"
    header, *rows = _cells(path, _text(path, root, kind), separator, kind)
    names = [name.strip() for name in header[1]]
    _check_names(path, names, ids, separator)
    lines = []
    for number, cells in rows:
        place = f"{path}, row {number}"
        if len(cells) != len(names):
            raise BenchError(f"{place}: {len(cells)} cells, but {len(names)} columns; write n/a where nothing is known")
        lines.append(Line(place, {name: _value(cell) for name, cell in zip(names, cells, strict=True)}))
    return lines


def number(text: str) -> float | None:
    """The number that a cell holds, perhaps infinite; None where it holds none."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def finite_number(line: Line, column: str, whose: str) -> float | None:
    """The finite number in a column, None where missing. BenchError with its place where it is no such number."""
    text = line.values[column]
    if text is None:
        return None
    found = number(text)
    if found is None or not math.isfinite(found):
        wrong = "no number" if found is None else "no finite number"
        raise BenchError(
            f"{line.place_of(column)}: {whose}: {column} is {wrong}: {text[:40]!r}; write a number, or n/a where it is"
            " not known"
        )
    return found


def age_in(line: Line, column: str, whose: str) -> float | None:
    """The age in a column, None where missing. BenchError for one that nobody has: -1 and 999 stand for unknown."""
    found, (youngest, oldest) = finite_number(line, column, whose), AGES
    if found is not None and not youngest < found <= oldest:
        raise BenchError(
            f"{line.place_of(column)}: {whose}: {column} is {found:g}, which no person's age is; write the age in"
            " years, or n/a where it is not known"
        )
    return found


def decade(age: float) -> str:
    """The bin of an age, by which folds are stratified."""
    start = int(age // DECADE) * DECADE
    return f"{start} to {start + DECADE - 1}"


def unique_rows(lines: Mapping[tuple[str, ...], Sequence[Line]]) -> dict[tuple[str, ...], Line]:
    """The one row of each key. BenchError for a key of several: where they stand, how they differ, what to do."""
    for key, (one, *others) in lines.items():
        if others:
            both = f"{one.place} and {others[0].place} are both of {' '.join(key).strip()}"
            names = [*one.values, *others[0].values]
            differ = [name for name in names if one.values.get(name) != others[0].values.get(name)]
            if not differ:
                raise BenchError(f"{both}, and the same; remove one")
            values = " and ".join(repr(line.values.get(differ[0]) or "n/a") for line in (one, others[0]))
            raise BenchError(f"{both}, but {differ[0]} is {values}; keep the right one")
    return {key: found[0] for key, found in lines.items()}


def _text(path: Path, root: Path, kind: str) -> str:
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            raise BenchError(f"{path.name} leads outside {root}; put the table itself there")
        if not path.is_file():
            raise BenchError(f"{path} is no file; put the table itself there")
        if path.stat().st_size > LARGEST:
            raise BenchError(f"{path} has more than {LARGEST >> 20} MiB and is no table of people")
        content = path.read_bytes()
    except (OSError, RuntimeError) as error:  # a circle of links is a RuntimeError before Python 3.13
        raise BenchError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if content.startswith(UNICODE):
        raise BenchError(f"{path} is no table of {kind} in UTF-8, but in UTF-16; save it as UTF-8")
    if b"\0" in content:
        row = content[: content.index(b"\0")].count(b"\n") + 1
        raise BenchError(f"{path}, row {row} holds a NUL byte, which no text does; save it as UTF-8 text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise BenchError(f"{path} is no table of {kind} in UTF-8: see row {row}; save it as UTF-8") from error


def _cells(path: Path, text: str, separator: str, kind: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, with their numbers in the file; the first is the header."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    empty = True
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
                empty = False
    except csv.Error as error:
        raise BenchError(
            f"{path} is no table of {kind}: row {reader.line_num}: {error}; a quote that opens must close"
        ) from error
    if empty:
        raise BenchError(f"{path} is empty: there is no row of column names")


def _check_names(path: Path, names: Sequence[str], ids: Sequence[str], separator: str) -> None:
    others = [word for sign, word in SEPARATORS.items() if sign != separator and sign in names[0]]
    word = SEPARATORS[separator]
    if len(names) == 1 and others:
        raise BenchError(f"{path} is separated by {others[0]}s, not by {word}s; save it as {word}-separated text")
    if not set(ids) & set(names):
        raise BenchError(f"{path} has no column {ids[0]}; found: {', '.join(names)[:300]}")
    if "" in names:
        raise BenchError(f"{path}: column {names.index('') + 1} has no name; give it one, or remove the {word}")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BenchError(f"{path} has several columns {twice[0]!r}; keep one")


def _value(text: str) -> str | None:
    text = text.strip()
    return None if text.lower() in MISSING else text
