"""ROC and precision-recall curves: a panel for every arm, with the reference behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.report.figures import style
from bench.report.figures.panels import for_each_arm, label_axes, legend_below, panel_grid
from bench.report.tables.number_format import plural

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.tables import SectionTables
    from bench.report.tables.roc_curves import Band

SIZE = 1.45  # inches
AXES = {
    "roc": ("False positive rate", "True positive rate", "AUC"),
    "precision_recall": ("Recall", "Precision", "AP"),
}


def bands_of_arms(tables: SectionTables, kind: str) -> dict[str, Band] | None:
    """arm -> its mean curve with the band over folds. kind: roc or precision_recall. None: the task has no classes."""
    from bench.report.tables.roc_curves import bands

    if tables.section.task.kind != "classification":
        return None
    return for_each_arm(tables, lambda arm: bands(tables.section, arm, kind))


def draw_curves(bands: Mapping[str, Band], kind: str, reference: str = "") -> Figure:
    """A panel for every arm. kind: roc or precision_recall. reference: the arm whose curve is behind all others."""
    x, y, area = AXES[kind]
    behind = bands.get(reference)
    with style.paper_style():
        words = [f"{area} {band.area:.3f}, {plural(band.folds, 'fold')}" for band in bands.values()]
        figure, grid = panel_grid(list(bands), [SIZE], words)
        for (arm, band), (axes,) in zip(bands.items(), grid, strict=True):
            if behind is not None and arm != reference:
                _draw_mean(axes, behind, kind, color=style.GREY, lw=0.8, ls=style.DASHES[1], zorder=2)
            _draw_panel(axes, band, kind)
        label_axes(grid, x, y)
        name = style.wrap_label(reference, 30) if behind is not None and len(bands) > 1 else ""
        legend_below(figure, _legend_entries(name))
    return figure


def _draw_panel(axes: Axes, band: Band, kind: str) -> None:
    """The mean of the folds' curves, the band from the lowest to the highest fold, and chance."""
    step = None if kind == "roc" else "pre"
    axes.fill_between(band.x, band.low, band.high, step=step, color=style.BLUE, alpha=0.25, lw=0, zorder=1)
    _draw_mean(axes, band, kind, color=style.BLUE, lw=1.3, zorder=3)
    chance = ([0, 1], [0, 1]) if kind == "roc" else ([0, 1], [band.chance] * 2)
    axes.plot(*chance, color=style.PALE, lw=2, zorder=0)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))


def _draw_mean(axes: Axes, band: Band, kind: str, **look: Any) -> None:
    axes.plot(band.x, band.mean, drawstyle="default" if kind == "roc" else "steps-pre", **look)


def _legend_entries(reference: str) -> list[Artist]:
    entries = [
        style.line_entry("mean of the folds", color=style.BLUE, lw=1.3),
        style.patch_entry("lowest to highest fold", facecolor=style.BLUE, alpha=0.25),
        style.line_entry("chance", color=style.PALE, lw=2),
    ]
    if reference:
        entries.append(style.line_entry(f"reference: {reference}", color=style.GREY, lw=0.8, ls=style.DASHES[1]))
    return entries
