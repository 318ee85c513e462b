"""Surveys a CAPS folder of Clinica: the volumes of a pipeline, and the table with their labels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bench.core import BenchError
from bench.data.folder_survey.grid_survey import survey_grids
from bench.data.folder_survey.survey_result import FolderSurvey, literal, metric_of
from bench.data.folder_survey.table_survey import label_cautions, target_column
from bench.data.readers.nifti import ENDS
from bench.data.readers.tabular import Line, read_table


def survey_caps(folder: Path, target: str = "", suffix: str = "") -> FolderSurvey:
    """The data set of a CAPS folder. suffix: of the names of the scans, if several pipelines have left volumes.

    BenchError if there is no volume or no table of labels in it.
    """
    patterns = _patterns(folder)
    matching = Counter({name: count for name, count in patterns.items() if suffix in name})
    if not matching:
        raise BenchError(
            f"no volume in subjects/sub-*/ses-* of {folder}{f' with {suffix!r} in its name' if suffix else ''}"
        )
    pattern = matching.most_common(1)[0][0]
    table, lines = _table(folder)
    columns = {name: [line.values[name] for line in lines] for name in lines[0].values if not name.endswith("_id")}
    chosen, others = target_column(columns, target)
    if not chosen.classes:
        raise BenchError(f"{table.name}: {chosen.name} holds numbers; give a column of classes with --target")
    grid = survey_grids(sorted((folder / "subjects").glob(f"sub-*/ses-*/{pattern}")))
    found = (
        f"CAPS: {patterns[pattern]} scans subjects/sub-*/ses-*/{pattern}; labels in {table.name}",
        *grid.found,
        f"to predict: {chosen.words}",
        *([f"could be predicted too (--target): {', '.join(each.words for each in others)}"] if others else []),
    )
    more = [f"{name} ({count})" for name, count in patterns.items() if name != pattern]
    unknown = (
        *grid.unknown,
        *label_cautions(chosen.classes),
        *([f"other volumes are not read: {', '.join(more[:6])}; --suffix chooses others"] if more else []),
        "a row without a session_id counts for all sessions of its person",
    )
    classes = tuple(chosen.classes)
    values = {
        "classes": literal(classes), "table": table.name, "column": chosen.name, "pattern": pattern,
        "metric": metric_of(len(classes)), "left_out": '("n/a",)' if chosen.missing else "()",
        "shape": str(grid.shape), "spacing": str(grid.spacing),
    }  # fmt: skip
    return FolderSurvey("caps", values, found, unknown)


def _patterns(folder: Path) -> Counter:
    """Path below a session, with a * in place of the person and the session -> volumes."""
    counts: Counter = Counter()
    for path in (folder / "subjects").glob("sub-*/ses-*/**/*"):
        if path.name.lower().endswith(ENDS) and path.is_file():
            person, session, *rest = path.relative_to(folder / "subjects").parts
            counts["/".join(rest).replace(f"{person}_{session}", "*")] += 1
    return counts


def _table(folder: Path) -> tuple[Path, list[Line]]:
    """The first table of the folder that names people and has another column. BenchError if there is none."""
    for path in sorted(folder.glob("[!.]*.tsv")):
        try:
            lines = read_table(path, folder)
        except BenchError:  # a table of something else
            continue
        if lines and "participant_id" in lines[0].values and len(lines[0].values) > 1:
            return path, lines
    raise BenchError(
        f"no .tsv with participant_id and labels in {folder}: a CAPS folder has no labels; copy a table that has them"
        " there (participants.tsv, or what `clinica iotools merge-tsv` writes)"
    )
