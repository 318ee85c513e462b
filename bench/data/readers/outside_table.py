"""Tables of numbers that another program wrote: every row of the same length, every column named once."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import BenchError
from bench.data.readers.tabular import number, rows_of_cells

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 1 << 28  # bytes
NAMELESS = re.compile(r"|Unnamed: \d+")  # the index of pandas, written, and written again
LIMIT = 1e100  # of a number: the squares of larger ones are no numbers any more


def read_outside_table(path: Path) -> pd.DataFrame:
    """Read a CSV file, or a TSV file by its ending.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    DataFrame
        The columns with a name. Cells are text without spaces around them; the index is the row in the file, from 1.

    Raises
    ------
    BenchError
        If it is no such table; the message names the row.
    """
    import pandas as pd

    if not path.exists():
        raise BenchError(f"{path} does not exist")
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    remedy = "give each row one cell for each column, and no names of rows (in R: row.names = FALSE)"
    names, rows = rows_of_cells(path, path.resolve().parent, None, separator, remedy, LARGEST)
    cells = [[cell.strip() for cell in row] for _, row in rows]
    table = pd.DataFrame(cells, columns=names, index=[at for at, _ in rows], dtype=str)
    return table[[name for name in names if not NAMELESS.fullmatch(name)]]


def number_in(path: Path, row: int, column: str, text: str, whose: str) -> float:
    """The number in a cell.

    Parameters
    ----------
    path : Path
        The file.
    row : int
        Number of its row.
    column, text : str
        Name of the column, and the cell.
    whose : str
        What the row is of, for the message.

    Returns
    -------
    float
        Finite, and at most 1e100.

    Raises
    ------
    BenchError
        If the cell holds anything else.
    """
    value = number(text)
    if value is None or not abs(value) <= LIMIT:
        point = "; write a decimal point" if "," in text else ""
        size = f" of at most {LIMIT:g}" if value is not None and math.isfinite(value) else ""
        raise BenchError(f"{path}, row {row}: {column} of {whose} is {text[:40]!r}, not a finite number{size}{point}")
    return value
