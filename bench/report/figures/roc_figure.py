"""ROC and precision-recall curves: a panel for every arm, with the reference behind it."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bench.report.figures import style
from bench.report.figures.panels import beneath, named, panels
from bench.report.tables.number_format import plural
from bench.report.tables.roc_curves import Band

SIZE = 1.45  # inches
AXES = {
    "roc": ("False positive rate", "True positive rate", "AUC"),
    "precision_recall": ("Recall", "Precision", "AP"),
}


def ranking(found: Mapping[str, Band], kind: str, reference: str = "") -> Figure:
    """A panel for every arm. kind: roc or precision_recall. reference: the arm that is drawn behind all others."""
    x, y, area = AXES[kind]
    behind = found.get(reference)
    with style.paper():
        words = [f"{area} {band.area:.3f}, {plural(band.folds, 'fold')}" for band in found.values()]
        drawn, grid = panels(list(found), [SIZE], words)
        for (arm, band), (axes,) in zip(found.items(), grid, strict=True):
            if behind is not None and arm != reference:
                line(axes, behind, kind, color=style.GREY, lw=0.8, ls=style.DASHES[1], zorder=2)
            curve(axes, band, kind)
        named(grid, x, y)
        beneath(drawn, _marks(kind, style.wrapped(reference, 30) if behind is not None and len(found) > 1 else ""))
    return drawn


def curve(axes: Axes, band: Band, kind: str) -> None:
    """The mean of the folds' curves, the band from their lowest to their highest, and chance."""
    step = None if kind == "roc" else "pre"
    axes.fill_between(band.x, band.low, band.high, step=step, color=style.BLUE, alpha=0.25, lw=0, zorder=1)
    line(axes, band, kind, color=style.BLUE, lw=1.3, zorder=3)
    chance = ([0, 1], [0, 1]) if kind == "roc" else ([0, 1], [band.chance] * 2)
    axes.plot(*chance, color=style.PALE, lw=2, zorder=0)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))


def line(axes: Axes, band: Band, kind: str, **look) -> None:
    """The mean curve alone."""
    axes.plot(band.x, band.mean, drawstyle="default" if kind == "roc" else "steps-pre", **look)


def _marks(kind: str, reference: str) -> list:
    marks = [
        Line2D([], [], color=style.BLUE, lw=1.3, label="mean of the folds"),
        Patch(facecolor=style.BLUE, alpha=0.25, lw=0, label="lowest to highest fold"),
        Line2D([], [], color=style.PALE, lw=2, label="chance"),
    ]
    if reference:
        marks.append(Line2D([], [], color=style.GREY, lw=0.8, ls=style.DASHES[1], label=f"reference: {reference}"))
    return marks
