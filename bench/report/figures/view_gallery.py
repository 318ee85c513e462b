"""A gallery: scans of a prepared data set as every view shows them, dynamic images among them.

`bench gallery NAME --out FILE` draws it. Titles name views and classes, never scans.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.report.figures import style
from bench.views import PLANES, Dynamic, Entropy, Max, Mean, Orthogonal, Slab, Slice, SlidingDynamic, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.data.prepare import Prepared

ACROSS = 6
EDGE = 1.08  # inches of a picture
VIEWS: dict[str, View] = {
    **{f"slice, {plane}": Slice(plane=plane) for plane in PLANES},
    "three slices (2D+e)": Slab(),
    "orthogonal": Orthogonal(),
    "mean": Mean(),
    "maximum": Max(),
    "entropy": Entropy(),
    **{f"dynamic, {plane}": Dynamic(plane=plane) for plane in PLANES},
    "dynamic, running": Dynamic(coefficients="running", quantise=True),
    "dynamic, three planes": Dynamic(plane="all"),
    "dynamic, reversed": Dynamic(reverse=True),
    "dynamic, shuffled": Dynamic(shuffle=1),
    "dynamic of 7 slices": SlidingDynamic(),
}


def draw_gallery(prepared: Prepared, rows: Sequence[int]) -> Figure:
    """A block of images for each scan, an image for each view. rows: of the scans in the prepared data set.

    ValueError if the data set holds images, which no view changes.
    """
    if len(prepared.shape) != 4:
        raise ValueError(f"{prepared.name} holds images: there is nothing to encode")
    images = prepared.images()
    down = -(-len(VIEWS) // ACROSS)
    kind = "phantom, made by a program" if prepared.phantom else "real data"
    with style.paper_style():
        figure = style.new_figure(style.WIDTH, 0.25 + len(rows) * (down * (EDGE + 0.24) + 0.22))
        figure.suptitle(f"{prepared.name}: {kind}", fontsize=8.5, x=0.01, ha="left")
        blocks = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
        for block, row in zip(blocks, rows, strict=True):
            block.suptitle(_label(prepared, row), fontsize=8, x=0.01, ha="left")
            grid = block.subplots(down, ACROSS).ravel()
            for axes, (title, view) in zip(grid, VIEWS.items(), strict=False):
                _draw_view(axes, view_of_scan(view, images[row], prepared.spacing))
                axes.set_title(title, fontsize=6.5, pad=2)
            for axes in grid:
                axes.set_axis_off()
    return figure


def view_of_scan(view: View, image: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """The view of one scan, (C, D, H, W) to (C, rows, columns); of sliding windows, the middle one.

    spacing: in millimetres, one for each axis.
    """
    import torch

    with torch.inference_mode():
        viewed = view(torch.from_numpy(np.array(image, dtype=np.float32))[None], spacing)[0].numpy()
    if viewed.ndim == 4:
        axis = 1 + PLANES[view.plane]
        viewed = np.take(viewed, viewed.shape[axis] // 2, axis)
    return viewed


def _draw_view(axes: Axes, viewed: np.ndarray) -> None:
    """One channel in grey, three in colours, each channel from its lowest to its highest; front on top."""
    low, high = viewed.min(axis=(1, 2), keepdims=True), viewed.max(axis=(1, 2), keepdims=True)
    scaled = (viewed - low) / np.where(high > low, high - low, 1)
    turned = np.transpose(scaled, (2, 1, 0))[::-1]  # the first axis runs to the right, the second upwards
    axes.imshow(turned if len(viewed) == 3 else turned[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def rows_to_draw(prepared: Prepared, count: int) -> list[int]:
    """Rows of `count` scans of different groups, evenly spread over the sorted targets."""
    first = dict(reversed([(group, row) for row, group in enumerate(prepared.groups)]))
    ordered = sorted(first.values(), key=lambda row: (np.nan_to_num(prepared.targets[row]), row))
    return [ordered[int(at)] for at in np.linspace(0, len(ordered) - 1, min(count, len(ordered)))]


def _label(prepared: Prepared, row: int) -> str:
    """The class, or the number rounded to ten, so that an age identifies nobody."""
    if prepared.task.kind == "classification":
        return prepared.task.classes[int(prepared.targets[row])]
    if prepared.task.kind == "regression":
        return f"about {10 * round(prepared.targets[row] / 10)} {prepared.task.unit}".rstrip()
    return ""
