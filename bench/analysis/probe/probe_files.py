"""The probes of a study as files: tables as CSV, and a figure for each data set."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.analysis.probe.probe_figure import draw_probes
from bench.report.figures import style
from bench.storage.atomic_io import write_text


def save_probes(folder: Path, probes: pd.DataFrame, agreements: pd.DataFrame) -> None:
    """Write probes.csv, agreement.csv and a figure for each data set; real data and phantoms never share a file."""
    for name, frame in (("probes", probes), ("agreement", agreements)):
        kinds = list(dict.fromkeys(frame["data_kind"]))
        for kind in kinds:
            ending = "_phantom" if kind == "phantom" and len(kinds) > 1 else ""
            write_text(folder / f"{name}{ending}.csv", frame[frame["data_kind"] == kind].to_csv(index=False))
    for data in dict.fromkeys(probes["data"]):
        rows = probes[probes["data"] == data]
        style.save_figure(draw_probes(rows), folder, f"{data}-probes")
