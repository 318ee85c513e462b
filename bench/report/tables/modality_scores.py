"""Scores of generated contrasts as records of a translation have them, fold by fold."""

from __future__ import annotations

from bench.evaluation.modality_importance import PairScores
from bench.report.tables import arm_selection
from bench.report.tables.results import DatasetResults, Run


def scored_runs(section: DatasetResults, arm: str) -> list[Run]:
    """The runs of an arm in one pass over the people whose records have scores of generated contrasts."""
    return [run for run in arm_selection.one_pass(section, arm) if "psnr" in section.predictions(run)]


def pair_scores(section: DatasetResults, arm: str) -> dict[int, PairScores]:
    """Fold -> the scores of an arm in one pass over the people.

    Parameters
    ----------
    section : DatasetResults
    arm : str
        Its label.

    Returns
    -------
    dict of int to PairScores
        Empty if no record has scores of generated contrasts, as of other kinds of task.
    """
    kept = {run.cell.fold: section.predictions(run) for run in scored_runs(section, arm)}
    return {
        fold: PairScores(*(each[name] for name in ("source", "target", "psnr", "ssim", "groups")))
        for fold, each in kept.items()
    }
