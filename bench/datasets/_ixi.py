"""Shared parts of the IXI tasks: source, list of scans, and tables of demographics."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bench.core import BenchError
from bench.core.unavailable_files import why_unavailable
from bench.data.readers.litter import find_files
from bench.data.readers.nifti import ENDS, bare_name
from bench.data.readers.tabular import Line, age_in, number, read_table

SOURCE = (
    "IXI, https://brain-development.org/ixi-dataset/: IXI-T1.tar and IXI.xls, free to download; ten of its scans,"
    " reduced to 2 mm, are in https://github.com/CBICA/CCL_NMF_Prediction, folder test/input/IXI"
)
COHORT = "IXI"  # people as `person` names them
LICENCE = "CC BY-SA 3.0"
CITATION = "cite https://brain-development.org/ixi-dataset/; we know of no paper that describes IXI"
NAME = re.compile(r"(?P<person>IXI\d{3})-(?P<site>[A-Za-z]+)-\d+-T1(?:_ds)?")
EXTENT = (180, 240, 240)  # millimetres that every head is cropped or padded to: right-left, back-front, down-up
STEP = 2.0
IDS, AGES, SEXES = ("IXI_ID", "MRID"), ("AGE", "Age"), ("SEX_ID (1=m, 2=f)", "SEX_ID", "Sex")  # column names
SEX = {"1": "M", "2": "F", "m": "M", "f": "F"}


@dataclass(frozen=True)
class IxiHead:
    """One T1 scan with the person and site from its name."""

    path: Path
    person: str  # IXI012
    site: str  # HH (Hammersmith, 3 T), Guys (1.5 T), IOP (1.5 T)

    @property
    def stem(self) -> str:
        return bare_name(self.path.name)


def voxels(mm: float) -> tuple[int, int, int]:
    """Voxels of the grid that covers EXTENT: 90 x 120 x 120 at 2 mm."""
    return tuple(round(extent / mm) for extent in EXTENT)


def scans(root: Path | None, layout: str) -> list[IxiHead]:
    """Every T1 scan under `root`, sorted by person. BenchError if there is none, or if one person has two."""
    if root is None or not root.is_dir():
        raise BenchError(f"no folder {root}; expected: {layout}")
    found: dict[str, IxiHead] = {}
    for path in find_files(root, "IXI*"):
        match = NAME.fullmatch(bare_name(path.name)) if path.name.lower().endswith(ENDS) else None
        if match is None:
            continue
        head = IxiHead(path, match["person"], match["site"])
        other = found.setdefault(head.person, head)
        if other is not head:
            one, two = other.path.relative_to(root), path.relative_to(root)
            raise BenchError(f"two T1 scans of {head.person} in {root}: {one} and {two}; keep one")
    if not found:
        there = ", ".join(sorted(path.name for path in root.iterdir())[:6]) or "nothing"
        raise BenchError(f"no T1 scan of IXI in {root}; found: {there}; expected: {layout}")
    return [found[person] for person in sorted(found)]


@dataclass(frozen=True)
class Person:
    """Age and sex of a person, from the table of demographics."""

    line: Line
    age: float | None  # years
    sex: str | None  # M or F


def people(root: Path, layout: str) -> dict[str, Person]:
    """Every person in the table of demographics. BenchError, with file and row, for an invalid age or sex."""
    path = _table(root, layout)
    found: dict[str, Person] = {}
    for line in read_table(path, root, IDS, ","):
        name = _person(line)
        person = Person(line, age_in(line, _column(path, line, AGES), name), _sex(line, name))
        other = found.setdefault(name, person)
        if (other.age, other.sex) != (person.age, person.sex):
            raise BenchError(
                f"{other.line.place} and {line.place} both describe {name}, but differ; keep the right one"
            )
    return found


def _table(root: Path, layout: str) -> Path:
    """The one .csv file, at the root or in lists/, that has a column of IXI's numbers."""
    tables = [path for path in sorted([*root.glob("[!.]*.csv"), *root.glob("lists/[!.]*.csv")]) if _has_ids(path)]
    if len(tables) > 1:
        raise BenchError(f"two tables of IXI in {root}: {tables[0].name} and {tables[1].name}; keep one")
    if tables:
        return tables[0]
    books = sorted([*root.glob("*.xls"), *root.glob("*.xlsx")])
    remedy = f"save {books[0].name} as comma-separated text, {books[0].stem}.csv" if books else f"expected: {layout}"
    raise BenchError(f"no .csv table with a column {' or '.join(IDS)} in {root}; {remedy}")


def _has_ids(path: Path) -> bool:
    try:
        if reason := why_unavailable(path):
            raise BenchError(f"{path} {reason}")
        with path.open("rb") as file:
            head = file.read(4096).partition(b"\n")[0]
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror}") from error
    return any(name.encode() in head for name in IDS)


def _column(path: Path, line: Line, names: tuple[str, ...]) -> str:
    found = next((name for name in names if name in line.values), None)
    if found is None:
        raise BenchError(f"{path} has no column {names[0]}; found: {', '.join(line.values)[:300]}")
    return found


def _person(line: Line) -> str:
    """`IXI012` from 12, or from IXI012-HH-1211."""
    text = next((line.values[name] for name in IDS if line.values.get(name)), "")
    value = number(text)
    if value in range(1, 1000):
        return f"IXI{int(value):03d}"
    if re.match(r"IXI\d{3}(-|$)", text):
        return text[:6]
    raise BenchError(f"{line.place}: {text[:40]!r} is not an IXI number; expected: 12 or IXI012-HH-1211")


def _sex(line: Line, name: str) -> str | None:
    column = next((column for column in SEXES if column in line.values), None)
    text = line.values[column] if column else None
    value = number(text) if text else None
    key = str(int(value)) if value in (1, 2) else (text or "").lower()
    if text and key not in SEX:
        raise BenchError(f"{line.place_of(column)}: {name}: {column} is {text[:40]!r}; write 1 or M, 2 or F, or n/a")
    return SEX.get(key)
