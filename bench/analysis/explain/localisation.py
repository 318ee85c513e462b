"""How well a map hits the truth of a phantom: in the plane of the image and along its depth, apart.

A saliency on a dynamic image knows rows and columns; the depth of what is carried back comes from the pooling weights
alone, whatever the network learnt. So the two are scored apart, and chance is what a constant saliency scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

TRUE = 0.5  # of the truth's highest value: from there on a place counts as true


@dataclass(frozen=True)
class LocalisationScore:
    """Scores of one map; `whole` ones are over the voxels of the head, the others in the plane, inside the head.

    Equal values of a map are taken in every order alike, so that a constant map scores what chance does. NaN where a
    score is undefined: where all places are true or none is, and depth where either profile is even.
    """

    auc: float  # the chance that a true place has more than another one, 0.5 for a constant map
    pointing: float  # 1 where the highest place is true, else 0 (Zhang et al., 2018)
    dice: float  # of the true places and as many of the highest ones; as many, so that it is their share too
    iou: float
    depth: float  # correlation of the profiles along the axis
    whole: float  # auc
    whole_pointing: float
    whole_dice: float
    whole_iou: float


SCORES = tuple(each.name for each in fields(LocalisationScore))


def area(saliency: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> float:
    """Area under the ROC curve of places inside, ties counting half; NaN where all or none of them are true."""
    from sklearn.metrics import roc_auc_score

    true = truth[inside]
    return float(roc_auc_score(true, saliency[inside])) if 0 < true.sum() < true.size else float("nan")


def pointing(saliency: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> float:
    """Whether the highest place inside is true: 1 or 0, of several that are equal the share that is; NaN as `area`."""
    values, true = saliency[inside], truth[inside]
    return float(true[values == values.max()].mean()) if 0 < true.sum() < true.size else float("nan")


def overlap(saliency: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """Dice and IoU of the true places inside with as many of the highest; equal ones by their share. NaN as `area`."""
    values, true = saliency[inside], truth[inside]
    count = int(true.sum())
    if not 0 < count < true.size:
        return float("nan"), float("nan")
    least = np.partition(values, -count)[-count]
    above, equal = values > least, values == least
    both = true[above].sum() + (count - above.sum()) * true[equal].mean()
    return float(both / count), float(both / (2 * count - both))


def hit(
    plane: np.ndarray,
    volume: np.ndarray,
    truth: np.ndarray,
    head: np.ndarray,
    axis: int,
    seen: np.ndarray | None = None,
) -> LocalisationScore:
    """plane: saliency (rows, columns). volume: carried back, (D, H, W). truth: in [0, 1]. head: where there is any.

    seen: the voxels that the view looks at, all of them where nothing is said: a place of the plane is true where one
    of those is. Of an image (H, W, 1) there is no depth, and the whole is the plane.
    """
    true = truth >= TRUE * truth.max() if truth.max() > 0 else np.zeros(truth.shape, bool)
    shown = np.ones(truth.shape, bool) if seen is None else seen
    flat, inside = (true & shown).any(axis), (head & shown).any(axis)
    others = tuple(each for each in range(3) if each != axis)
    profiles = volume.sum(others), true.sum(others).astype(float)
    even = any(profile.std() == 0 for profile in profiles)
    return LocalisationScore(
        area(plane, flat, inside),
        pointing(plane, flat, inside),
        *overlap(plane, flat, inside),
        float("nan") if even else float(np.corrcoef(*profiles)[0, 1]),
        area(volume, true, head),
        pointing(volume, true, head),
        *overlap(volume, true, head),
    )


def head_of(image: np.ndarray) -> np.ndarray:
    """Where a scan (C, D, H, W) has more than a twentieth of its brightest (99th percentile) voxels' value."""
    highest = image.max(0).astype(float)
    return highest > 0.05 * np.percentile(highest, 99)


def interval(
    values: np.ndarray, groups: Sequence[str] | None = None, seed: int = 0, draws: int = 4000
) -> tuple[float, float, float]:
    """Mean over scans and its 95 % percentile bootstrap interval over groups, NaN left out.

    groups: (N,) who may not be torn apart; every scan its own where nothing is said.
    """
    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    if not known.any():
        return (float("nan"),) * 3
    names = np.asarray(groups if groups is not None else np.arange(len(values)))[known]
    _, owner = np.unique(names, return_inverse=True)
    sums, counts = np.bincount(owner, values[known]), np.bincount(owner)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (draws, len(sums)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    return float(values[known].mean()), *(float(each) for each in np.quantile(means, [0.025, 0.975]))
