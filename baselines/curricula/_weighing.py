"""Weights of the scans of a batch from their current losses: self-paced learning, SuperLoss, data dropout."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class SelfPaced:
    """Weights of self-paced learning: 0 or nearly 0 for losses above the threshold; their mean is 1.

    hard: 1 up to the threshold. linear: 1 - loss / threshold. logistic: (1 + exp(-threshold)) / (1 + exp(loss -
    threshold)). harder: 1 from the threshold on. A NaN threshold (no losses yet) gives 1 to all.
    """

    threshold: Tensor
    kind: str = "hard"
    harder: bool = False

    def __call__(self, losses: Tensor) -> Tensor:
        return even(self.raw(losses))

    def raw(self, losses: Tensor) -> Tensor:
        """(B,) in [0, 1], by the closed forms."""
        if self.harder:
            return (~(losses < self.threshold)).float()
        if self.kind == "hard":
            return (~(losses > self.threshold)).float()
        if self.kind == "linear":
            weights = 1 - losses / self.threshold.clamp_min(1e-12)
        else:
            weights = (1 + (-self.threshold).exp()) / (1 + (losses - self.threshold).exp())
        return weights.nan_to_num(1.0).clamp(0, 1)


@dataclass(frozen=True)
class SuperLoss:
    """The confidence that minimises (loss - tau) s + lam (log s)^2; a NaN tau is replaced by the batch's mean."""

    tau: Tensor | float
    lam: float

    def __call__(self, losses: Tensor) -> Tensor:
        if isinstance(self.tau, float):
            return confidence(losses, self.tau, self.lam)
        return confidence(losses, torch.where(self.tau.isnan(), losses.mean(), self.tau), self.lam)


@dataclass(frozen=True)
class Dropped:
    """Weight 0 for scans whose true class has at least the probability `threshold`; the batch's mean weight is 1.

    ranks: a permutation of 0 to B - 1. instead: `matched`, as many scans, those of the lowest ranks; `random`, the
    share `kept` of the batch, again of the lowest ranks. A batch without a remaining scan has no gradient.
    """

    threshold: float
    ranks: np.ndarray
    kind: str = "difficulty"
    kept: float = 1.0

    def __call__(self, losses: Tensor) -> Tensor:
        hard = losses > -math.log(self.threshold)
        if self.kind == "difficulty":
            return even(hard.float())
        ranks = torch.as_tensor(np.argsort(np.argsort(self.ranks[: len(losses)]))).to(losses.device, non_blocking=True)
        count = hard.sum() if self.kind == "matched" else math.ceil(self.kept * len(losses) - 1e-9)
        return even((ranks < count).float())


def even(weights: Tensor) -> Tensor:
    """Weights (B,) with mean 1; all 0 if every weight is 0."""
    return weights / weights.mean().clamp_min(1e-8)


def confidence(losses: Tensor, tau: Tensor | float, lam: float) -> Tensor:
    """SuperLoss's s* = exp(-W(max(-2 / e, (loss - tau) / lam) / 2)), (B,): 1 at tau, at most e."""
    beta = ((losses.double() - tau) / lam).clamp_min(-2 / math.e)
    return torch.exp(-lambert_w(beta / 2)).to(losses.dtype)


def lambert_w(y: Tensor) -> Tensor:
    """The principal branch of Lambert's W, the inverse of w exp(w), for y >= -1/e: by Halley's steps from a guess."""
    root = (2 * (math.e * y + 1).clamp_min(0)).sqrt()
    near = -1 + root - root**2 / 3 + 11 / 72 * root**3  # series at the branch point
    far = y.clamp_min(math.e).log()
    w = torch.where(y < -0.2, near, torch.where(y < math.e, y.clamp_min(-0.5).log1p(), far - far.log()))
    for _ in range(6):
        grown = w.exp()
        error = w * grown - y
        slope = grown * (w + 1) - (w + 2) * error / (2 * w + 2).clamp_min(1e-6)
        w = torch.where(w > -1 + 1e-6, w - error / slope.clamp_min(1e-12), w)
    return w
