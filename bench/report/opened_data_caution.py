"""A caution where the code of a method opened prepared files: it is given all that it may learn from."""

from __future__ import annotations

from bench.report.tables import DatasetResults
from bench.report.tables.number_format import listed

NAMED = 3  # files that are named


def opened_data(section: DatasetResults) -> str:
    """Which arms opened prepared data or records while they were trained or asked; empty if none did.

    Parameters
    ----------
    section : DatasetResults
        A data set with its runs.

    Returns
    -------
    str
        The caution.
    """
    files = {arm: sorted({name for run in section.of(arm) for name in _opened(run)}) for arm in section.arms}
    opened = [f"{arm} ({', '.join(names[:NAMED])})" for arm, names in files.items() if names]
    if not opened:
        return ""
    return (
        f"Code of methods opened files of prepared data or of records: {listed(opened)}. A method is given the training"
        " scans and their targets; the files hold those of the test scans too, so its score may come from them."
    )


def _opened(run: object) -> list[str]:
    return list(run.record.resolved.get("opened_data", ())) if run.done else []
