"""Positions of SAM's image encoder for other sizes of images: timm resamples those of other transformers, not these."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from bench.weights import tensors

POSITIONS = "pos_embed"


@contextmanager
def resampled_file(weights: Path, network: str, arguments: Mapping[str, Any]) -> Iterator[Path]:
    """A file with positions of the sizes that the network has: the given one, or a temporary copy.

    arguments: of `timm.create_model`, without those of weights. Positions on a plane (1, rows, columns, F) are
    resampled bilinearly, relative ones (2 size - 1, F) linearly.
    """
    stored = tensors(weights)
    if not any(name.endswith(POSITIONS) and each.ndim == 4 for name, each in stored.items()):
        yield weights
        return
    with torch.random.fork_rng(devices=[]):
        expected = timm.create_model(network, **arguments).state_dict()
    changed = {name: _resampled(name, each, expected) for name, each in stored.items()}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / weights.name
        save_file({name: each.contiguous() for name, each in changed.items()}, copy)
        yield copy


def _resampled(name: str, stored: Tensor, expected: Mapping[str, Tensor]) -> Tensor:
    own = next((each for key, each in expected.items() if f".{name}".endswith(f".{key}")), stored)
    if own.shape == stored.shape or own.ndim != stored.ndim or own.shape[-1] != stored.shape[-1]:
        return stored
    if name.endswith(POSITIONS):
        grid = stored.float().movedim(3, 1)  # (1, F, rows, columns)
        return F.interpolate(grid, own.shape[1:3], mode="bilinear", align_corners=False).movedim(1, 3)
    if ".rel_pos_" in name:
        line = stored.float().T[None]  # (1, F, 2 size - 1)
        return F.interpolate(line, own.shape[0], mode="linear", align_corners=False)[0].T
    return stored
