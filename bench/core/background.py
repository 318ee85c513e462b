"""Value of the background of an image: air is not 0 in every scan, and what is added beside a scan should be air."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

NEAR = 0.05  # share of the range of a scan within which values count as equal
MOST = 0.5  # share of the edges of which more has one value if they show the background


def background_of(values: np.ndarray) -> float:
    """The value of the background of one image (H, W) or volume (D, H, W), from its sides or its edges.

    0 if that is nearly 0 (magnitude images, pictures). If the edges do not show the background, because tissue reaches
    them: 0, or the least value of a scan that has negative ones.
    """
    import numpy as np

    edges = np.concatenate([line.ravel() for line in edges_of(values)])
    return background_value(edges, float(values.min()), float(values.max()))


def edges_of(values: Any) -> Iterator[Any]:
    """The sides of an image, or the edges of a volume: lines along one axis at the ends of all others.

    values: an array or tensor (H, W) or (D, H, W).
    """
    for axis in range(values.ndim):
        for ends in itertools.product((0, -1), repeat=values.ndim - 1):
            yield values[(*ends[:axis], slice(None), *ends[axis:])]


def background_value(edges: np.ndarray, low: float, high: float) -> float:
    """The background of an image from the values at its edges, its least and its greatest value."""
    import numpy as np

    edges = np.sort(edges[np.isfinite(edges)])
    if not len(edges) or not 0 < high - low < np.inf:
        return 0.0  # nothing to tell it from, or refused elsewhere
    middle, near = float(edges[len(edges) // 2]), NEAR * (high - low)
    if np.mean(np.abs(edges.astype(float) - middle) <= near) <= MOST:
        middle = min(low, 0.0)
    return 0.0 if abs(middle) <= near else middle
