"""What trained networks say of scans that were disturbed before they are shown: several networks, the same scans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bench.analysis.robustness.corruptions import corrupted
from bench.evaluation.metrics import metric
from bench.training import inference, loop
from bench.training.trained_model import TrainedModel


@dataclass(frozen=True)
class CorruptedBatch:
    """Some test scans, disturbed, as one network reads them: a part as `inference.logits` takes it."""

    loaded: TrainedModel
    scans: np.ndarray  # (N, C, ...), prepared and disturbed

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, torch.Tensor, None]]:
        """(positions, x, nothing) of `size` scans, shown and normalised as those that were learnt from."""
        data = self.loaded.data
        spacing = data.tested.prepared.spacing
        for start in range(0, len(self.scans), size):
            some = self.scans[start : start + size]
            shown = data.view(torch.from_numpy(some), spacing)
            yield np.arange(start, start + len(some)), data.normaliser(shown.to(data.device)), None


def said(loaded: Sequence[TrainedModel], corruption: str, strength: int) -> list[np.ndarray]:
    """What each network says of its test scans, (N, K) or (N,), or the primary score of each mask, (N,).

    All networks have the same test scans, which are disturbed once for all of them.
    """
    size = 2 * loaded[0].record.trial.recipe.batch_size
    found: list[list[np.ndarray]] = [[] for _ in loaded]
    tested = loaded[0].data.tested
    for start in range(0, len(tested.rows), size):
        scans = _scans(loaded[0], range(start, min(start + size, len(tested.rows))), corruption, strength)
        for one, parts in zip(loaded, found, strict=True):
            parts.append(_answer(one, scans, start))
    return [np.concatenate(parts) for parts in found]


def _scans(loaded: TrainedModel, positions: range, corruption: str, strength: int) -> np.ndarray:
    tested = loaded.data.tested
    prepared = tested.prepared
    images, rows = prepared.images(), (int(tested.rows[position]) for position in positions)
    if strength == 0:
        return np.stack([images[row] for row in rows])
    return np.stack(
        [corrupted(np.array(images[row]), prepared.spacing, corruption, strength, prepared.ids[row]) for row in rows]
    )


def _answer(loaded: TrainedModel, scans: np.ndarray, start: int) -> np.ndarray:
    data, recipe = loaded.data, loaded.record.trial.recipe
    tested, task = data.tested, data.tested.prepared.task
    raw = inference.logits(
        loaded.model, CorruptedBatch(loaded, scans), 2 * recipe.batch_size, loop.autocast(recipe, data.device)
    )
    predicted = tested.to_test_classes(inference.predictions(raw, data.prepared.task, loaded.scale))
    if task.kind != "segmentation":
        return predicted
    truth = np.asarray(tested.targets[start : start + len(scans)])
    return metric(task.primary).values(truth, predicted, tested.prepared.spacing)
