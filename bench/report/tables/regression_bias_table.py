"""How a predicted number depends on the true one, and the error if that were corrected. Never applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.report.tables import captions
from bench.report.tables.number_format import MINUS, decimals, number, signed
from bench.report.tables.results import DatasetResults, Run, number_or_nan
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables


def bias(section: DatasetResults) -> pd.DataFrame:
    """A row for each arm of a regression task: mean and slope of the gap, MAE, corrected MAE; means over runs."""
    rows = []
    for arm in section.arms if section.task.kind == "regression" else ():
        found = [run.record.metrics for run in section.of(arm) if run.done and "bias" in run.record.metrics]
        if found:
            values = {
                name: [number_or_nan(each["bias"].get(name)) for each in found] for name in ("slope", "corrected_mae")
            }
            usable = np.isfinite(values["corrected_mae"])
            gaps = [_gap(section, run) for run in section.of(arm) if run.done]
            corrected = np.mean(values["corrected_mae"]) if usable.all() else np.nan
            mae = np.mean([each["selected"]["mae"] for each in found])
            rows.append({"arm": arm, "runs": len(found), "slope": np.mean(values["slope"]), "mae": mae})
            rows[-1] |= {"gap": np.mean(gaps), "corrected_mae": corrected}
    return pd.DataFrame(rows, columns=["arm", "runs", "gap", "slope", "mae", "corrected_mae"])


def _gap(section: DatasetResults, run: Run) -> float:
    """The mean of prediction - true number over the test part of a run; NaN if its predictions are not saved."""
    kept = section.predictions(run)
    return float((kept["selected"] - kept["y"]).mean()) if "selected" in kept else float("nan")


def bias_body(found: SectionTables) -> TableBody:
    """The formatted table of the bias."""
    section = found.section
    digits = decimals(section.metric)
    unit = f" ({section.task.unit})" if section.task.unit else ""
    columns = ("Arm", "Runs", f"Mean gap{unit}", "Slope of the gap", f"MAE{unit}", f"MAE{unit}, corrected")
    rows = tuple(
        (
            entry["arm"], str(entry["runs"]), signed(entry["gap"], digits), signed(entry["slope"], 2),
            number(entry["mae"], digits), number(entry["corrected_mae"], digits),
        )
        for entry in found.frame("bias").to_dict("records")
    )  # fmt: skip
    return TableBody(columns, rows, _caption(section))


def _caption(section: DatasetResults) -> str:
    return (
        f"{captions.data(section)} The gap is the prediction less the true number; its mean is 0"
        " where high and low errors are even; its slope on the true number is 0 without"
        f" bias and {MINUS}1 for a prediction that knows nothing. Corrected: by a line fitted on the validation part"
        " alone. It is reported and applied nowhere: scores, contrasts and figures rest on predictions as they are."
    )


TABLE = TableSpec(
    "bias",
    "Bias with the true number",
    order=700,
    frame=lambda found: bias(found.section),
    layout=bias_body,
)
