"""Surveys a BIDS folder: its images, the columns of its tables, and the grid of its scans."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bench.core import BenchError
from bench.data.folder_survey.grid_survey import survey_grids
from bench.data.folder_survey.survey_result import FolderSurvey, literal, metric_of, quoted
from bench.data.folder_survey.table_survey import (
    COVARIATES,
    TargetColumn,
    label_cautions,
    target_column,
)
from bench.data.readers.bids import Row, scans
from bench.data.readers.nifti import ENDS, bare_name
from bench.data.readers.tabular import PEOPLE, read_table

LAYOUT = "BIDS: participants.tsv, sub-*/anat/*_{suffix}.nii.gz, or sub-*/ses-*/anat"


def survey_bids(folder: Path, target: str = "", suffix: str = "") -> FolderSurvey:
    """The data set of a BIDS folder. BenchError if its tables or images do not fit together."""
    suffixes = _suffixes(folder)
    if not suffixes:
        raise BenchError(f"no volume in sub-*/anat or sub-*/ses-*/anat of {folder}; expected: {LAYOUT}")
    if suffix and suffix not in suffixes:
        raise BenchError(f"no image *_{suffix} in the anat folders of {folder}; there are: {', '.join(suffixes)}")
    suffix = suffix or ("T1w" if "T1w" in suffixes else suffixes.most_common(1)[0][0])
    layout = LAYOUT.format(suffix=suffix)
    columns = _columns(folder)
    rows = scans(folder, columns=(), layout=layout, suffix=suffix)
    values = {name: [row.values[name] for row in _rows(folder, (name,), layout, suffix)] for name in columns}
    chosen, others = target_column(values, target)
    there = [row.path for row in rows if row.path.is_file()]
    try:
        grid = survey_grids(there)
    except (ValueError, ZeroDivisionError) as error:
        raise BenchError(f"{folder}: no scan *_{suffix} that a row names can be read: {error}") from error
    covariates = tuple(name for name in columns if name.casefold() in COVARIATES and name != chosen.name)
    found = (
        f"BIDS: {len({row.subject for row in rows})} people, {len(rows)} rows, {len(there)} scans *_{suffix}",
        *grid.found,
        f"to predict: {chosen.words}",
        *([f"could be predicted too (--target): {', '.join(each.words for each in others)}"] if others else []),
    )
    unknown = (*grid.unknown, *label_cautions(chosen.classes), *_cautions(rows, there, suffixes, suffix))
    values = _values(chosen, covariates, suffix, layout)
    return FolderSurvey("bids", {**values, "shape": str(grid.shape), "spacing": str(grid.spacing)}, found, unknown)


def _rows(folder: Path, columns: tuple[str, ...], layout: str, suffix: str) -> list[Row]:
    return scans(folder, columns=columns, layout=layout, suffix=suffix)


def _suffixes(folder: Path) -> Counter:
    """Suffix of the images in the anat folders -> files."""
    paths = [*folder.glob("sub-*/anat/*"), *folder.glob("sub-*/ses-*/anat/*")]
    names = [bare_name(path.name) for path in paths if path.name.lower().endswith(ENDS)]
    return Counter(name.rpartition("_")[2] for name in names if not name.startswith("."))


def _columns(folder: Path) -> list[str]:
    """The columns that every row has, without those of the ids."""
    tables = [folder / name for name in ("participants.tsv", "sessions.tsv")]
    tables += [] if tables[1].is_file() else sorted(folder.glob("sub-*/sub-*_sessions.tsv"))[:1]
    names = [name for table in tables if table.is_file() for name in read_table(table, folder)[0].values]
    return [name for name in dict.fromkeys(names) if name not in PEOPLE]


def _cautions(rows: list[Row], there: list[Path], suffixes: Counter, suffix: str) -> list[str]:
    cautions = []
    if missing := len(rows) - len(there):
        cautions.append(
            f"{missing} rows have no scan: preparation stops at them, or leaves them out with --skip-broken"
        )
    if others := [f"{name} ({count})" for name, count in suffixes.items() if name != suffix]:
        cautions.append(f"images of other suffixes are not read: {', '.join(others)}; --suffix chooses another one")
    sessions = len(rows) - len({row.subject for row in rows})
    if sessions:
        cautions.append("people have several sessions: all are used, and no split divides a person")
    return [*cautions, "whether the scans are skull-stripped and registered: bench gallery shows them"]


def _values(target: TargetColumn, covariates: tuple[str, ...], suffix: str, layout: str) -> dict[str, str]:
    """The values of the template."""
    columns, name = literal((target.name, *covariates)), quoted(target.name)
    shared = {"columns": columns, "suffix": suffix, "layout": layout}
    kept = literal(covariates)
    if target.classes:
        classes = tuple(target.classes)
        left = ', left_out=("n/a",)' if target.missing else ""
        selection = (
            f"        labels = [(row, row.label({name}, CLASSES{left})) for row in rows]  # others are errors\n"
            f"        kept = [(row, label) for row, label in labels if label is not None]\n"
            f"        return [row.sample(label, row.text({name}), {kept}) for row, label in kept]"
        )
        task = f'Task("classification", "{metric_of(len(classes))}", CLASSES)'
        constants = f"CLASSES = {literal(classes)}  # in the order of the class indices\n"
        return {**shared, "task": task, "selection": selection, "constants": constants}
    age = target.name.casefold() == "age"
    read = f"row.age({name})" if age else f"row.number({name})"
    stratum = 'f"{int(value // 10) * 10} to {int(value // 10) * 10 + 9}"' if age else '""'
    selection = (
        f"        numbers = [(row, {read}) for row in rows]  # None: missing\n"
        f"        kept = [(row, value) for row, value in numbers if value is not None]\n"
        f"        return [row.sample(value, {stratum}, {kept}) for row, value in kept]"
    )
    unit = "years" if age else "unit of " + target.name
    task = f'Task("regression", "mae", unit={quoted(unit)})'
    return {**shared, "task": task, "selection": selection, "constants": ""}
