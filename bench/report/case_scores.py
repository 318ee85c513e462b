"""The report of a published table of scores, one for each case and method: means, and paired differences."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.core import BenchError
from bench.data.readers.outside_table import number_in, read_outside_table
from bench.evaluation.case_differences import CaseDifference, case_differences, mean_interval
from bench.report.tables import render
from bench.report.tables.number_format import between, number, probability, signed
from bench.report.tables.table import Table
from bench.storage.atomic_io import write_text

CAUTION = (
    "These methods were not trained here. Their training, their selection, and whether they have seen these cases are"
    " unknown. Intervals and tests are over cases, for these trained models; how much a method varies from training to"
    " training is in none of them."
)
DIGITS = 4


@dataclass(frozen=True)
class CaseScores:
    """Scores of the same cases by several methods.

    Attributes
    ----------
    metric : str
        Name of the score.
    scores : mapping of str to ndarray of shape (N,)
        Method -> scores, cases in one order.
    """

    metric: str
    scores: dict[str, np.ndarray]


def read_case_scores(path: Path, metric: str = "") -> CaseScores:
    """Read a table with a row for each case and method, or a row for each case and a column for each method.

    Parameters
    ----------
    path : Path
        CSV, or TSV by its ending. Columns: case, method and the score; or case and a column for each method.
    metric : str
        Name of the column of the score, or of the score in a table with a column for each method. It may be left out
        where there is one column.

    Returns
    -------
    CaseScores
        Methods in the order of the table.

    Raises
    ------
    BenchError
        If a column is missing, a method lacks a case or has it twice, or a score is no finite number.
    """
    table = read_outside_table(path)
    if "case" not in table:
        raise BenchError(f"{path}: it has no column `case`; give case, method and a score, or --data NAME")
    if "method" not in table:
        table = _rows_of_methods(path, table, metric or "score")
    rest = [name for name in table if name not in ("case", "method")]
    metric = metric or (rest[0] if len(rest) == 1 else "")
    if metric not in rest:
        raise BenchError(f"{path}: scores are one of the columns {', '.join(rest)}; name it with --metric")
    cells = zip(table.index, table[metric], table["case"], table["method"], strict=True)
    values = [number_in(path, row, metric, text, f"case {case} by {method}") for row, text, case, method in cells]
    for row, case, method in table[table.duplicated(["case", "method"])][["case", "method"]].itertuples():
        raise BenchError(
            f"{path}, row {row}: {method} has a case twice, {case!r}; give one score for each case and method"
        )
    wide = table.assign(**{metric: values}).pivot(index="case", columns="method", values=metric)
    methods = list(dict.fromkeys(table["method"]))
    if wide.isna().any(axis=None):
        method = next(name for name in methods if wide[name].isna().any())
        raise BenchError(f"{path}: {method} lacks {int(wide[method].isna().sum())} of {len(wide)} cases; compare all")
    return CaseScores(metric, {name: wide[name].to_numpy(dtype=float) for name in methods})


def _rows_of_methods(path: Path, table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A row for each case and method, of a table with a column for each method. BenchError with one column."""
    names = [name for name in table if name != "case"]
    if len(names) < 2:
        raise BenchError(
            f"{path}: it has the columns {', '.join(table)}; give a column `method`, or two methods or more"
        )
    parts = [pd.DataFrame({"case": table["case"], "method": name, metric: table[name]}) for name in names]
    return pd.concat(parts)


def write_case_report(found: CaseScores, reference: str, folder: Path) -> Path:
    """Write case-scores.md and case-differences.csv; no case is named.

    Parameters
    ----------
    found : CaseScores
        The scores.
    reference : str
        The method that the others are compared with; empty: the first.
    folder : Path
        Folder to write to.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    BenchError
        If there are fewer than two methods, or none has the name of the reference.
    """
    against = reference or next(iter(found.scores))
    if against not in found.scores or len(found.scores) < 2:
        raise BenchError(f"methods are {', '.join(found.scores)}; give two or more, and one of them as --reference")
    differences = case_differences(found.scores, against)
    tables = [_scores(found), _differences(found, differences)]
    write_text(folder / "case-differences.csv", pd.DataFrame(map(asdict, differences)).to_csv(index=False))
    page = folder / "case-scores.md"
    write_text(page, "\n\n".join(["# Scores by case", CAUTION, *map(render.markdown, tables)]) + "\n")
    return page


def _scores(found: CaseScores) -> Table:
    rows = []
    for name, values in found.scores.items():
        mean, low, high = mean_interval(values)
        spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
        sizes = [number(each, DIGITS) for each in (mean, spread, float(np.median(values)))]
        rows.append((name, str(len(values)), sizes[0], between(low, high, DIGITS), *sizes[1:]))
    columns = ("Method", "Cases", f"Mean {found.metric}", "95 %", "SD", "Median")
    return Table("case-scores", "Scores", columns, tuple(rows), "Brackets: 95 % interval of the mean by Student's t.")


def _differences(found: CaseScores, differences: list[CaseDifference]) -> Table:
    rows = tuple(
        (each.arm, each.against, signed(each.mean, DIGITS), between(each.low, each.high, DIGITS), probability(each.p),
         probability(each.p_holm), f"{each.higher}/{each.cases}")
        for each in differences
    )  # fmt: skip
    columns = ("Method", "Against", f"Difference in {found.metric}", "95 %", "p", "Holm p", "Higher in")
    caption = (
        "Difference: method minus the one that it is compared with, over the same cases. Paired t-test; Holm over the"
        f" {len(rows)} differences of this table."
    )
    return Table("case-differences", "Differences", columns, rows, caption)
