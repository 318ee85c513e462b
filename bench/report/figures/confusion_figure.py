"""Confusion matrices: of the scans of each true class, how many are predicted as which class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.figures.panels import SMALL, caption, label_axes, panel_grid, predictions_of_arms

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.tables import SectionTables

SIZE = 1.35  # inches
LABEL = 12  # letters of a class in a line


def draw_confusion(counts: Mapping[str, np.ndarray], classes: Sequence[str]) -> Figure:
    """A panel for every arm. counts: arm -> (K, K), a row for each true class, a column for each predicted one."""
    with style.paper_style():
        figure, grid = panel_grid(list(counts), [SIZE], legend_height=0.0)
        for number, (matrix, (axes,)) in enumerate(zip(counts.values(), grid, strict=True)):
            draw_matrix(axes, matrix, classes, first=number % 4 == 0)
        label_axes(grid, "Called", "True class")
    return figure


def draw_matrix(axes: Axes, counts: np.ndarray, classes: Sequence[str], first: bool = True) -> None:
    """Shares of each row as shades, shares and counts as words; a row without scans stays empty.

    first: whether the classes are named at the left. Many classes: the shares alone, then the shades alone.
    """
    import seaborn as sns

    counts = np.asarray(counts)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    words = np.array(
        [[_words(s, n, len(classes)) for s, n in zip(*row, strict=True)] for row in zip(shares, counts, strict=True)]
    )
    sns.heatmap(
        shares, annot=words, fmt="", cmap="Blues", vmin=0, vmax=1, cbar=False, square=True, linewidths=0.5,
        linecolor="white", ax=axes, annot_kws={"fontsize": SMALL}, xticklabels=False, yticklabels=False,
    )  # fmt: skip
    labels = [style.wrap_label(name, LABEL) for name in classes]
    ticks = np.arange(len(classes)) + 0.5
    turned = max(len(part) for label in labels for part in label.split("\n")) > 20 / len(labels)
    axes.set_xticks(ticks, labels, fontsize=SMALL, rotation=90 if turned else 0)
    axes.set_yticks(ticks, labels if first else [""] * len(labels), fontsize=SMALL, rotation=0)
    axes.tick_params(length=0, labelbottom=True, labelleft=first)
    style.hide_spines(axes, "left", "bottom")


def _words(share: float, count: int, classes: int) -> str:
    if np.isnan(share) or classes > 6:
        return ""
    return f"{100 * share:.0f} %\n{count}" if classes <= 3 else f"{100 * share:.0f}"


def _counts(tables: SectionTables) -> dict[str, np.ndarray] | None:
    from sklearn.metrics import confusion_matrix

    task = tables.section.task
    if task.kind != "classification":
        return None
    classes = range(len(task.classes))
    arms = predictions_of_arms(tables).items()
    return {arm: confusion_matrix(each.y, each.predictions.argmax(1), labels=classes) for arm, each in arms}


FIGURE = FigureSpec(
    name="confusion",
    table="scores",
    order=40,
    alt="Confusion matrices of the arms on {data}: shares and counts of the scans.",
    data=_counts,
    draw=lambda tables, counts: draw_confusion(counts, tables.section.task.classes),
    caption=caption("Share of the scans of each true class, and their number, summed over the folds.", one_pass=True),
)
