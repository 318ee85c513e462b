"""How well a saliency map locates the true region of a phantom, in the plane of the image and along its depth.

A saliency map of a dynamic image has rows and columns; its depth, once projected back to the volume, comes from the
pooling weights alone and not from what the network learnt. So plane and depth have scores of their own, and chance is
the score of a constant map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

TRUE_SHARE = 0.5  # of the highest value of the truth: a voxel with at least this share counts as true


@dataclass(frozen=True)
class LocalisationScore:
    """Scores of one map, all in [0, 1] but `depth`: `whole` ones over the voxels of the head, the others in the plane.

    Ties in a map count as an average over their orders, so that a constant map scores chance. NaN if a score is
    undefined: all positions are true or none is, or, for the depth, one of the profiles is constant.
    """

    auc: float  # probability that a true position has a higher value than another one; 0.5 for a constant map
    pointing: float  # 1 if the highest position is true, else 0 (Zhang et al., 2018)
    dice: float  # overlap of the true positions with as many of the highest ones
    iou: float
    depth: float  # correlation of the profiles of map and truth along the axis, in [-1, 1]
    whole: float  # auc
    whole_pointing: float
    whole_dice: float
    whole_iou: float


SCORES = tuple(each.name for each in fields(LocalisationScore))


def map_auc(saliency: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> float:
    """Area under the ROC curve of a map as a detector of the truth; ties count half.

    saliency: values; truth, inside: bool; all of one shape. Only positions `inside` count. NaN if all or none of them
    are true.
    """
    from sklearn.metrics import roc_auc_score

    true = truth[inside]
    return float(roc_auc_score(true, saliency[inside])) if 0 < true.sum() < true.size else float("nan")


def pointing_score(saliency: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> float:
    """1 if the highest position inside is true, else 0; with several highest positions, the share of true ones.

    Arguments and NaN as for `map_auc`. Source: the pointing game of Zhang et al., IJCV 2018.
    """
    values, true = saliency[inside], truth[inside]
    return float(true[values == values.max()].mean()) if 0 < true.sum() < true.size else float("nan")


def dice_and_iou(saliency: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """Dice and IoU of the true positions inside with as many of the highest positions of the map.

    Of positions with equal values at the threshold each counts by its share. Arguments and NaN as for `map_auc`.
    """
    values, true = saliency[inside], truth[inside]
    count = int(true.sum())
    if not 0 < count < true.size:
        return float("nan"), float("nan")
    least = np.partition(values, -count)[-count]
    above, equal = values > least, values == least
    both = true[above].sum() + (count - above.sum()) * true[equal].mean()
    return float(both / count), float(both / (2 * count - both))


def score_map(
    plane: np.ndarray,
    volume: np.ndarray,
    truth: np.ndarray,
    head: np.ndarray,
    axis: int,
    visible: np.ndarray | None = None,
) -> LocalisationScore:
    """All scores of one map.

    plane: (rows, columns), the map on the image. volume: (D, H, W), the map projected back; (H, W, 1) of an image,
    which has no depth. truth: (D, H, W) in [0, 1]. head: (D, H, W), bool, the voxels that count. axis: of the volume,
    the one that the plane lacks. visible: (D, H, W), bool, the voxels that the view reads, default all: a position of
    the plane is true if one of these voxels is.
    """
    true = truth >= TRUE_SHARE * truth.max() if truth.max() > 0 else np.zeros(truth.shape, bool)
    visible = np.ones(truth.shape, bool) if visible is None else visible
    flat, inside = (true & visible).any(axis), (head & visible).any(axis)
    others = tuple(each for each in range(3) if each != axis)
    profiles = volume.sum(others), true.sum(others).astype(float)
    constant = any(profile.std() == 0 for profile in profiles)
    return LocalisationScore(
        map_auc(plane, flat, inside),
        pointing_score(plane, flat, inside),
        *dice_and_iou(plane, flat, inside),
        float("nan") if constant else float(np.corrcoef(*profiles)[0, 1]),
        map_auc(volume, true, head),
        pointing_score(volume, true, head),
        *dice_and_iou(volume, true, head),
    )


def head_mask(image: np.ndarray) -> np.ndarray:
    """(D, H, W), bool: voxels above 5 % of the scan's 99th percentile. image: (C, D, H, W)."""
    highest = image.max(0).astype(float)
    return highest > 0.05 * np.percentile(highest, 99)


def bootstrap_interval(
    values: np.ndarray, groups: Sequence[str] | None = None, seed: int = 0, draws: int = 4000
) -> tuple[float, float, float]:
    """(mean, low, high): the mean over scans with its 95 % percentile bootstrap interval over groups.

    values: (N,), NaN are left out; without any finite value all three are NaN. groups: (N,) names of the groups that
    are resampled together, usually people; default: every scan is a group of its own. draws: bootstrap samples.
    """
    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    if not known.any():
        return (float("nan"),) * 3
    names = np.asarray(groups if groups is not None else np.arange(len(values)))[known]
    _, group_index = np.unique(names, return_inverse=True)
    sums, counts = np.bincount(group_index, values[known]), np.bincount(group_index)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (draws, len(sums)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    return float(values[known].mean()), *(float(each) for each in np.quantile(means, [0.025, 0.975]))
