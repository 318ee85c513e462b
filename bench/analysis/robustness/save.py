"""What was found out about disturbed scans as files: scores, curves and drops as CSV, a figure for each data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.report import tables
from bench.report.figures import style
from bench.report.figures.robustness_figure import draw_robustness
from bench.report.tables.robustness_curves_table import curves
from bench.report.tables.robustness_scores import read, scores
from bench.report.tables.robustness_table import drops
from bench.storage import robustness_cache
from bench.storage.atomic_io import write_text


@dataclass(frozen=True)
class RobustnessResult:
    """The numbers of one data set."""

    data: str
    scores: pd.DataFrame
    curves: pd.DataFrame
    drops: pd.DataFrame


def write(study: str, root: Path) -> list[RobustnessResult]:
    """Write scores, curves, drops and figures anew from what was kept; phantoms have files of their own."""
    results = tables.read(study, root)
    folder = robustness_cache.folder_of(root, study)
    found = []
    for section in results.sections:
        said = read(section)
        if said.said:
            found.append(RobustnessResult(section.name, scores(said), curves(said), drops(said)))
            figure = draw_robustness(found[-1].curves, section.metric.title)
            style.save_figure(figure, folder, f"{section.name}-curves")
    for name in ("scores", "curves", "drops"):
        for end, frames in _apart(found, name).items():
            write_text(folder / f"{name}{end}.csv", pd.concat(frames, ignore_index=True).to_csv(index=False))
    return found


def _apart(found: Sequence[RobustnessResult], name: str) -> dict[str, list[pd.DataFrame]]:
    """The frames of real and of phantom data: they never share a file."""
    kinds: dict[str, list[pd.DataFrame]] = {}
    for one in found:
        frame = getattr(one, name)
        if len(frame):
            kinds.setdefault(frame["data_kind"].iloc[0], []).append(frame)
    return {"_phantom" if kind == "phantom" and len(kinds) > 1 else "": frames for kind, frames in kinds.items()}
