"""Learning curves: losses and scores at every evaluation point, with what validation chose."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.evaluation.metrics import Metric
from bench.report.figures import style
from bench.report.figures.panels import beneath, named, panels
from bench.report.tables.training_curves import TrainingCurve

LOOKS = {  # colour and dashes: they differ in grey too
    "train_loss": (style.ORANGE, style.DASHES[1]),
    "val_loss": (style.BLUE, "-"),
    "val": (style.BLUE, "-"),
    "test": (style.GREY, style.DASHES[0]),
}


def learning_curves(found: Mapping[str, TrainingCurve], metric: Metric, unit: str = "") -> Figure:
    """Two panels for every arm: its losses, and its score on the validation part and, for the audit, on the test."""
    with style.paper():
        drawn, grid = panels(list(found), [1.05, 1.15], room=0.36)
        for course, (above, below) in zip(found.values(), grid, strict=True):
            losses(above, course)
            scores(below, course)
        _scale([column[0] for column in grid], found)
        named(grid, "Step", "Loss", f"{metric.title}{f' ({unit})' if unit else ''}")
        beneath(drawn, _marks(), columns=3)
    return drawn


def losses(axes: Axes, course: TrainingCurve) -> None:
    """Training and validation loss: the means over folds, and the bands from the lowest to the highest fold."""
    for name in ("train_loss", "val_loss"):
        _band(axes, course, name)


def scores(axes: Axes, course: TrainingCurve) -> None:
    """Validation score and mean test score; rings where validation chose, shaded what it chose among."""
    if len(course.candidates) > 1:
        axes.axvspan(course.candidates[0], course.candidates[-1], color=style.PALE, alpha=0.5, lw=0, zorder=0)
    axes.plot(course.steps, course.band("test")[0], color=style.GREY, lw=1.0, ls=LOOKS["test"][1], zorder=3.5)
    _band(axes, course, "val")
    mean = course.band("val")[0]
    for step in np.unique(course.chosen):
        at = np.flatnonzero(course.steps == step)
        if len(at):
            size = 2.5 + 1.5 * np.sqrt(np.sum(course.chosen == step))
            axes.plot(step, mean[at[0]], marker="o", ms=size, mfc="white", mec=style.INK, mew=0.9, ls="", zorder=4)
    axes.locator_params(nbins=4)


def _band(axes: Axes, course: TrainingCurve, name: str) -> None:
    colour, dashes = LOOKS[name]
    mean, low, high = course.band(name)
    axes.fill_between(course.steps, low, high, color=colour, alpha=0.2, lw=0, zorder=1)
    axes.plot(course.steps, mean, color=colour, lw=1.2, ls=dashes, zorder=3)


def _scale(axes: list[Axes], found: Mapping[str, TrainingCurve]) -> None:
    """A logarithmic axis where losses differ by more than a factor of thirty."""
    names = ("train_loss", "val_loss")
    values = np.concatenate([course.lines[name].ravel() for course in found.values() for name in names])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > 30 * values.min():
        axes[0].set_yscale("log")
        axes[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # no mathematics is set
        axes[0].yaxis.set_minor_formatter(NullFormatter())


def _marks() -> list:
    words = {"train_loss": "training", "val_loss": "validation", "test": "test: audit only, nothing is chosen by it"}
    return [
        *(Line2D([], [], color=LOOKS[n][0], ls=LOOKS[n][1], lw=1.2, label=text) for n, text in words.items()),
        Patch(facecolor=style.BLUE, alpha=0.2, lw=0, label="lowest to highest fold"),
        Line2D([], [], ls="", marker="o", ms=4, mfc="white", mec=style.INK, mew=0.9, label="chosen by validation"),
        Patch(facecolor=style.PALE, alpha=0.5, lw=0, label="candidates"),
    ]
