"""Ten IXI heads to align with each other, with the regions of another program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, Sample, Scan, Task, param
from bench.data.readers.image_mask_pairs import Grid, indices
from bench.data.readers.nifti import read_scan
from bench.data.registration_kind import REGISTRATION
from bench.datasets import _oasis
from bench.datasets.roi_ixi import OTHERS, STRUCTURES, RoiIxi

if TYPE_CHECKING:
    import numpy as np

REGIONS = tuple(sorted({*OTHERS, *(number for numbers in STRUCTURES.values() for number in numbers)}))
LABELS = {number: at for at, number in enumerate(REGIONS, start=1)}
CENTRE = (91.7, 106.0, 81.4)  # mm from the corner of the grid to the mean voxel of a brain: means of 416 of OASIS-1
EXTENT = (33.9, 40.8, 32.7)  # mm, standard deviation of the places of a brain's voxels along each axis: means of them
GREY = 54.5  # median grey value of a brain: mean of them


@dataclass(frozen=True)
class PairsIxi(RoiIxi):
    """Heads of ten people, every one aligned with another; the regions of DLMUSE judge the alignment.

    Nine of ten people would give 90 ordered pairs; ten are tested, in five couples (`bench guide protocol`), and
    networks learn from all pairs of the training part. The regions are not manual. Five couples are an example and
    support no claim of significance.

    `grid=head`: whole heads, not skull-stripped and in no common space. `grid=brain`: on the grid that `pairs_oasis`
    has at this voxel size, so that networks that have learnt from it can be tested here. Voxels without a region are 0.
    Each brain is moved and stretched along the three axes, so that its centre and its extent along each are those of an
    average brain of OASIS-1, and has the median grey value of one. It is not turned, sheared or bent, so it is near MNI
    space and not in it; millimetres are those after the stretch. All inputs end where the regions end, in all arms: the
    outer border is easier to align than in scans that another program has stripped.
    """

    title: ClassVar[str] = "Ten IXI heads to align with each other, with 148 regions outlined by DLMUSE"
    twin: ClassVar[str] = "phantom_pairs"
    task: ClassVar[Task] = Task(REGISTRATION, "region_dice", ("background", *(f"region {each}" for each in REGIONS)))
    example: ClassVar[bool] = True

    labels: ClassVar[Mapping[int, int]] = LABELS

    mm: float = param(4.0, "voxel size in mm; the files have 2")
    grid: str = param(
        "head", "head: whole heads; brain: brains on the grid of pairs_oasis", ("head", "brain"), later=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.grid not in ("head", "brain"):
            raise BenchError(f"pairs_ixi: grid must be head or brain, not {self.grid!r}")

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, *_brain_voxels(self.mm)) if self.grid == "brain" else super().shape

    def samples(self, root: Path | None) -> Sequence[Sample]:
        heads = super().samples(root)
        if self.grid == "head":
            return heads
        return [replace(head, read=partial(_read_brain, *head.files, self.mm)) for head in heads]


def _brain_voxels(mm: float) -> tuple[int, int, int]:
    """The shape of `pairs_oasis` at a voxel size: what is left over at the end of an axis is cut off."""
    return tuple(int(size * step / mm) for size, step in zip(_oasis.SHAPE[1:], _oasis.SPACING, strict=True))


def _read_brain(path: Path, mask: Path, mm: float) -> Scan:
    """The brain of a head with its regions, on the grid of `pairs_oasis`. ValueError or OSError for a broken file."""
    import numpy as np

    scan = read_scan(path, mask)
    classes = indices(scan.mask, LABELS, mask.name)
    if not classes.any():
        raise ValueError(f"{mask.name} has no region; give the map of this head")
    image, places = np.where(classes > 0, scan.image[0], 0).astype(np.float32), np.argwhere(classes)
    spacing = tuple(float(wanted / have) for wanted, have in zip(EXTENT, places.std(0), strict=True))
    around = _grid_around(places.mean(0), spacing, mm)
    image *= np.float32(GREY / np.median(image[classes > 0]))
    affine = around.placed(scan.affine, image.shape, spacing)
    labels = around.bring_classes(classes, spacing)
    return Scan(around.bring(image, spacing)[None], around.spacing, labels, affine, scan.notes)


def _grid_around(centre: np.ndarray, spacing: tuple[float, ...], mm: float) -> Grid:
    """The grid on which `centre`, in voxels of `spacing` mm, lies at CENTRE."""
    shape = _brain_voxels(mm)
    middle = (at + (mm * size / 2 - wanted) / step
              for at, size, wanted, step in zip(centre, shape, CENTRE, spacing, strict=True))  # fmt: skip
    return Grid(mm, shape, centre=tuple(float(each) for each in middle))


DATASET = PairsIxi
