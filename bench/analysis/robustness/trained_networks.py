"""Predictions of trained networks for corrupted test scans: each scan is corrupted once for several networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bench.analysis.robustness.corruptions import corrupt_scan
from bench.evaluation.metrics import metric
from bench.training import inference
from bench.training.trained_model import TrainedModel
from bench.training.training_setup import autocast


@dataclass(frozen=True)
class CorruptedBatch:
    """Corrupted test scans as one network reads them; `inference.logits` takes it as a part of a data set."""

    loaded: TrainedModel
    scans: np.ndarray  # (N, C, ...), prepared and corrupted
    first: int = 0  # position of the first of them among the test scans

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, torch.Tensor, None]]:
        """(positions, x, None) of `size` scans each, after the view and the normalisation of the training scans."""
        data = self.loaded.data
        for start in range(0, len(self.scans), size):
            some = self.scans[start : start + size]
            if data.covariates:  # they do not change with the scan
                place = self.first + start
                yield np.arange(start, start + len(some)), data.test().take(place + np.arange(len(some)))[0], None
                continue
            rows = data.tested.rows[self.first + start : self.first + start + len(some)]
            yield np.arange(start, start + len(some)), data.viewed(torch.from_numpy(some), rows), None


def predict_corrupted(loaded: Sequence[TrainedModel], corruption: str, strength: int) -> list[np.ndarray]:
    """The predictions of each network for its N test scans, corrupted at a strength from 0 to 5.

    For each network: (N, K) probabilities, (N,) numbers, or for masks (N,) the primary score of each mask. All networks
    must have the same test scans in the same order; each scan is corrupted once for all of them.
    """
    size = 2 * loaded[0].record.trial.recipe.batch_size
    predictions: list[list[np.ndarray]] = [[] for _ in loaded]
    tested = loaded[0].data.tested
    for start in range(0, len(tested.rows), size):
        scans = _corrupted_scans(loaded[0], range(start, min(start + size, len(tested.rows))), corruption, strength)
        for one, parts in zip(loaded, predictions, strict=True):
            parts.append(_predict(one, scans, start))
    return [np.concatenate(parts) for parts in predictions]


def _corrupted_scans(loaded: TrainedModel, positions: range, corruption: str, strength: int) -> np.ndarray:
    tested = loaded.data.tested
    prepared = tested.prepared
    images, rows = prepared.images(), (int(tested.rows[position]) for position in positions)
    if strength == 0:
        return np.stack([images[row] for row in rows])
    return np.stack(
        [corrupt_scan(np.array(images[row]), prepared.spacing, corruption, strength, prepared.ids[row]) for row in rows]
    )


def _predict(loaded: TrainedModel, scans: np.ndarray, start: int) -> np.ndarray:
    data, recipe = loaded.data, loaded.record.trial.recipe
    tested, task = data.tested, data.tested.prepared.task
    raw = inference.logits(
        loaded.model, CorruptedBatch(loaded, scans, start), 2 * recipe.batch_size, autocast(recipe, data.device)
    )
    predicted = tested.to_test_classes(inference.predictions(raw, data.prepared.task, loaded.scale))
    if not task.per_voxel:
        return predicted
    truth = np.asarray(tested.targets[start : start + len(scans)])
    return metric(task.primary).values(truth, predicted, tested.prepared.spacing)
