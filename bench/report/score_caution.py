"""A caution where the score in a record is not that of the predictions beside it: the record was changed."""

from __future__ import annotations

import math

from bench.report.tables import DatasetResults
from bench.report.tables.number_format import number, plural
from bench.report.tables.results import Run

CLOSE = 1e-4  # of the score: other versions of a library round otherwise


def scores_unlike_predictions(section: DatasetResults) -> str:
    """Which runs have a score that their own predictions do not have; empty if none has.

    Parameters
    ----------
    section : DatasetResults
        A data set with its runs. Masks are not looked at: records hold no predicted masks.

    Returns
    -------
    str
        The caution.
    """
    if section.task.per_voxel:
        return ""
    runs = [run for arm in section.arms for run in section.of(arm)]
    unlike = [(run, made) for run in runs if (made := _of_predictions(section, run)) is not None]
    if not unlike:
        return ""
    run, made = unlike[0]
    stored = run.score(section.task.primary)
    return (
        f"{len(unlike)} of {plural(len(runs), 'record')} {'has' if len(unlike) == 1 else 'have'} another"
        f" {section.metric.title} than their predictions, for example {run.cell.key} ({run.cell.arm}):"
        f" {number(stored, 4)} stored, {number(made, 4)} computed. Somebody changed that after the run: trust no score"
        " here until these trials have run again."
    )


def _of_predictions(section: DatasetResults, run: Run) -> float | None:
    """The score of the predictions of a run if it is not the stored one."""
    kept = section.predictions(run)
    if "y" not in kept or "selected" not in kept:
        return None
    made, stored = float(section.metric(kept["y"], kept["selected"])), run.score(section.task.primary)
    if math.isnan(made) and math.isnan(stored):
        return None
    return None if abs(made - stored) <= CLOSE * max(1.0, abs(made)) else made
