"""Similarity graphs of a batch, and the distance between two of them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def graph(features: Tensor) -> Tensor:
    """The cosine between every two of B scans, (B, B). features: (B, F)."""
    rows = F.normalize(features.float(), dim=1)
    return rows @ rows.T


def distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of the two similarity graphs. student: (B, F), teacher: (B, G)."""
    return (graph(student) - graph(teacher)).square().mean()


def soft(logits: Tensor, temperature: float) -> Tensor:
    """Log-probabilities of the softened predictions, (B, K)."""
    return (logits.float() / temperature).log_softmax(1)


def spread(features: Tensor) -> Tensor:
    """Mean squared difference of the similarity graph from the identity, the graph of orthogonal features."""
    return (graph(features) - torch.eye(len(features), device=features.device)).square().mean()
