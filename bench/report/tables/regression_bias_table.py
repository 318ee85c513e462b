"""How a predicted number depends on the true one, and what correcting that would make of the error. Never applied."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.report.tables.results import DatasetResults, Run, given


def bias(section: DatasetResults) -> pd.DataFrame:
    """A row an arm of a task that predicts a number: mean and slope of the gap, MAE, MAE corrected; means over runs."""
    rows = []
    for arm in section.arms if section.task.kind == "regression" else ():
        found = [run.record.metrics for run in section.of(arm) if run.done and "bias" in run.record.metrics]
        if found:
            told = {name: [given(each["bias"].get(name)) for each in found] for name in ("slope", "corrected_mae")}
            usable = np.isfinite(told["corrected_mae"])
            gaps = [_gap(section, run) for run in section.of(arm) if run.done]
            corrected = np.mean(told["corrected_mae"]) if usable.all() else np.nan
            mae = np.mean([each["selected"]["mae"] for each in found])
            rows.append({"arm": arm, "runs": len(found), "slope": np.mean(told["slope"]), "mae": mae})
            rows[-1] |= {"gap": np.mean(gaps), "corrected_mae": corrected}
    return pd.DataFrame(rows, columns=["arm", "runs", "gap", "slope", "mae", "corrected_mae"])


def _gap(section: DatasetResults, run: Run) -> float:
    """The mean of prediction - true number over the test part of a run; NaN where its predictions are not kept."""
    kept = section.predictions(run)
    return float((kept["selected"] - kept["y"]).mean()) if "selected" in kept else float("nan")
