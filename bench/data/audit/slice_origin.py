"""Trace slices to the volumes that they were cut from: compare each head of the slices with each scan.

Slices are cropped to the head and resized to 64 x 64, as are the axial slices of a scan at many heights. The similarity
of a head and a scan is the mean over the head's slices of the correlation at the best height. The orientation of the
slices is estimated first. The mirrored scan is the null: it is equally smooth and similar in shape, but no real head.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.data.audit.decoding import cropped_small
from bench.data.audit.similarity import standardise

if TYPE_CHECKING:
    import numpy as np

HEIGHTS = (0.2, 0.8)  # of the inferior-superior axis: outside, slices are small and alike
PROBES = 24  # scans used to estimate the orientation and the range of heights
TURNS = tuple((across, along) for across in (1, -1) for along in (1, -1))  # -1: that axis of the scan is flipped


@dataclass(frozen=True, eq=False)
class SliceOrigin:
    """Similarity of heads and scans. A head is traced if it and a scan are each other's most similar."""

    heads: tuple[str, ...]
    likeness: np.ndarray  # (heads, scans)
    null: np.ndarray  # (heads, scans), the scans mirrored
    turned: tuple[int, int]  # left-right and posterior-anterior: -1 if the slices are flipped along it

    def best(self) -> np.ndarray:
        """(heads,): the scan most alike to each head."""
        return self.likeness.argmax(axis=1)

    def mutual(self, null: bool = False) -> np.ndarray:
        """(heads,): True if the head and its best scan are each other's most similar."""
        import numpy as np

        table = self.null if null else self.likeness
        return table.argmax(axis=0)[table.argmax(axis=1)] == np.arange(len(table))

    def summary(self, labels: Mapping[str, str], values: Sequence[str]) -> dict[str, Any]:
        """Counts without names. labels: head -> class. values: (scans,) the variable to tabulate against the class."""
        import numpy as np

        traced, best = self.mutual(), self.best()
        pairs = zip(self.heads, best.tolist(), traced.tolist(), strict=True)
        table = Counter((labels[head], values[scan]) for head, scan, mutual in pairs if mutual)
        return {
            "heads": len(self.heads),
            "scans": len(values),
            "traced": int(traced.sum()),
            "traced_mirrored": int(self.mutual(null=True).sum()),
            "likeness": float(np.median(self.likeness.max(axis=1))),
            "mirrored": float(np.median(self.null.max(axis=1))),
            "turned": list(self.turned),
            "table": [{"class": label, "scan": value, "heads": n} for (label, value), n in sorted(table.items())],
        }


def trace_slices(slices: np.ndarray, heads: Sequence[str], volumes: np.ndarray) -> SliceOrigin:
    """Compare cropped, standardised slices (N, 4096) with volumes (M, C, D, H, W) in `Scan`'s axes. heads: (N,)."""
    import numpy as np

    names = tuple(sorted(set(heads)))
    rows = np.array([names.index(head) for head in heads])
    low, high = (int(share * volumes.shape[-1]) for share in HEIGHTS)
    probes = volumes[:: max(1, len(volumes) // PROBES)]
    tried = {turn: _compared(slices, rows, probes, turn, range(low, high)) for turn in TURNS}
    turn = max(TURNS, key=lambda each: tried[each][0].max(axis=1).mean())
    used = np.sort(tried[turn][1])
    heights = range(int(np.quantile(used, 0.01)), int(np.quantile(used, 0.99)) + 1)
    likeness = _compared(slices, rows, volumes, turn, heights)[0]
    null = _compared(slices, rows, volumes, (-turn[0], turn[1]), heights)[0]
    return SliceOrigin(names, likeness, null, turn)


def _compared(
    slices: np.ndarray, rows: np.ndarray, volumes: Iterable[np.ndarray], turn: tuple[int, int], heights: range
) -> tuple[np.ndarray, np.ndarray]:
    """(heads, scans) similarity, and the height most similar to each slice in each scan."""
    import numpy as np

    counts = np.bincount(rows)
    likeness, used = [], []
    for volume in volumes:
        table = slices @ standardise(_axial(volume, turn, heights)).T  # (N, heights)
        likeness.append(np.bincount(rows, table.max(axis=1)) / counts)
        used.append(heights.start + table.argmax(axis=1))
    return np.stack(likeness, axis=1), np.concatenate(used)


def _axial(volume: np.ndarray, turn: tuple[int, int], heights: range) -> np.ndarray:
    """(heights, 4096) of a scan (C, D, H, W): rows run along posterior-anterior, columns along left-right."""
    import numpy as np

    grey = volume.mean(axis=0, dtype=np.float32)[:: turn[0], :: turn[1]]
    return np.stack([cropped_small(grey[:, :, height].T) for height in heights])
