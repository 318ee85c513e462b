"""Histograms and global volumes of scans, and boosted trees as a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from baselines._stored_training_set import Grown
from bench.core import Task

SAMPLED = 200_000  # maximum number of training voxels for the k-means of tissues
RULED_OUT = -30.0  # the score of a class that the training part lacks


class Summary(nn.Module):
    """(B, C, ...) to (B, C x (1 + tissues + bins)): volume of the foreground, shares of the tissues, histogram."""

    def __init__(self, channels: int, bins: int, tissues: int) -> None:
        super().__init__()
        self.register_buffer("cuts", torch.zeros(channels, tissues))  # ascending; voxels below the first are background
        self.register_buffer("edges", torch.zeros(channels, bins))  # lower edges; the first equals the first cut

    def forward(self, x: Tensor) -> Tensor:
        found: list[Tensor] = []
        for channel, (cuts, edges) in enumerate(zip(self.cuts, self.edges, strict=True)):
            voxels = x[:, channel].flatten(1)
            volume = (voxels > cuts[0]).sum(1, keepdim=True)
            found += [volume, *(_between(voxels, starts) / volume.clamp_min(1) for starts in (cuts, edges))]
        return torch.cat([one.float() for one in found], 1)

    def fit(self, x: np.ndarray) -> None:
        """x: (N, C, ...), the training part."""
        for channel in range(x.shape[1]):
            voxels = np.asarray(x[:, channel], np.float32).reshape(-1)
            voxels = voxels[:: max(1, len(voxels) // SAMPLED)]
            middles = _means(voxels, self.cuts.shape[1] + 1)
            cuts = (middles[1:] + middles[:-1]) / 2
            top = max(float(np.quantile(voxels, 0.999)), float(cuts[0]))
            self.cuts[channel] = torch.from_numpy(cuts)
            self.edges[channel] = torch.linspace(float(cuts[0]), top, self.edges.shape[1] + 1)[:-1]


class Boosted(Grown):
    """(B, C, ...) to (B, outputs): sums of trees stored as arrays of nodes; a leaf is its own child."""

    uncounted = True  # comparisons are not counted as operations

    def __init__(self, channels: int, outputs: int, bins: int, tissues: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        self.summary = Summary(channels, bins, tissues)
        self.offsets = nn.Parameter(torch.zeros(outputs))
        for name, kind in {"feature": torch.int64, "left": torch.int64, "right": torch.int64}.items():
            self.register_buffer(name, torch.zeros(1, 1, dtype=kind))  # (trees, nodes)
        for name in ("threshold", "value"):
            self.register_buffer(name, torch.zeros(1, 1, dtype=torch.float64))  # (trees, nodes)
        self.register_buffer(
            "outlet", torch.zeros(1, outputs, dtype=torch.float64)
        )  # (trees, outputs): the output to which each tree adds

    def forward(self, x: Tensor) -> Tensor:
        seen = self.summary(x).double()
        tree = torch.arange(len(self.feature), device=x.device)
        node = torch.zeros(len(x), len(tree), dtype=torch.int64, device=x.device)  # (B, trees)
        for _ in range(self.depth):
            low = seen.gather(1, self.feature[tree, node]) <= self.threshold[tree, node]
            node = torch.where(low, self.left[tree, node], self.right[tree, node])
        return (self.value[tree, node] @ self.outlet).float() + self.offsets

    def fit(self, x: np.ndarray, y: np.ndarray, task: Task, trees: int, rate: float, seed: int) -> None:
        """x: (N, C, ...); y: (N,)."""
        self.summary.fit(x)
        seen = np.concatenate(
            [self.summary(torch.from_numpy(np.asarray(scan, np.float32))[None]).numpy() for scan in x]
        )
        kinds = np.unique(y.astype(int)) if task.kind == "classification" else None
        offsets = np.full(task.outputs, 0.0 if kinds is None else RULED_OUT)
        if kinds is not None and len(kinds) == 1:
            offsets[kinds] = 0.0
            return self.keep("offsets", offsets)
        model = _boosted(seen, y if kinds is None else y.astype(int), kinds is not None, trees, rate, self.depth, seed)
        outlets = _outlets(task.outputs, kinds)
        grown = [(one.tree_, outlet) for row in model.estimators_ for one, outlet in zip(row, outlets, strict=True)]
        for name, value in _arrays([tree for tree, _ in grown], rate).items():
            self.keep(name, value)
        self.keep("outlet", np.stack([outlet for _, outlet in grown]))
        offsets[slice(None) if kinds is None else kinds] = 0.0
        return self.keep("offsets", offsets + _begun(model, seen) @ outlets)


def _boosted(seen: np.ndarray, y: np.ndarray, classes: bool, trees: int, rate: float, depth: int, seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    kind = GradientBoostingClassifier if classes else GradientBoostingRegressor
    return kind(n_estimators=trees, learning_rate=rate, max_depth=depth, random_state=seed % 2**32).fit(seen, y)


def _outlets(outputs: int, kinds: np.ndarray | None) -> np.ndarray:
    """What a tree of each column of scikit-learn's adds to the outputs, (columns, outputs)."""
    if kinds is None:
        return np.ones((1, 1))
    if len(kinds) > 2:
        return np.eye(outputs)[kinds]
    both = np.zeros((1, outputs))
    both[0, kinds] = (-0.5, 0.5)  # it returns the log odds of the second class
    return both


