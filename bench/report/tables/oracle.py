"""Scores relative to the best possible one, which is known for a phantom."""

from __future__ import annotations

import math

import pandas as pd

from bench.evaluation import metrics
from bench.report.tables.number_format import decimals, number
from bench.report.tables.results import DatasetResults


def oracle_note(section: DatasetResults, frame: pd.DataFrame) -> tuple[str, ...]:
    """The oracle's score, and the share of the gap from chance, or from the constant arm, that every arm closes."""
    best = section.data.oracle
    if best is None:
        return ()
    note = (
        f"Oracle {number(best, decimals(section.metric))}: who knows what was drawn; nobody does better, but by luck."
    )
    if shares := ways(section, frame):
        listed = ", ".join(f"{arm} {number(share, 2)}" for arm, share in shares.items())
        note += f" Share of the way to it from what knows nothing: {listed}."
    return (note,)


def ways(section: DatasetResults, frame: pd.DataFrame) -> dict[str, float]:
    """arm -> (score - floor) / (oracle - floor). The floor: the metric's chance, else the score of `constant` here."""
    floor, rows = metrics.chance(section.task, section.task.primary), frame.set_index("arm")["score"]
    plain = [arm for arm in rows.index if _method(section, arm) == "constant"]
    if floor is None and plain:
        floor = rows[plain[0]]
    best = section.data.oracle
    if floor is None or not math.isfinite(floor) or abs(best - floor) < 1e-9:
        return {}
    others = (arm for arm in rows.index if arm not in plain and math.isfinite(rows[arm]))
    return {arm: float((rows[arm] - floor) / (best - floor)) for arm in others}


def _method(section: DatasetResults, arm: str) -> str:
    return next((run.cell.method for run in section.of(arm)), "")
