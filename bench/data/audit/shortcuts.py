"""Numbers of a whole scan that tell its class or target: padding, brightness, extent, grain.

A network can learn them in place of the anatomy. They are computed from the prepared scans alone, so they show what a
method could use, wherever it came from: another scanner, another size of the files, or the processing of one class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from bench.data.prepare import Prepared

MOST = 400  # scans that are read, spread evenly over the set
FEWEST = 20  # scans of a class, below which nothing is judged
SURE = 0.9  # area under the curve, or rank correlation, from which on a number is named
NAMES = ("share of background", "mean", "standard deviation", "lowest value", "highest value", "grain")


@dataclass(frozen=True)
class Shortcut:
    """A number of a whole scan that tells its target.

    Attributes
    ----------
    number : str
        What is computed of a scan.
    strength : float
        Area under the ROC curve, the larger of both directions and largest over the classes; or the absolute rank
        correlation with a number.
    """

    number: str
    strength: float


def shortcuts(prepared: Prepared) -> list[Shortcut]:
    """How well each number of a scan tells its class or number.

    Parameters
    ----------
    prepared : Prepared
        The data set.

    Returns
    -------
    list of Shortcut
        The strongest first; empty for masks, pairs and sets with few scans.
    """
    import numpy as np

    rows = np.unique(np.linspace(0, len(prepared.ids) - 1, MOST).round().astype(int))
    targets = prepared.targets[rows]
    if prepared.task.kind not in ("classification", "regression") or len(rows) < FEWEST:
        return []
    table = np.array([_numbers(np.asarray(prepared.images()[row], dtype=np.float32)) for row in rows])
    names = [
        *NAMES,
        *(f"{end} of the head along axis {axis}" for axis in range(_axes(prepared)) for end in ("start", "end")),
    ]
    of = _area if prepared.task.kind == "classification" else _rank_correlation
    found = [Shortcut(name, of(column, targets)) for name, column in zip(names, table.T, strict=True)]
    return sorted((each for each in found if each.strength == each.strength), key=lambda each: -each.strength)


def shortcut_lines(prepared: Prepared) -> list[str]:
    """The numbers that nearly decide the target, in words.

    Parameters
    ----------
    prepared : Prepared
        The data set.

    Returns
    -------
    list of str
        One sentence, or none.
    """
    sure = [each for each in shortcuts(prepared) if each.strength >= SURE]
    if not sure:
        return []
    measure = "AUC" if prepared.task.kind == "classification" else "rank correlation"
    words = ", ".join(f"{each.number} ({measure} {each.strength:.2f})" for each in sure[:4])
    return [
        f"a single number of a whole scan tells its target: {words}. A network can learn it in place of the anatomy;"
        " find out whether it comes from padding, size, scanner or processing"
    ]


def _axes(prepared: Prepared) -> int:
    return len(prepared.shape) - 1


def _numbers(image: np.ndarray) -> list[float]:
    """Those of `NAMES`, and where the head begins and ends along each spatial axis. image: (C, ...)."""
    import numpy as np

    values, counts = np.unique(image, return_counts=True)
    background = values[counts.argmax()]
    head = (image != background).any(axis=0)
    deviation = float(image.std())
    steps = float(np.abs(np.diff(image, axis=-1)).mean())
    numbers = [float(counts.max()) / image.size, float(image.mean()), deviation, float(image.min()), float(image.max())]
    numbers.append(steps / deviation if deviation else 0.0)
    for axis in range(head.ndim):
        places = np.flatnonzero(head.any(axis=tuple(other for other in range(head.ndim) if other != axis)))
        numbers += [float(places[0]), float(places[-1])] if len(places) else [-1.0, -1.0]
    return numbers


def _area(column: np.ndarray, targets: np.ndarray) -> float:
    """The largest area under the ROC curve of a class against the others, in either direction."""
    import numpy as np

    return max((_one_area(column, targets == label) for label in np.unique(targets)), default=float("nan"))


def _one_area(column: np.ndarray, ill: np.ndarray) -> float:
    from scipy.stats import rankdata

    many, rest = int(ill.sum()), int((~ill).sum())
    if min(many, rest) < FEWEST / 2:
        return 0.5
    area = (rankdata(column)[ill].sum() - many * (many + 1) / 2) / (many * rest)
    return float(max(area, 1 - area))


def _rank_correlation(column: np.ndarray, targets: np.ndarray) -> float:
    import numpy as np
    from scipy.stats import rankdata

    ranks = rankdata(column), rankdata(targets)
    if min(np.std(each) for each in ranks) == 0:
        return 0.0
    return float(abs(np.corrcoef(*ranks)[0, 1]))
