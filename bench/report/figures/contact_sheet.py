"""A contact sheet of phantoms: a row of slices for each phantom.

`python -m bench.report.figures.contact_sheet FOLDER` draws all registered phantoms with their default parameters.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench import registry
from bench.core import Dataset, Sample
from bench.report.figures.style import new_figure, paper_style
from bench.storage.atomic_io import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS, EDGE, DPI = 8, 1.05, 110  # images in a row; inches of one; points of an inch


def draw_contact_sheet(names: Sequence[str]) -> Figure:
    """Slices of the first scans of each data set, in the order of their classes or numbers."""
    with paper_style():
        figure = new_figure(COLUMNS * EDGE + 0.4, len(names) * (EDGE + 0.32) + 0.3)
        figure.suptitle("PHANTOM: made by a program, not real scans", fontsize=11)
        rows = figure.subfigures(len(names), 1, squeeze=False)[:, 0]
        for row, name in zip(rows, names, strict=True):
            dataset = registry.make("datasets", name)
            row.suptitle(f"PHANTOM {name}: {_unit(dataset)}", fontsize=8, x=0.01, ha="left")
            panels = zip(row.subplots(1, COLUMNS), _samples_to_draw(dataset), strict=True)
            for column, (axes, sample) in enumerate(panels):
                _draw_sample(axes, dataset, sample, outlined=column % 2 == 1)
    return figure


def phantoms() -> list[str]:
    """The names of the data sets that are phantoms."""
    return [name for name in registry.names("datasets") if registry.member("datasets", name).phantom]


def _unit(dataset: Dataset) -> str:
    return dataset.task.unit or ", ".join(dataset.task.classes)


def _samples_to_draw(dataset: Dataset) -> list[Sample]:
    """COLUMNS scans of different groups, evenly spread over the sorted targets."""
    first = {sample.group: sample for sample in reversed(dataset.samples(None))}
    ordered = sorted(first.values(), key=lambda sample: (np.nan_to_num(sample.target), sample.id))
    return [ordered[int(at)] for at in np.linspace(0, len(ordered) - 1, COLUMNS)]


def _draw_sample(axes: Axes, dataset: Dataset, sample: Sample, outlined: bool) -> None:
    """An image; of a volume its middle axial slice; of an angiogram its maximum projection and its outlines."""
    scan = sample.read()
    image = scan.image[0]
    if scan.mask is not None:
        image = image.max(axis=2).T[::-1]
        if outlined:
            axes.contour(scan.mask.max(axis=2).T[::-1], levels=[0.5], colors="#ff7f0e", linewidths=0.35)
    elif image.ndim == 3:
        image = _middle_slice(image)
    axes.imshow(image, cmap="gray", vmin=0, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(_label(dataset, sample), fontsize=6, pad=1.5)


def _middle_slice(image: np.ndarray) -> np.ndarray:
    """The middle axial slice, front on top; of volumes whose axes are no anatomy, four slices side by side."""
    if image.shape[1] == image.shape[2] < image.shape[0] * 2 and image.shape[0] < 30:
        steps = image[:: max(1, len(image) // 4)][:4]
        return np.concatenate([np.concatenate(steps[:2], axis=1), np.concatenate(steps[2:], axis=1)])
    return image[:, :, image.shape[2] // 2 + 2].T[::-1]


def _label(dataset: Dataset, sample: Sample) -> str:
    if dataset.task.kind == "regression":
        return f"{sample.target:.0f} {dataset.task.unit}"
    return sample.stratum


def main(folder: str) -> None:
    """Write `contact.png` into a folder."""
    path = Path(folder) / "contact.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = draw_contact_sheet(phantoms())
    with atomic_write(path) as unfinished, paper_style():
        figure.savefig(unfinished, format="png", dpi=DPI, metadata={"Software": None}, facecolor="white")


if __name__ == "__main__":
    main(sys.argv[1])
