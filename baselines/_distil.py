"""Distillation losses on logits and features: pure functions that return one number per scan, (B,).

student and teacher: float32, of the same B scans. For a loss over the whole batch, the numbers are the contributions of
its rows, and their mean is the loss. Each function names the paper of its equation.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

EPSILON = 1e-7


def soft_targets(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T^2 KL(teacher || student) of the softened predictions. logits (B, K). Hinton et al., arXiv 1503.02531."""
    return temperature**2 * _divergence((student / temperature).log_softmax(1), (teacher / temperature).log_softmax(1))


def decoupled(student: Tensor, teacher: Tensor, y: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """The two parts of KL(teacher || student): true class against all others, and among the others.

    logits (B, K), y (B,). The KL is the first plus (1 - the teacher's probability of y) times the second, which is 0
    for two classes. Zhao et al., Decoupled Knowledge Distillation, CVPR 2022.
    """
    own, others = zip(*(_apart(logits / temperature, y) for logits in (student, teacher)), strict=True)
    return _divergence(*own), _divergence(*others)


def hints(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of features, (B, F) each. FitNets, Romero et al., arXiv 1412.6550."""
    return (student - teacher).square().mean(1)


def similarity_preserving(student: Tensor, teacher: Tensor) -> Tensor:
    """||N(S S^T) - N(T T^T)||^2 / B^2, N: rows of length 1. Features (B, F), (B, G). Tung, Mori, arXiv 1907.09682."""
    grams = [F.normalize(features @ features.T, dim=1) for features in (student, teacher)]
    return (grams[0] - grams[1]).square().mean(1)


def relation_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Huber difference of the distances of every two scans, in units of their mean. Park et al., arXiv 1904.05068."""
    return F.smooth_l1_loss(_distances(student), _distances(teacher), reduction="none").mean(1)


def relation_angle(student: Tensor, teacher: Tensor) -> Tensor:
    """Huber difference of the cosines of the angles at each scan between every two. Park et al., arXiv 1904.05068."""
    return F.smooth_l1_loss(_angles(student), _angles(teacher), reduction="none").mean((1, 2))


def probabilities(student: Tensor, teacher: Tensor) -> Tensor:
    """PKT: mean of t log(t / s), t and s being (cosine + 1) / 2 of scans, rows of sum 1. arXiv 1803.10837."""
    s, t = (_chances(features) for features in (student, teacher))
    return (t * ((t + EPSILON) / (s + EPSILON)).log()).mean(1)


def _divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(teacher || student) of rows of log-probabilities, (B, K) to (B,)."""
    return F.kl_div(student, teacher, reduction="none", log_target=True).sum(1)


def _apart(logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the true class and of all others together, (B, 2), and among the others."""
    own = F.one_hot(y, logits.shape[1]).bool()
    others = logits[~own].view(len(logits), -1)  # (B, K - 1)
    two = torch.stack([logits[own], others.logsumexp(1)], 1)
    return two.log_softmax(1), others.log_softmax(1)


def _distances(features: Tensor) -> Tensor:
    """Euclidean distances of every two rows over the mean distance of two different ones, (B, B)."""
    squares = (features[:, None] - features[None, :]).square().sum(2)
    other = ~torch.eye(len(features), dtype=torch.bool, device=features.device)
    distances = squares.clamp_min(1e-12).sqrt() * other  # finite gradient for two equal scans
    return distances / (distances.sum() / other.sum().clamp_min(1)).clamp_min(1e-12)


def _angles(features: Tensor) -> Tensor:
    """[i, j, k]: the cosine of the angle at i between j and k; 0 where i is one of them."""
    sides = F.normalize(features[None, :] - features[:, None], dim=2)  # [i, j]: from i to j
    return sides @ sides.transpose(1, 2)


def _chances(features: Tensor) -> Tensor:
    rows = F.normalize(features, dim=1)
    likeness = (rows @ rows.T + 1) / 2
    return likeness / likeness.sum(1, keepdim=True)
