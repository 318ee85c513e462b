"""A caution where predictions depend on the order of the test scans, or on which scans are predicted together."""

from __future__ import annotations

from bench.report.tables import DatasetResults
from bench.report.tables.number_format import listed


def order_matters(section: DatasetResults) -> str:
    """Which arms answer a scan differently in another order or in other company; empty if none does.

    Parameters
    ----------
    section : DatasetResults
        A data set with its runs.

    Returns
    -------
    str
        The caution.
    """
    arms = [arm for arm in section.arms if any(_depends(run) for run in section.of(arm))]
    if not arms:
        return ""
    return (
        f"The answers of {listed(arms)} to a test scan depend on the order of the scans or on which scans are predicted"
        " together: such a score may come from the order of the data set, and no single scan can be answered like that."
    )


def _depends(run: object) -> bool:
    return run.done and run.record.resolved.get("order_matters", False)
