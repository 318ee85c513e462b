"""Two scans on top of each other, before and after a registration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.figures.panels import ACROSS, caption, for_each_arm, panel_grid
from bench.report.tables import arm_selection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.tables import SectionTables

HEIGHT = 1.5  # inches of a panel
MOST = 64  # voxels along the longer axis; of larger scans every second, third and so on is drawn
BRIGHT = 99  # percentile that is drawn as the brightest


@dataclass(frozen=True, eq=False)
class Aligned:
    """The middle axial plane of the fixed, the moving and the warped scan of one pair, (rows, columns) each."""

    fixed: np.ndarray
    moving: np.ndarray
    warped: np.ndarray


def aligned(fixed: np.ndarray, moving: np.ndarray, displacement: np.ndarray) -> Aligned:
    """The middle axial plane of two volumes (D, H, W) before and after a displacement (3, D, H, W) in voxels."""
    from scipy.ndimage import map_coordinates

    middle, step = fixed.shape[2] // 2, max(1, -(-max(fixed.shape[:2]) // MOST))
    plane = (slice(None, None, step), slice(None, None, step), middle)
    places = (np.indices(fixed.shape) + displacement)[(slice(None), *plane)]
    warped = map_coordinates(moving.astype(np.float32), places, order=1, mode="nearest")
    return Aligned(fixed[plane].astype(np.float32), moving[plane].astype(np.float32), warped)


def overlay(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Colours (rows, columns, 3) from 0 to 1: `one` in green, `other` in red and blue; grey where both are equal."""
    low, high = float(one.min()), float(np.percentile(one, BRIGHT))
    first, second = (((each - low) / ((high - low) or 1.0)).clip(0, 1) for each in (one, other))
    return np.stack([second, first, second], axis=-1)


def draw_overlays(pairs: Mapping[str, Aligned]) -> Figure:
    """A column for each arm: the fixed scan with the moving one, and below it with the warped one."""
    with style.paper_style():
        figure, columns = panel_grid(list(pairs), (HEIGHT, HEIGHT), legend_height=0.1)
        for column, pair in zip(columns, pairs.values(), strict=True):
            for axes, other in zip(column, (pair.moving, pair.warped), strict=True):
                _draw(axes, overlay(pair.fixed, other))
        for column in columns[:: min(ACROSS, len(columns))]:
            for axes, name in zip(column, ("before", "after"), strict=True):
                axes.set_ylabel(name, fontsize=7)
    return figure


def _draw(axes: Axes, colours: np.ndarray) -> None:
    edges = [np.arange(size + 1) - 0.5 for size in colours.shape[:2]]
    axes.pcolormesh(*edges, colours.swapaxes(0, 1), linewidth=0, antialiased=False)  # no image, as for deformations
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_aspect("equal")


def _pairs(tables: SectionTables) -> dict[str, Aligned]:
    def first(arm: str) -> Aligned | None:
        for run in arm_selection.one_pass(tables.section, arm):
            kept = tables.section.predictions(run)
            if "fixed" in kept and kept["fixed"].ndim == 3:
                return aligned(kept["fixed"], kept["moving"], kept["displacement"][0])
        return None

    return for_each_arm(tables, first)


FIGURE = FigureSpec(
    name="overlay",
    table="scores",
    order=64,
    alt="One pair of scans of {data} on top of each other before and after its registration, for each arm.",
    data=_pairs,
    draw=lambda tables, pairs: draw_overlays(pairs),
    caption=caption(
        "The middle axial plane of the first tested pair, the same for all arms, left to right, back to front. Above:"
        " the fixed scan with the moving one; below: with the warped one. Grey: both are equally bright; green: the"
        " fixed scan is brighter; magenta: the other one is."
    ),
)
