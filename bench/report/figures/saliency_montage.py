"""Saliency maps of a network over its scans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bench.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

PLANES = ("sagittal", "coronal", "axial")
SMOOTH = 1.0  # voxels


class SaliencyPanel(Protocol):
    """A scan (D, H, W) with its map, the truth if it is known, and the axis that the image was pooled along."""

    image: np.ndarray
    map: np.ndarray
    truth: np.ndarray | None
    axis: int
    label: str


def draw_montage(scans: Sequence[SaliencyPanel]) -> Figure:
    """A row for each scan: a slice of each plane with the map over it; the outline of the true region in blue.

    Of images, (H, W, 1): the image, the map over it, and the strongest tenth of the map.

    The drawn maps are smoothed by one voxel, cut at the edge of the head and scaled to their highest value in the
    slice; scores are computed from the maps as they are.
    """
    with style.paper_style():
        figure = style.new_figure(6.4, 0.3 + 1.75 * len(scans))
        flat = scans[0].map.shape[2] == 1
        grid = figure.subplots(len(scans), 3, squeeze=False)
        last = None
        for row, scan in zip(grid, scans, strict=True):
            for axis, axes in enumerate(row):
                last = _draw_image(axes, scan, axis) if flat else _draw_slice(axes, scan, axis)
            row[0].text(
                -0.03, 0.5, scan.label, transform=row[0].transAxes, rotation=90, va="center", ha="right", fontsize=7
            )
        for axis, axes in enumerate(grid[0]):
            pooled = ", summed" if scans[0].axis == axis else ""
            axes.set_title(
                ("image", "map", "map, strongest tenth")[axis] if flat else f"{PLANES[axis]}{pooled}", fontsize=8
            )
        bar = figure.colorbar(last, ax=grid, shrink=0.6, pad=0.02)
        bar.set_label("saliency, of the slice's highest", fontsize=7)
        bar.ax.tick_params(labelsize=7)
    return figure


def _draw_slice(axes: Axes, scan: SaliencyPanel, axis: int) -> AxesImage:
    """The slice with most of the truth, else with most of the map; along the pooled axis, the sum of the map."""
    from scipy.ndimage import gaussian_filter

    others = tuple(each for each in range(3) if each != axis)
    inside = scan.map * (scan.image > 0.05 * np.percentile(scan.image, 99))
    at = int((inside if scan.truth is None else scan.truth).sum(others).argmax())
    image = np.take(scan.image, at, axis).T[::-1]
    over = gaussian_filter(inside.sum(axis) if axis == scan.axis else np.take(inside, at, axis), SMOOTH).T[::-1]
    axes.imshow(image, cmap="gray", interpolation="nearest")
    share = np.clip(over / (float(np.percentile(over, 99.5)) or 1.0), 0, 1)
    picture = axes.imshow(share, cmap="inferno", vmin=0, vmax=1, alpha=0.7 * share, interpolation="bilinear")
    if scan.truth is not None and np.take(scan.truth, at, axis).max() >= 0.5:
        axes.contour(np.take(scan.truth, at, axis).T[::-1], levels=[0.5], colors="#56b4e9", linewidths=0.7)
    axes.set_axis_off()
    return picture


def _draw_image(axes: Axes, scan: SaliencyPanel, column: int) -> AxesImage:
    """By column: the image alone, with its map, with the strongest tenth of its map."""
    image, over = scan.image[..., 0].T[::-1], np.clip(scan.map[..., 0], 0, None).T[::-1]
    axes.imshow(image, cmap="gray", interpolation="nearest")
    share = np.clip(over / (float(np.percentile(over, 99.5)) or 1.0), 0, 1)
    share = share * (over >= np.percentile(over, 90)) if column == 2 else share
    alpha = 0.7 * share if column else 0 * share
    picture = axes.imshow(share, cmap="inferno", vmin=0, vmax=1, alpha=alpha, interpolation="bilinear")
    if scan.truth is not None:
        axes.contour(scan.truth[..., 0].T[::-1], levels=[0.5], colors="#56b4e9", linewidths=0.7)
    axes.set_axis_off()
    return picture
