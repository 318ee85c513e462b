"""A batch in fixed memory: a recorded step reads it there, and each step's batch is copied into it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from bench.curriculum import Stage
from bench.method import Batch, Mixture, Outputs


def capture_key(batch: Batch) -> tuple[Any, ...]:
    """What a recorded step depends on besides the contents of its buffers: shapes, and the numbers of the stage.

    Blur, sizes and dropout of the input are applied before, subsets and rates outside a step: they may differ.
    """
    stage = batch.stage
    numbers = stage.label_smoothing, stage.map_blur, stage.encoder_only
    rates = stage.drop_maps, stage.drop_features, stage.drop_own
    functions = stage.weigh, stage.voxels, stage.weights is None
    tensors = tuple((tuple(each.shape), each.stride(), each.dtype) for each in _tensors(batch))
    return tensors, numbers, rates, functions, batch.scans, batch.mixture is None


def _tensors(batch: Batch) -> Iterator[Tensor]:
    """The tensors of a batch in a fixed order, without the weights of the stage."""
    yield from (batch.x, batch.y, batch.index)
    for outputs in batch.upstream:
        yield from (each for each in (outputs.logits, outputs.features, outputs.attention) if each is not None)
    if batch.mixture is not None:
        yield from (batch.mixture.y, batch.mixture.share)


class StaticBatch:
    """Fixed buffers with the shapes of a batch. `batch` is what a recorded step gets."""

    def __init__(self, batch: Batch) -> None:
        device, stage, mixture = batch.x.device, batch.stage, batch.mixture
        self._weights = None if stage.weights is None else torch.zeros(batch.scans, device=device)
        self._progress = torch.zeros((), dtype=torch.float64, device=device)  # 0-dim: it changes no other type
        static = Stage(
            label_smoothing=stage.label_smoothing,
            weights=self._weights,
            weigh=stage.weigh,
            voxels=stage.voxels,
            map_blur=stage.map_blur,
            encoder_only=stage.encoder_only,
            drop_maps=stage.drop_maps,
            drop_features=stage.drop_features,
            drop_own=stage.drop_own,
        )
        upstream = [
            Outputs(one.logits.clone(), one.features.clone(), None if one.attention is None else one.attention.clone())
            for one in batch.upstream
        ]
        mixture = None if mixture is None else Mixture(mixture.y.clone(), mixture.share.clone())
        x, y, index = batch.x.clone(), batch.y.clone(), batch.index.clone()
        self.batch = Batch(x, y, index, batch.task, static, self._progress, upstream, batch.scans, mixture)

    def load(self, batch: Batch) -> None:
        """Copy a batch of the same key into the buffers."""
        for buffer, current in zip(_tensors(self.batch), _tensors(batch), strict=True):
            buffer.copy_(current, non_blocking=True)
        self._progress.fill_(batch.progress)
        if self._weights is not None:
            self._weights.copy_(torch.as_tensor(batch.stage.weights), non_blocking=True)
