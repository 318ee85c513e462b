"""What cannot be generated: the measured contrasts of one scan, and the error of each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.figures.panels import SMALL, caption, for_each_arm
from bench.report.tables.modality_scores import scored_runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.tables import SectionTables

HIGHEST = 0.4  # of the scale of errors, as a share of the range of an image
SIDE = 1.2  # inches, height of a panel
MARGINS = 1.2  # inches beside the panels, for names and the bar
MOST = 4  # arms


@dataclass(frozen=True, eq=False)
class MissingMaps:
    """One scan in K contrasts, (K, rows, columns) each: as measured, and the error; the label in this plane."""

    measured: np.ndarray
    missing: np.ndarray
    label: np.ndarray
    names: tuple[str, ...]


def draw_missing(found: Mapping[str, MissingMaps]) -> Figure:
    """A column for each contrast: the measured image, and below it the error of each arm, with the label's edge."""
    first, arms = next(iter(found.values())), list(found)[:MOST]
    with style.paper_style():
        figure = style.new_figure(_width(first.measured), SIDE * (1 + len(arms)) + 0.4)
        grid = figure.subplots(1 + len(arms), len(first.names), squeeze=False)
        for axes, image, name in zip(grid[0], first.measured, first.names, strict=True):
            _show(axes, image, "gray", (float(image.min()), float(image.max())), first.label)
            axes.set_title(name, fontsize=7.5, pad=3)
        grid[0][0].set_ylabel("measured", fontsize=SMALL)
        for row, arm in zip(grid[1:], arms, strict=True):
            for axes, image in zip(row, found[arm].missing, strict=True):
                drawn = _show(axes, image, "magma", (0.0, HIGHEST), found[arm].label)
            row[0].set_ylabel(style.wrap_label(arm, 16), fontsize=SMALL)
        bar = figure.colorbar(drawn, ax=list(grid.flat), shrink=0.7, pad=0.02, aspect=24, extend="max")
        bar.solids.set_rasterized(False)
        bar.set_label("error", fontsize=7)
        bar.ax.tick_params(labelsize=SMALL)
    return figure


def _width(images: np.ndarray) -> float:
    """Inches across the panels of images (K, rows, columns), without wide gaps between them."""
    across, along = images.shape[1:]
    return min(style.WIDTH, len(images) * SIDE * (across / along + 0.1) + MARGINS)


def _show(axes: Axes, image: np.ndarray, colours: str, limits: tuple[float, float], label: np.ndarray):
    edges = [np.arange(size + 1) - 0.5 for size in image.shape]
    looks = {"cmap": colours, "vmin": limits[0], "vmax": limits[1], "linewidth": 0, "antialiased": False}
    drawn = axes.pcolormesh(*edges, image.T, **looks)  # no image: its text in an SVG would look like a path
    if label.any() and not label.all():
        axes.contour(label.T, levels=[0.5], colors="white", linewidths=0.6)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return drawn


def _maps(tables: SectionTables) -> dict[str, MissingMaps]:
    names = tables.section.task.classes

    def of_arm(arm: str) -> MissingMaps | None:
        for run in scored_runs(tables.section, arm):
            kept = tables.section.predictions(run)
            label = kept["label"]
            if label.ndim == 2:
                return MissingMaps(kept["measured"], kept["missing"], label, names)
            level = int(label.sum(axis=(0, 1)).argmax()) if label.any() else label.shape[2] // 2
            return MissingMaps(kept["measured"][..., level], kept["missing"][..., level], label[..., level], names)
        return None

    return for_each_arm(tables, of_arm)


FIGURE = FigureSpec(
    name="missing",
    table="scores",
    order=67,
    alt="The measured contrasts of one scan of {data}, and the error of what was generated, by arm.",
    data=_maps,
    draw=lambda tables, found: draw_missing(found),
    caption=caption(
        "The axial plane with most of the label (white edge) of the first tested scan, or the middle one, left to"
        f" right, back to front, for at most {MOST} arms. Above: as measured. Below: the mean over sources of the"
        " absolute error of the generated image, as a share of the range of the measured one."
    ),
)
