"""Learning curves: losses and scores at every evaluation point, with what validation chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.metrics import Metric
from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.figures.panels import BAND, caption, for_each_arm, label_axes, legend_below, panel_grid
from bench.report.tables.training_curves import TrainingCurve, course

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.tables import SectionTables

LOOKS = {  # colour and dashes: they differ in grey too
    "train_loss": (style.ORANGE, style.DASHES[1]),
    "val_loss": (style.BLUE, "-"),
    "train": (style.ORANGE, style.DASHES[1]),
    "val": (style.BLUE, "-"),
    "test": (style.GREY, style.DASHES[0]),
}


def draw_training_curves(curves: Mapping[str, TrainingCurve], metric: Metric, unit: str = "") -> Figure:
    """Two panels for every arm: its losses, and its score on the training and the validation part."""
    with style.paper_style():
        figure, grid = panel_grid(list(curves), [1.05, 1.15], legend_height=0.36)
        for curve, (above, below) in zip(curves.values(), grid, strict=True):
            _draw_losses(above, curve)
            _draw_scores(below, curve)
        _set_scale([column[0] for column in grid], curves, ("train_loss", "val_loss"))
        _set_scale([column[1] for column in grid], curves, ("val",))  # an error may begin a hundred times as large
        label_axes(grid, "Step", "Loss", style.axis_label(metric.title, unit))
        legend_below(figure, _legend_entries(any(map(_some_barred, curves.values()))), columns=3)
    return figure


def _some_barred(curve: TrainingCurve) -> bool:
    """Whether validation chose among some of the points only, as by protocol 1."""
    return 1 < len(curve.candidates) < len(curve.steps)


def _draw_losses(axes: Axes, curve: TrainingCurve) -> None:
    """Training and validation loss: the means over folds, and the bands from the lowest to the highest fold."""
    for name in ("train_loss", "val_loss"):
        draw_band(axes, curve, name)


def _draw_scores(axes: Axes, curve: TrainingCurve) -> None:
    """Training and validation score; rings at the points that validation chose.

    The candidates are shaded where some points are none.
    """
    if _some_barred(curve):
        axes.axvspan(curve.candidates[0], curve.candidates[-1], color=style.PALE, alpha=0.5, lw=0, zorder=0)
    if "train" in curve.lines:
        colour, dashes = LOOKS["train"]
        axes.plot(curve.steps, curve.band("train")[0], color=colour, lw=1.0, ls=dashes, zorder=3)
    draw_band(axes, curve, "val")
    ring_chosen(axes, curve)
    axes.locator_params(nbins=4)


def ring_chosen(axes: Axes, curve: TrainingCurve) -> None:
    """Rings on the validation score at the points that validation chose, larger where more runs chose it."""
    mean = curve.band("val")[0]
    for step in np.unique(curve.chosen):
        at = np.flatnonzero(curve.steps == step)
        if len(at):
            size = 2.5 + 1.5 * np.sqrt(np.sum(curve.chosen == step))
            axes.plot(step, mean[at[0]], marker="o", ms=size, mfc="white", mec=style.INK, mew=0.9, ls="", zorder=4)


def draw_band(axes: Axes, curve: TrainingCurve, name: str) -> None:
    """The mean over folds of a number at every step, and the band from the lowest to the highest fold."""
    colour, dashes = LOOKS[name]
    mean, low, high = curve.band(name)
    axes.fill_between(curve.steps, low, high, color=colour, alpha=0.2, lw=0, zorder=1)
    axes.plot(curve.steps, mean, color=colour, lw=1.2, ls=dashes, zorder=3)


def _set_scale(axes: Sequence[Axes], curves: Mapping[str, TrainingCurve], names: Sequence[str]) -> None:
    """A logarithmic axis where the numbers are all above 0 and differ by more than a factor of thirty."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    values = np.concatenate([curve.lines[name].ravel() for curve in curves.values() for name in names])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > 30 * values.min():
        axes[0].set_yscale("log")
        axes[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # plain numbers: no mathematics
        axes[0].yaxis.set_minor_formatter(NullFormatter())


def _legend_entries(some_barred: bool) -> list[Artist]:
    words = {"train_loss": "training", "val_loss": "validation"}
    return [
        *(style.line_entry(text, color=LOOKS[name][0], ls=LOOKS[name][1], lw=1.2) for name, text in words.items()),
        style.patch_entry("lowest to highest fold", facecolor=style.BLUE, alpha=0.2),
        style.line_entry("chosen by validation", ls="", marker="o", ms=4, mfc="white", mec=style.INK, mew=0.9),
        *([style.patch_entry("candidates", facecolor=style.PALE, alpha=0.5)] if some_barred else []),
    ]


def _draw(tables: SectionTables, curves: Mapping[str, TrainingCurve]) -> Figure:
    section = tables.section
    return draw_training_curves(curves, section.metric, section.unit(section.metric))


FIGURE = FigureSpec(
    name="learning",
    table="",
    order=110,
    alt="Losses and scores on {data} at every evaluation point of the training.",
    data=lambda tables: for_each_arm(tables, lambda arm: course(tables.section, arm)),
    draw=_draw,
    caption=caption(
        f"{BAND} The training score is that of as many training scans as validation has, without augmentation. Rings: "
        "the points that validation chose, larger where more runs chose it."
    ),
)
