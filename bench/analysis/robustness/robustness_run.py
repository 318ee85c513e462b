"""Predictions of a study's trained networks for corrupted test scans, fold by fold; each scan is corrupted only once.

Nothing is trained and no record changes. Predictions are saved at once, so that an interrupted run is resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from bench.analysis.networks_with_weights import networks_with_weights
from bench.analysis.robustness import trained_networks
from bench.core.study_plan import PlannedCell, StudyPlan
from bench.storage import robustness_cache
from bench.storage.record_store import Store
from bench.storage.robustness_cache import CLEAN, STRENGTHS
from bench.training.device import enable_determinism
from bench.training.trained_model import TrainedModel, load

Progress = Callable[[int, int], None]
Condition = tuple[str, int]  # corruption and strength


@dataclass(frozen=True)
class RobustnessJob:
    """The predictions that a study needs. lacking: arm -> number of its trials without saved weights."""

    store: Store
    folder: Path
    cells: Sequence[PlannedCell]  # those with saved weights
    conditions: Sequence[Condition]
    lacking: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Networks times conditions."""
        return len(self.cells) * len(self.conditions)


def plan_robustness(
    plan: StudyPlan, store: Store, folder: Path, arms: Sequence[str], corruptions: Sequence[str]
) -> RobustnessJob:
    """The job for the named arms of a study, or for all; each trial once, at every strength of the corruptions.

    folder: of the predictions, see `robustness_cache.folder_of`. Trials without saved weights (missing, failed, or not
    saved) are counted as lacking. BenchError if the study has no such arm, or no saved weights. Weights that a study
    saved only because other trials learn from them are not enough, unless their arm is named.
    """
    cells, lacking = networks_with_weights(plan, store, arms)
    conditions = [(CLEAN, 0), *((name, strength) for name in corruptions for strength in range(1, STRENGTHS + 1))]
    return RobustnessJob(store, folder, cells, conditions, lacking)


def run_robustness(job: RobustnessJob, progress: Progress = lambda done, total: None) -> None:
    """Compute and save the predictions of every network and condition that are not saved yet.

    progress: called with the number of finished predictions and `job.total`. RunAbortedError if the disk refuses one.
    """
    done = 0
    for cells in _by_fold(job.cells):
        done = _run_fold(job, cells, done, progress)


def _by_fold(cells: Sequence[PlannedCell]) -> list[list[PlannedCell]]:
    """The cells grouped by data set and fold: those of a group are tested on the same scans."""
    folds: dict[tuple, list[PlannedCell]] = {}
    for cell in cells:
        folds.setdefault((cell.data, cell.partition, cell.fold), []).append(cell)
    return list(folds.values())


@dataclass
class _NetworkPredictions:
    """The predictions of one network so far; the network is loaded when the first one is needed."""

    key: str
    mark: str  # of the trial's record
    predictions: dict[Condition, Any]
    network: TrainedModel | None = None


def _run_fold(job: RobustnessJob, cells: Sequence[PlannedCell], done: int, progress: Progress) -> int:
    marks = {cell.key: job.store.mark(cell.key) for cell in cells}
    networks = [
        _NetworkPredictions(key, mark, robustness_cache.read(job.folder, key, mark)) for key, mark in marks.items()
    ]
    for condition in job.conditions:
        missing = [one for one in networks if condition not in one.predictions]
        for one in missing:
            one.network = one.network or load(job.store, one.key)
        for group in _by_test_scans(missing):
            _predict(job, group, condition)
        done += len(networks)
        progress(done, job.total)
    return done


def _by_test_scans(networks: Sequence[_NetworkPredictions]) -> list[list[_NetworkPredictions]]:
    """The networks grouped by their test scans and batches; in a study those of a fold are one group."""
    groups: dict[tuple, list[_NetworkPredictions]] = {}
    for one in networks:
        tested, recipe = one.network.data.tested, one.network.record.trial.recipe
        place = (tested.prepared.fingerprint, tuple(tested.rows.tolist()), recipe.batch_size, recipe.threads)
        groups.setdefault(place, []).append(one)
    return list(groups.values())


def _predict(job: RobustnessJob, networks: Sequence[_NetworkPredictions], condition: Condition) -> None:
    threads = networks[0].network.record.trial.recipe.threads
    enable_determinism(threads)
    with threadpool_limits(threads):  # as in the run, so that predictions of clean scans are equal to the last bit
        predictions = trained_networks.predict_corrupted([one.network for one in networks], *condition)
    for one, predicted in zip(networks, predictions, strict=True):
        one.predictions[condition] = predicted
        robustness_cache.write(job.folder, one.key, one.mark, one.predictions)
