"""The labels of scans that are mixtures of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Mixture:
    """The second class of mixed scans; `Batch.y` has the first.

    Attributes
    ----------
    y : Tensor of shape (B,)
        Class indices of the second scan.
    share : Tensor of shape (B,)
        Share of the first scan, and of its class, from 0.5 to 1; 1: the scan is not mixed.
    """

    y: Tensor
    share: Tensor