def _begun(model: Any, seen: np.ndarray) -> np.ndarray:
    """Initial value of the sums of trees, (columns,): the prediction for a scan minus the output of the trees."""
    one = seen[:1]
    whole = model.decision_function(one) if hasattr(model, "classes_") else model.predict(one)
    added = model.learning_rate * sum(np.array([tree.predict(one)[0] for tree in row]) for row in model.estimators_)
    return np.ravel(whole) - added


def _arrays(trees: list[Any], rate: float) -> dict[str, np.ndarray]:
    """The nodes of all trees, (trees, nodes), padded to one length."""
    shape = (len(trees), max(tree.node_count for tree in trees))
    found = {name: np.zeros(shape, np.int64) for name in ("feature", "left", "right")}
    found |= {name: np.zeros(shape) for name in ("threshold", "value")}
    for row, tree in enumerate(trees):
        leaf, own, at = tree.children_left < 0, np.arange(tree.node_count), slice(tree.node_count)
        found["feature"][row, at] = np.where(leaf, 0, tree.feature)
        found["left"][row, at] = np.where(leaf, own, tree.children_left)
        found["right"][row, at] = np.where(leaf, own, tree.children_right)
        found["threshold"][row, at], found["value"][row, at] = tree.threshold, rate * tree.value[:, 0, 0]
    return found


def _between(voxels: Tensor, starts: Tensor) -> Tensor:
    """Histogram of the voxels of each scan, (B, V), with the given lower edges, the last bin open: (B, starts)."""
    above = torch.stack([(voxels > start).sum(1) for start in starts], 1)
    return torch.cat([above[:, :-1] - above[:, 1:], above[:, -1:]], 1)


def _means(voxels: np.ndarray, many: int, rounds: int = 100) -> np.ndarray:
    """The ascending centres of `many` classes of intensity, by k-means from equally spaced initial centres."""
    low, high = np.quantile(voxels, (0.001, 0.999))
    middles = low + (high - low) * (np.arange(many) + 0.5) / many
    for _ in range(rounds):
        kind = np.searchsorted((middles[1:] + middles[:-1]) / 2, voxels)
        counts, sums = np.bincount(kind, minlength=many), np.bincount(kind, voxels, minlength=many)
        moved = np.where(counts > 0, sums / np.maximum(counts, 1), middles)
        if np.array_equal(moved, middles):
            break
        middles = moved
    return middles.astype(np.float32)
