"""How well a map hits the truth of a phantom: in the plane of the image and along its depth, apart.

A saliency on a dynamic image knows rows and columns; the depth of what is carried back comes from the pooling weights
alone, whatever the network learnt. So the two are scored apart, and chance is what a constant saliency scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TRUE = 0.5  # of the truth's highest value: from there on a place counts as true


@dataclass(frozen=True)
class Hit:
    """Scores of one map. auc: the chance that a true place has more than another one, 0.5 for a constant map."""

    auc: float  # in the plane, inside the head
    pointing: float  # 1 where the highest place of the plane is true, else 0
    depth: float  # correlation of the profiles along the axis; NaN where either is even
    whole: float  # auc over the voxels of the head


def area(saliency: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> float:
    """Area under the ROC curve of places inside, ties counting half; NaN where all or none of them are true."""
    from sklearn.metrics import roc_auc_score

    true = truth[inside]
    return float(roc_auc_score(true, saliency[inside])) if 0 < true.sum() < true.size else float("nan")


def hit(plane: np.ndarray, volume: np.ndarray, truth: np.ndarray, head: np.ndarray, axis: int) -> Hit:
    """plane: saliency (rows, columns). volume: carried back, (D, H, W). truth: in [0, 1]. head: where there is any."""
    true = truth >= TRUE * truth.max() if truth.max() > 0 else np.zeros(truth.shape, bool)
    flat, inside = true.any(axis), head.any(axis)
    highest = np.unravel_index(np.where(inside, plane, -np.inf).argmax(), plane.shape)
    others = tuple(each for each in range(3) if each != axis)
    profiles = volume.sum(others), true.sum(others).astype(float)
    even = any(profile.std() == 0 for profile in profiles)
    depth = float("nan") if even else float(np.corrcoef(*profiles)[0, 1])
    return Hit(area(plane, flat, inside), float(flat[highest]), depth, area(volume, true, head))


def head_of(image: np.ndarray) -> np.ndarray:
    """Where a scan (C, D, H, W) has more than a twentieth of its brightest (99th percentile) voxels' value."""
    highest = image.max(0).astype(float)
    return highest > 0.05 * np.percentile(highest, 99)


def interval(values: np.ndarray, seed: int = 0, draws: int = 4000) -> tuple[float, float, float]:
    """Mean and its 95 % percentile bootstrap interval over scans (one a group), NaN left out."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return (float("nan"),) * 3
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (draws, len(values)))].mean(1)
    return float(values.mean()), *(float(each) for each in np.quantile(means, [0.025, 0.975]))
