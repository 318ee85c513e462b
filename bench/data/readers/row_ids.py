"""Compare the ids of a table with those of the files: spreadsheets turn 0001 into 1, and 1 into 1.0."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal

from bench.core import BenchError
from bench.data.readers.tabular import Line

NUMBER = re.compile(r"\d{1,40}(\.0{1,40})?|\d(\.\d{1,40})?[eE]\+?\d{1,2}")


def check_ids(rows: Mapping[str, Line], scans: Collection[str]) -> None:
    """Raise BenchError if a row has no scan, but a scan without a row has the same id in another spelling."""
    without_row = {_plain_id(scan): scan for scan in sorted(set(scans) - set(rows))}
    for name, line in rows.items():
        scan = without_row.get(_plain_id(name))
        if name not in scans and scan is not None:
            raise BenchError(
                f"{line.place}: there is no scan of {name}, but one of {scan}; write the id in the table as in the"
                " names of the files (a spreadsheet removes leading zeros: format the column as text)"
            )


def _plain_id(name: str) -> str:
    """An id without case, prefix, leading zeros and decimals."""
    bare = name.strip().removeprefix("sub-")
    return str(int(Decimal(bare))) if NUMBER.fullmatch(bare) else bare.casefold()
