"""The order of arms from the best to the worst score."""

from __future__ import annotations

import pandas as pd


def best_first(frame: pd.DataFrame, sign: int) -> pd.DataFrame:
    """The rows of the scores from the best to the worst; arms without a score last, equal ones in the study's order.

    sign: 1 if a higher score is better, -1 if a lower one is.
    """
    return frame.assign(rank=-sign * frame["score"]).sort_values("rank", kind="stable", na_position="last")
