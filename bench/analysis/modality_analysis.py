"""Which contrast tells what the others do not: scores and maps of the arms of a study of translation, as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.analysis.explain.nifti_maps import write_nifti
from bench.core import BenchError
from bench.evaluation import modality_importance
from bench.evaluation.modality_importance import PairScores
from bench.evaluation.translation import KIND
from bench.report import tables
from bench.report.tables.modality_scores import pair_scores, scored_runs
from bench.report.tables.results import DatasetResults
from bench.storage.atomic_io import write_text

FOLDER = "modalities"  # in the results of a study


@dataclass(frozen=True)
class ModalityResult:
    """The contrasts of one data set as one arm generates them, over the test scans of one pass.

    importance: a row for each contrast: `differentiation` with its interval `low` to `high`, `totipotency`, `first_in`,
    the number of folds in which its differentiation score is the highest, and `finds_label`, the mean over scans of how
    well its error finds the label. pairs: a row for each source and target: `psnr`, `ssim`, and `easy`, their sum after
    standardisation.
    """

    data: str
    arm: str
    folds: int
    importance: pd.DataFrame
    pairs: pd.DataFrame


def analyse_modalities(study: str, root: Path, arms: Sequence[str] = ()) -> list[ModalityResult]:
    """The modality importance of the arms of a study, from its records; its tables and maps are written as files.

    Parameters
    ----------
    study : str
    root : Path
        The results.
    arms : sequence of str
        Labels; none: all.

    Returns
    -------
    list of ModalityResult
        By data set and arm.

    Raises
    ------
    BenchError
        If the study has no data set for translation, no such arm, or no finished trial.
    """
    sections = [each for each in tables.read(study, root).sections if each.task.kind == KIND]
    if not sections:
        raise BenchError(
            f"the study {study} generates no contrasts: no data set of it has the kind {KIND}; see: bench guide explain"
        )
    known = list(dict.fromkeys(arm for section in sections for arm in section.arms))
    if wrong := [arm for arm in arms if arm not in known]:
        raise BenchError(f"the study {study} has no arm {wrong[0]!r}; its arms: {', '.join(known)}")
    found = [
        result
        for section in sections
        for arm in section.arms
        if (not arms or arm in arms) and (result := _of_arm(section, arm)) is not None
    ]
    if not found:
        raise BenchError(f"no trial of {study} that generates contrasts is done; run: bench run --study {study}")
    folder = root / study / FOLDER
    for name in ("importance", "pairs"):
        write_text(folder / f"{name}.csv", pd.concat([_labelled(one, name) for one in found]).to_csv(index=False))
    for section in sections:
        _write_maps(section, [one.arm for one in found if one.data == section.name], folder)
    return found


def _labelled(one: ModalityResult, name: str) -> pd.DataFrame:
    return getattr(one, name).assign(data=one.data, arm=one.arm)


def _of_arm(section: DatasetResults, arm: str) -> ModalityResult | None:
    by_fold = pair_scores(section, arm)
    if not by_fold:
        return None
    names = section.task.classes
    scores = modality_importance.joined(list(by_fold.values()))
    return ModalityResult(
        section.name, arm, len(by_fold), _importance(section, arm, by_fold, scores), _pairs(scores, names)
    )


def _importance(section: DatasetResults, arm: str, by_fold: dict[int, PairScores], scores: PairScores) -> pd.DataFrame:
    names = section.task.classes
    hard, easy = modality_importance.scores_of(scores, len(names))
    low, high = modality_importance.interval(scores, len(names)).T
    firsts = [int(np.argmax(modality_importance.scores_of(one, len(names))[0])) for one in by_fold.values()]
    areas = np.concatenate([section.predictions(run)["found"] for run in scored_runs(section, arm)])
    labelled = areas[np.isfinite(areas).all(axis=1)]
    return pd.DataFrame(
        {
            "contrast": names,
            "differentiation": hard,
            "low": low,
            "high": high,
            "first_in": [firsts.count(at) for at in range(len(names))],
            "folds": len(by_fold),
            "totipotency": easy,
            "finds_label": labelled.mean(axis=0) if len(labelled) else np.nan,
        }
    )


def _pairs(scores: PairScores, names: Sequence[str]) -> pd.DataFrame:
    count = len(names)
    psnr, ssim = (modality_importance.pair_means(each, scores, count) for each in (scores.psnr, scores.ssim))
    easy = modality_importance.ease(psnr, ssim)
    return pd.DataFrame(
        [
            (names[one], names[other], psnr[one, other], ssim[one, other], easy[one, other])
            for one in range(count)
            for other in range(count)
            if one != other
        ],
        columns=["source", "target", "psnr", "ssim", "easy"],
    )


def _write_maps(section: DatasetResults, arms: Sequence[str], folder: Path) -> None:
    """Write what cannot be generated of the first test scan of every fold, as NIfTI, and what was measured.

    The grid of the prepared scans is centred on the origin, as records have no affine.
    """
    for arm in arms:
        for run in scored_runs(section, arm):
            kept = section.predictions(run)
            if kept["label"].ndim != 3:
                continue  # images have no NIfTI
            affine = np.diag([*kept["spacing"], 1.0])
            affine[:3, 3] = -kept["spacing"] * (np.array(kept["label"].shape) - 1) / 2
            place = folder / section.name / arm / f"fold-{run.cell.fold}"
            for at, name in enumerate(section.task.classes):
                write_nifti(place / f"missing-{name}.nii.gz", kept["missing"][at], affine)
                write_nifti(place / f"measured-{name}.nii.gz", kept["measured"][at], affine)
            write_nifti(place / "label.nii.gz", kept["label"].astype(np.float32), affine)
