"""A sheet of slices of phantoms: a row for each set, so that a person can see what the sets show.

`python -m bench.report.figures.contact_sheet_figure FOLDER` draws all phantoms at hand with their default parameters.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import registry
from bench.core import Dataset, Sample
from bench.report.figures.style import figure, paper
from bench.storage.atomic_io import whole

COLUMNS, EDGE, DPI = 8, 1.05, 110  # pictures in a row; inches of one; points of an inch


def contact(names: Sequence[str]) -> Figure:
    """Slices of the first scans of each data set, in the order of their classes or numbers."""
    with paper():
        drawn = figure(COLUMNS * EDGE + 0.4, len(names) * (EDGE + 0.32) + 0.3)
        drawn.suptitle("PHANTOM: made by a program, not real scans", fontsize=11)
        rows = drawn.subfigures(len(names), 1, squeeze=False)[:, 0]
        for row, name in zip(rows, names, strict=True):
            made = registry.make("datasets", name)
            row.suptitle(f"PHANTOM {name}: {_unit(made)}", fontsize=8, x=0.01, ha="left")
            for place, (axes, sample) in enumerate(zip(row.subplots(1, COLUMNS), _chosen(made), strict=True)):
                _show(axes, made, sample, outlined=place % 2 == 1)
    return drawn


def phantoms() -> list[str]:
    """The phantoms among the data sets."""
    return [name for name in registry.names("datasets") if registry.member("datasets", name).phantom]


def _unit(made: Dataset) -> str:
    return made.task.unit or ", ".join(made.task.classes)


def _chosen(made: Dataset) -> list[Sample]:
    """COLUMNS scans of different groups, evenly spread over the sorted targets."""
    first = {sample.group: sample for sample in reversed(made.samples(None))}
    ordered = sorted(first.values(), key=lambda sample: (np.nan_to_num(sample.target), sample.id))
    return [ordered[int(at)] for at in np.linspace(0, len(ordered) - 1, COLUMNS)]


def _show(axes: Axes, made: Dataset, sample: Sample, outlined: bool) -> None:
    """A picture; of a volume the axial slice in the middle; of an angiogram the highest values and its outlines."""
    scan = sample.read()
    image = scan.image[0]
    if scan.mask is not None:
        image = image.max(axis=2).T[::-1]
        if outlined:
            axes.contour(scan.mask.max(axis=2).T[::-1], levels=[0.5], colors="#ff7f0e", linewidths=0.35)
    elif image.ndim == 3:
        image = _plane(image)
    axes.imshow(image, cmap="gray", vmin=0, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(_label(made, sample), fontsize=6, pad=1.5)


def _plane(image: np.ndarray) -> np.ndarray:
    """The axial slice in the middle, front on top; where the axes are no anatomy, every sixth slice side by side."""
    if image.shape[1] == image.shape[2] < image.shape[0] * 2 and image.shape[0] < 30:
        steps = image[:: max(1, len(image) // 4)][:4]
        return np.concatenate([np.concatenate(steps[:2], axis=1), np.concatenate(steps[2:], axis=1)])
    return image[:, :, image.shape[2] // 2 + 2].T[::-1]


def _label(made: Dataset, sample: Sample) -> str:
    if made.task.kind == "regression":
        return f"{sample.target:.0f} {made.task.unit}"
    return sample.stratum


def main(folder: str) -> None:
    """Write `contact.png` into a folder."""
    path = Path(folder) / "contact.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = contact(phantoms())
    with whole(path) as unfinished, paper():
        drawn.savefig(unfinished, format="png", dpi=DPI, metadata={"Software": None}, facecolor="white")


if __name__ == "__main__":
    main(sys.argv[1])
