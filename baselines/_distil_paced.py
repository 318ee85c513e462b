"""Paced-curriculum distillation of masks: confident voxels far from borders come first.

Islam et al., Paced-Curriculum Distillation with Prediction and Label Uncertainty, IJCARS 2023, arXiv 2302.01049; soft
labels after Islam, Glocker, Spatially Varying Label Smoothing, IPMI 2021, arXiv 2104.05788. Implemented from the
papers.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BINS = 1000  # of the histogram of confidences


class Confidences(nn.Module):
    """Histogram of the teacher's confidence in the true class, over the voxels of all batches so far.

    After the first epoch it covers the training part; a scan counts once per batch that contains it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(BINS, dtype=torch.int64))

    def meet(self, sure: Tensor) -> None:
        """Count the confidences of a batch, of any shape, in [0, 1]."""
        places = (sure.detach().flatten() * BINS).long().clamp(0, BINS - 1)
        self.counts += torch.bincount(places, minlength=BINS)

    def threshold(self, share: float) -> Tensor:
        """The lowest bin edge with at most `share` of the counted voxels above it; always below 1."""
        above = self.counts.flip(0).cumsum(0).flip(0).double() / self.counts.sum().clamp_min(1)
        return (above > share).sum().clamp_max(BINS - 1) / BINS


def pace(start: Tensor | float, progress: float, end: float) -> Tensor | float:
    """The threshold at `progress` of training: falls linearly from `start` to 0 at `end`."""
    return start * max(0.0, 1 - progress / end)


def confidence(teacher: Tensor, y: Tensor, calibration: float) -> Tensor:
    """The calibrated probability of the true class, (B, ...). teacher: logits (B, K, ...), y: (B, ...)."""
    return (teacher / calibration).softmax(1).gather(1, y[:, None]).squeeze(1)


def spread_labels(y: Tensor, classes: int) -> Tensor:
    """SVLS: (B, rows, columns) or (B, D, H, W) to (B, K, ...), half of the mass from a voxel's neighbours."""
    axes = y.ndim - 1
    hot = F.one_hot(y, classes).movedim(-1, 1).flatten(0, 1)[:, None].float()  # (B K, 1, ...)
    padded = F.pad(hot, (1, 1) * axes, mode="replicate")
    convolve = F.conv2d if axes == 2 else F.conv3d
    return convolve(padded, kernel(axes).to(y.device)[None, None]).view(len(y), classes, *y.shape[1:])


@lru_cache(2)
def kernel(axes: int) -> Tensor:
    """(3, 3) or (3, 3, 3): a Gaussian of deviation 1; its centre equals the sum of all neighbours, its sum is 1."""
    line = torch.tensor([math.exp(-0.5), 1.0, math.exp(-0.5)], dtype=torch.float64)
    whole = line[:, None] * line if axes == 2 else line[:, None, None] * line[:, None] * line
    centre = (1,) * axes
    whole[centre] = 0
    whole[centre] = whole.sum()
    return (whole / whole.sum()).float()


def weights(sure: Tensor, y: Tensor, classes: int, threshold: Tensor | float, by: str = "both") -> Tensor:
    """1 where the teacher's confidence and the smoothed label both reach the threshold, else 0: (B, ...).

    by: `both`; `teacher` or `labels`, one of the two; `random`, as many voxels of each scan as by both, at random (on
    average); `all`, 1 everywhere.
    """
    if by == "all":
        return torch.ones_like(sure)
    chosen = torch.ones_like(sure, dtype=torch.bool)
    if by != "labels":
        chosen &= sure >= threshold
    if by != "teacher":
        chosen &= spread_labels(y, classes).amax(1) >= threshold
    if by == "random":
        share = chosen.flatten(1).float().mean(1).reshape(-1, *[1] * (y.ndim - 1))
        chosen = torch.rand(y.shape).to(share.device) < share  # drawn on the CPU: the same on every device
    return chosen.float()


def voxel_losses(student: Tensor, teacher: Tensor, y: Tensor, temperature: float) -> Tensor:
    """T^2 times the mean over the classes of KL(teacher || student), plus cross-entropy: (B, K, ...) to (B, ...)."""
    soft = [(logits / temperature).log_softmax(1) for logits in (student, teacher)]
    kl = F.kl_div(*soft, reduction="none", log_target=True).mean(1)
    return temperature**2 * kl + F.cross_entropy(student, y, reduction="none")


def paced(losses: Tensor, weights: Tensor) -> Tensor:
    """The mean over the voxels of the weights times the losses of each scan: (B, ...) each, to (B,)."""
    if losses.shape != weights.shape:
        raise ValueError(f"weights of {tuple(weights.shape)} for losses of {tuple(losses.shape)}")
    return (losses * weights).flatten(1).mean(1)
