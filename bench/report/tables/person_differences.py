"""The differences of arms by scan, from the predictions that the runs have kept: the input of the test over people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.bootstrap import inflation
from bench.evaluation.fold_scores import Cell
from bench.evaluation.person_test import FoldDifference, PeopleTest, people_test
from bench.evaluation.scan_contributions import Contributions, contributions
from bench.report.tables.external_test import VarianceTerm
from bench.report.tables.results import DatasetResults, Run
from bench.report.tables.score_interval import judge

if TYPE_CHECKING:
    from bench.report.tables.declared_tests import Differences

NOT_SAVED = "no predictions are saved for some fold, or they are not finite or of other scans"


def people_test_of(
    section: DatasetResults, differences: Differences, train: np.ndarray, test: np.ndarray
) -> PeopleTest | str:
    """The test over people of differences in (partition, fold) cells; the reason where predictions are missing.

    train, test: (J,) sizes of the parts of the cells.
    """
    folds = fold_differences(section, differences)
    if folds is None:
        return NOT_SAVED
    ratio = float(np.mean(np.asarray(test) / np.asarray(train))) if len(folds) else 0.0
    sharing = inflation(section.folds, section.correlation)
    return people_test(folds, sharing, same_people=section.external, train_to_test=ratio)


def fold_differences(section: DatasetResults, differences: Differences) -> list[FoldDifference] | None:
    """The differences by scan of every cell, in the order of the cells; None where predictions are missing."""
    found, missing = [], frozenset(differences.missing)
    for cell, score in zip(differences.cells, differences.values.tolist(), strict=True):
        parts = [_term(term, cell, missing) for term in differences.terms]
        if any(part is None for part in parts) or not _alike(parts):
            return None
        values = np.sum([term.weight * part[1].values for term, part in zip(differences.terms, parts, strict=True)], 0)
        _, first, groups = parts[0]
        found.append(FoldDifference(*cell, section.sign * score, section.sign * values, first.strata, groups))
    return found


def _alike(parts: Sequence[tuple[np.ndarray, Contributions, np.ndarray]]) -> bool:
    """Whether all arms were tested on the same scans in the same order."""
    return all(np.array_equal(part[0], parts[0][0]) for part in parts)


def _term(
    term: VarianceTerm, cell: tuple[int, int], missing: Collection[Cell]
) -> tuple[np.ndarray, Contributions, np.ndarray] | None:
    """Ids, contributions averaged over the seeds that all arms have, and groups of the test part of a cell."""
    section = term.section
    runs = [run for run in section.of(term.arm, term.role) if run.place[:2] == cell and run.done]
    found = [_by_scan(section, run) for run in runs if _planned(term, run) not in missing]
    if not found or any(each is None for each in found):
        return None
    if any(not np.array_equal(each[0], found[0][0]) for each in found):
        return None
    mean = np.mean([each[1].values for each in found], axis=0)
    return found[0][0], Contributions(mean, found[0][1].strata), found[0][2]


def _planned(term: VarianceTerm, run: Run) -> Cell:
    """The place of a run among the differences: seeds of the A/A control have the numbers of the arm it repeats."""
    partition, fold, seed = run.place
    return partition, fold, seed - (term.section.plan.seeds if term.role == "again" else 0)


def _by_scan(section: DatasetResults, run: Run) -> tuple[np.ndarray, Contributions, np.ndarray] | None:
    """Ids, contributions and groups of one run, read once; None where it has kept no usable predictions."""
    kept = section.contributions
    if run.cell.key not in kept:
        kept[run.cell.key] = _read(section, run)
    return kept[run.cell.key]


def _read(section: DatasetResults, run: Run) -> tuple[np.ndarray, Contributions, np.ndarray] | None:
    arrays = section.predictions(run)
    name = "scan_scores" if section.task.per_voxel else "selected"
    if name not in arrays or not np.isfinite(arrays[name]).all():
        return None
    made = contributions(judge(section), arrays.get("y", arrays[name]), arrays[name], arrays["groups"])
    return (arrays["ids"], made, arrays["groups"]) if np.isfinite(made.values).all() else None
