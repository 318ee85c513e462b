"""Confusion matrices: of the scans of each true class, how many are called what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.figures import style
from bench.report.figures.panels import SMALL, named, panels

SIZE = 1.35  # inches
LABEL = 12  # letters of a class in a line


def confusion(found: Mapping[str, np.ndarray], classes: Sequence[str]) -> Figure:
    """A panel for every arm. found: arm -> (K, K) counts, a row for each true class."""
    with style.paper():
        drawn, grid = panels(list(found), [SIZE], room=0.0)
        for number, (counts, (axes,)) in enumerate(zip(found.values(), grid, strict=True)):
            matrix(axes, counts, classes, first=number % 4 == 0)
        named(grid, "Called", "True class")
    return drawn


def matrix(axes: Axes, counts: np.ndarray, classes: Sequence[str], first: bool = True) -> None:
    """Shares of each row as shades, shares and counts as words; a row without scans stays empty.

    first: whether the classes are named at the left. Many classes: the shares alone, then the shades alone.
    """
    counts = np.asarray(counts)
    whole = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, whole, out=np.full(counts.shape, np.nan), where=whole > 0)
    words = np.array(
        [[_words(s, n, len(classes)) for s, n in zip(*row, strict=True)] for row in zip(shares, counts, strict=True)]
    )
    sns.heatmap(
        shares, annot=words, fmt="", cmap="Blues", vmin=0, vmax=1, cbar=False, square=True, linewidths=0.5,
        linecolor="white", ax=axes, annot_kws={"fontsize": SMALL}, xticklabels=False, yticklabels=False,
    )  # fmt: skip
    labels = [style.wrapped(name, LABEL) for name in classes]
    places = np.arange(len(classes)) + 0.5
    turned = max(len(part) for label in labels for part in label.split("\n")) > 20 / len(labels)
    axes.set_xticks(places, labels, fontsize=SMALL, rotation=90 if turned else 0)
    axes.set_yticks(places, labels if first else [""] * len(labels), fontsize=SMALL, rotation=0)
    axes.tick_params(length=0, labelbottom=True, labelleft=first)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _words(share: float, count: int, classes: int) -> str:
    if np.isnan(share) or classes > 6:
        return ""
    return f"{100 * share:.0f} %\n{count}" if classes <= 3 else f"{100 * share:.0f}"
