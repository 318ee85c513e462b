"""What a registration does to one pair: the deformed grid, and by how much each place grows or shrinks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.registration import SMALLEST, jacobian_determinants
from bench.report.figure_catalog import FigureSpec
from bench.report.figures import style
from bench.report.figures.panels import caption, for_each_arm, panel_grid
from bench.report.tables import arm_selection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.tables import SectionTables

LINES = 24  # of the grid along the longer axis, at most
REACH = np.log(2.0)  # of the scale of colours: half the volume to twice the volume
HEIGHT = 1.5  # inches of a panel


def draw_deformations(fields: Mapping[str, np.ndarray]) -> Figure:
    """A column for each arm: the middle axial plane of its deformation, and the logarithm of its Jacobian determinant.

    fields: arm -> displacement (3, D, H, W) in voxels. Folded voxels are black.
    """
    with style.paper_style():
        figure, columns = panel_grid(list(fields), (HEIGHT, HEIGHT), legend_height=0.1)
        drawn = [_draw(column, field) for column, field in zip(columns, fields.values(), strict=True)][-1]
        bar = figure.colorbar(
            drawn, ax=[column[1] for column in columns], shrink=0.8, pad=0.02, aspect=14, extend="both"
        )
        bar.solids.set_rasterized(False)  # nor may the bar be an image, see `_draw`
        bar.set_label("log Jacobian", fontsize=7)
        bar.ax.tick_params(labelsize=6.5)
    return figure


def _draw(column: list[Axes], field: np.ndarray):
    import matplotlib

    middle = field.shape[3] // 2
    places = (np.indices(field.shape[1:]) + field)[:2, :, :, middle]
    step = max(1, -(-max(places.shape[1:]) // LINES))
    last, end = ((size - 1) // step * step + 1 for size in places.shape[1:])
    places = places[:, :last, :end]  # to the last line that is drawn: none hangs over it
    for lines in (places[:, ::step], places.swapaxes(1, 2)[:, ::step]):
        for x, y in zip(*lines, strict=True):
            column[0].plot(x, y, color=style.BLUE, lw=0.5)
    change = jacobian_determinants(field)[:, :, middle - 1]
    shown = np.ma.masked_where(change <= 0, np.log(change.clip(SMALLEST)))
    colours = matplotlib.colormaps["RdBu_r"].with_extremes(bad="black")
    edges = [np.arange(size + 1) + 0.5 for size in change.shape]
    looks = {"cmap": colours, "vmin": -REACH, "vmax": REACH, "linewidth": 0, "antialiased": False}
    drawn = column[1].pcolormesh(*edges, shown.T, **looks)  # no image: its text in an SVG would look like a path
    for axes in column:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.set_aspect("equal")
    return drawn


def _fields(tables: SectionTables) -> dict[str, np.ndarray]:
    def first(arm: str) -> np.ndarray | None:
        for run in arm_selection.one_pass(tables.section, arm):
            if len(kept := tables.section.predictions(run).get("displacement", ())):
                return kept[0] if kept[0].ndim == 4 else None
        return None

    return for_each_arm(tables, first)


FIGURE = FigureSpec(
    name="deformation",
    table="scores",
    order=65,
    alt="The deformed grid and the logarithm of the Jacobian determinant of one pair of {data}, for each arm.",
    data=_fields,
    draw=lambda tables, fields: draw_deformations(fields),
    caption=caption(
        "The middle axial plane of the first tested pair, the same for all arms, left to right, back to front. Above:"
        " where the grid of the fixed scan lies in the moving scan. Below: red grows, blue shrinks, black folds."
    ),
)
