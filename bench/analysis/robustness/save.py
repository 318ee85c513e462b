"""The robustness of a study as files: scores, curves and drops as CSV, and a figure for each data set."""

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
    """Scores of one data set on corrupted scans, their curves over the strengths, and the drop of every arm."""

    data: str
    scores: pd.DataFrame
    curves: pd.DataFrame
    drops: pd.DataFrame


def save_robustness(study: str, root: Path) -> list[RobustnessResult]:
    """Write scores, curves, drops and figures from the saved predictions; returns the results of each data set.

    root: of the results. If a study has real data sets and phantoms, phantoms have CSV files of their own.
    """
    folder = robustness_cache.folder_of(root, study)
    results = []
    for section in tables.read(study, root).sections:
        stressed = read(section)
        if stressed.predictions:
            one = RobustnessResult(section.name, scores(stressed), curves(stressed), drops(stressed))
            figure = draw_robustness(one.curves, section.metric.title)
            style.save_figure(figure, folder, f"{section.name}-curves")
            results.append(one)
    for name in ("scores", "curves", "drops"):
        for ending, frames in _frames_by_ending(results, name).items():
            write_text(folder / f"{name}{ending}.csv", pd.concat(frames, ignore_index=True).to_csv(index=False))
    return results


def _frames_by_ending(results: Sequence[RobustnessResult], name: str) -> dict[str, list[pd.DataFrame]]:
    """Ending of a file name -> its frames: real and phantom data never share a file."""
    kinds: dict[str, list[pd.DataFrame]] = {}
    for one in results:
        frame = getattr(one, name)
        if len(frame):
            kinds.setdefault(frame["data_kind"].iloc[0], []).append(frame)
    return {"_phantom" if kind == "phantom" and len(kinds) > 1 else "": frames for kind, frames in kinds.items()}
