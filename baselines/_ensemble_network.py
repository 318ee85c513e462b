"""The network of an ensemble."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Members(nn.Module):
    """(B, C, ...) to (B, outputs, ...): the log of the members' mean probabilities, or the mean of their numbers."""

    def __init__(self, members: Sequence[nn.Module], numbers: bool) -> None:
        super().__init__()
        self.members, self.numbers = nn.ModuleList(members), numbers

    def forward(self, x: Tensor) -> Tensor:
        outputs = torch.stack([member(x).float() for member in self.members])
        if self.numbers:
            return outputs.mean(0)
        return outputs.log_softmax(2).logsumexp(0) - math.log(len(self.members))
