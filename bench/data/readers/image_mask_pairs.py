"""Read volumes with masks, of any size and spacing: match them by name, and resample each pair to a common grid.

    for pair in list_pairs(root, layout):
        scan = read_pair(pair, Grid(0.8, (192, 224, 96)), {1: 1}, allow_empty=False)

An image is resampled linearly. The grid is centred on the volume and does not depend on the mask. If voxels become
larger by a factor f, a Gaussian of (f - 1) / 2 voxels smooths the image first. A mask is resampled class by class in
the same way; each voxel gets the class with the largest share, the background on a tie. Structures thinner than the
voxels of the grid are lost. Voxels outside the volume have the value of its background, and 0 in a mask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import BenchError, Scan
from bench.core.background import background_of
from bench.data.readers.nifti import ENDS, bare_name, read_scan
from bench.data.readers.voxel_grids import fitted, require_same_grid

if TYPE_CHECKING:
    import numpy as np

IMAGES, MASKS = ("data", "image", "img"), ("mask", "label", "cow_seg_label")  # prefixes of folder names
CHANNEL = "_0000"  # suffix of image names that mask names lack
SAME = 0.01  # relative difference of spacing below which nothing is resampled
WIDTH = 3  # standard deviations at which the Gaussian is truncated
COARSE = 20  # times the voxels of the grid that those of a scan may measure; more is another unit of length
LEAST = 0.02  # share of every grid axis that any volume must cover; less is another unit of length
HEAD = 0.5  # share of every grid axis that a scan of a head must cover


@dataclass(frozen=True)
class Pair:
    """An image and its mask."""

    id: str  # common part of their names
    image: Path
    mask: Path


TARGETS = ("mask", "projection")
TARGET = "mask: every voxel; projection: whether the vertical line through the voxel meets the structure"
RESAMPLED = "to cubic voxels if the spacing differs: smoothed, then linearly; then cropped or padded"


@dataclass(frozen=True)
class Grid:
    """Voxels of `mm` millimetres, `shape` (D, H, W) of them."""

    mm: float
    shape: tuple[int, int, int]
    least: float = 0.0  # share of every axis that a volume must cover: heads are whole, angiograms are slabs
    centre: tuple[float, ...] | None = None  # voxel of the volume that comes to its centre; None: that in the middle

    def check(self, path: Path, shape: tuple[int, ...], spacing: tuple[float, ...]) -> None:
        """Raise ValueError if a volume covers too little space for this grid, or if its unit of length is wrong."""
        if max(spacing) > COARSE * self.mm:
            sizes = " x ".join(f"{step:g}" for step in spacing)
            raise ValueError(f"{path.name} has voxels of {sizes} mm, for a grid of {self.mm:g} mm; correct their unit")
        have = [size * step for size, step in zip(shape, spacing, strict=True)]
        want = [self.mm * size for size in self.shape]
        if any(one < max(self.least, LEAST) * other for one, other in zip(have, want, strict=True)):
            has, wants = (" x ".join(f"{length:.0f}" for length in lengths) for lengths in (have, want))
            remedy = "give the scan of a whole head" if self.least else "correct the unit of its header"
            raise ValueError(f"{path.name} covers {has} mm, expected about {wants} mm; {remedy}")

    @property
    def spacing(self) -> tuple[float, float, float]:
        return (self.mm,) * 3

    def _steps(self, spacing: tuple[float, ...]) -> np.ndarray:
        """Voxels of a volume from one voxel of the grid to the next."""
        import numpy as np

        return np.array([self.mm / step for step in spacing])

    def _keeps(self, spacing: tuple[float, ...]) -> bool:
        """Whether a volume is cropped or padded alone."""
        return self.centre is None and all(abs(self.mm / step - 1) < SAME for step in spacing)

    def _first(self, shape: tuple[int, ...], steps: np.ndarray) -> np.ndarray:
        """Place of the first voxel of the grid, in voxels of a volume."""
        import numpy as np

        middle = (np.array(shape) - 1) / 2 if self.centre is None else np.array(self.centre)
        return middle - steps * (np.array(self.shape) - 1) / 2

    def bring(self, values: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
        """The image on this grid, (*shape), float32; only cropped or padded if its spacing is that of the grid."""
        return self._bring(values, spacing, background_of(values))

    def _bring(self, values: np.ndarray, spacing: tuple[float, ...], outside: float) -> np.ndarray:
        """As `bring`, with the value `outside` beyond the volume."""
        import numpy as np
        from scipy import ndimage

        if self._keeps(spacing):
            return fitted(values, self.shape, outside)
        steps = self._steps(spacing)
        blur = np.clip((steps - 1) / 2, 0, None)
        first = self._first(values.shape, steps)
        reach = first + steps * (np.array(self.shape) - 1)
        begin = np.clip(np.floor(first - WIDTH * blur - 1), 0, None).astype(int)  # voxels further out have no effect
        end = np.ceil(reach + WIDTH * blur + 2).astype(int)
        values = np.asarray(values[tuple(map(slice, begin, end))], np.float32)
        first = first - begin
        if blur.any():
            values = ndimage.gaussian_filter(values, blur, mode="nearest", truncate=WIDTH)
        return ndimage.affine_transform(values, steps, first, self.shape, order=1, cval=outside)

    def bring_classes(self, mask: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
        """Class indices on this grid, (*shape), uint8."""
        import numpy as np

        if self._keeps(spacing):
            return fitted(mask, self.shape, 0)
        won, most = np.zeros(self.shape, np.uint8), np.zeros(self.shape, np.float32)
        shares = {index: self._bring(mask == index, spacing, 0.0) for index in np.unique(mask) if index}
        most = 1 - sum(shares.values()) if shares else most
        for index, share in shares.items():
            better = share > most
            won[better], most[better] = index, share[better]
        return won

    def placed(self, affine: np.ndarray, shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
        """The affine of this grid, (4, 4), for a volume of `shape` with `affine`: both have the same centre.

        If voxels are only cropped or padded by an odd number, the centres are half a voxel apart.
        """
        import numpy as np

        steps = self._steps(spacing)
        if self._keeps(spacing):
            sizes = zip(shape, self.shape, strict=True)
            first = np.array([(have - want) // 2 if have > want else -((want - have) // 2) for have, want in sizes])
            steps = np.ones(3)
        else:
            first = self._first(shape, steps)
        result = np.array(affine, dtype=float)
        result[:3, 3] += result[:3, :3] @ first
        result[:3, :3] = result[:3, :3] * steps
        return result


def list_pairs(root: Path | None, layout: str, others: str = "") -> list[Pair]:
    """List every image under `root` with the mask of the same name, sorted. BenchError if either is missing.

    others: prefix of file names to ignore.
    """
    if root is None or not root.is_dir():
        raise BenchError(f"no folder {root}; expected: {layout}")
    images, masks = (_volumes(_folder(root, begins, layout), others) for begins in (IMAGES, MASKS))
    for one, other, what in ((images, masks, "mask"), (masks, images, "image")):
        alone = sorted(set(one) - set(other))
        if alone:
            raise BenchError(
                f"{len(alone)} files in {root} have no {what} of the same name, for example {one[alone[0]].name}; add"
                f" the {what}, or remove the file"
            )
    if not images:
        raise BenchError(f"all volumes in {root} are {others}*, which are ignored; expected: {layout}")
    return [Pair(key, images[key], masks[key]) for key in sorted(images)]


def project_mask(scan: Scan, target: str) -> Scan:
    """The scan with its mask as `target` (one of TARGETS): a projection marks whole lines along the last axis."""
    import numpy as np

    if target == "mask":
        return scan
    lines = scan.mask.max(axis=-1, keepdims=True)
    return replace(scan, mask=np.ascontiguousarray(np.broadcast_to(lines, scan.mask.shape)))


def read_pair(pair: Pair, grid: Grid, labels: Mapping[int, int], allow_empty: bool = False) -> Scan:
    """Image (1, *shape) and class indices (*shape) on `grid`.

    labels: value in the file -> class; 0 is background and need not be listed. ValueError if a file is broken, image
    and mask are at different positions, the mask has another value, or only background (unless `allow_empty`).
    """

    image = read_scan(pair.image)
    grid.check(pair.image, image.image.shape[1:], image.spacing)
    mask = read_scan(pair.mask)
    require_same_grid(image, mask, pair.mask.name)
    classes = indices(mask.image[0], labels, pair.mask.name)
    resampled = grid.bring_classes(classes, image.spacing)
    if not resampled.any() and not allow_empty:
        where = "within the prepared grid" if classes.any() else "in it"
        raise ValueError(f"{pair.mask.name} is empty: no voxel {where} is labelled; correct it, or allow empty masks")
    return replace(_brought(image, grid), mask=resampled)


def read_alone(path: Path, grid: Grid) -> Scan:
    """A volume without a mask, (1, *shape), on `grid`. ValueError or OSError if its file is broken."""
    image = read_scan(path)
    grid.check(path, image.image.shape[1:], image.spacing)
    return _brought(image, grid)


def _brought(scan: Scan, grid: Grid) -> Scan:
    """The image of a scan on `grid`."""
    import numpy as np

    volume = scan.image[0]
    brought = np.ascontiguousarray(grid.bring(volume, scan.spacing))[None]
    return Scan(brought, grid.spacing, affine=grid.placed(scan.affine, volume.shape, scan.spacing), notes=scan.notes)


def indices(mask: np.ndarray, labels: Mapping[int, int], name: str) -> np.ndarray:
    """The class of every voxel, uint8. ValueError for fractions, and for values without a class."""
    import numpy as np

    values = np.unique(mask)
    if values.dtype.kind == "f" and not (np.isfinite(values) & (values == np.floor(values))).all():
        raise ValueError(f"{name} has values that are not whole numbers, so it is not a label map; give the label map")
    known = {0: 0, **labels}
    unknown = [int(value) for value in values if int(value) not in known]
    if unknown:
        raise ValueError(f"{name} has the unknown label {unknown[0]}; known labels: {_first_of(sorted(known))}")
    classes = np.array([known[int(value)] for value in values], np.uint8)
    return classes[np.searchsorted(values, mask)]


def _folder(root: Path, begins: Iterable[str], layout: str) -> Path:
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    matches = [path for path in folders if path.name.lower().startswith(tuple(begins)) and _volumes(path)]
    if len(matches) > 1:
        matches = [path for path in matches if path.name.lower().endswith(("tr", "train"))] or matches
    if len(matches) != 1:
        names = ", ".join(path.name for path in matches or folders) or "no folder"
        raise BenchError(
            f"{root} has {len(matches)} folders of volumes whose name begins with {' or '.join(begins)}, expected one;"
            f" found: {names}; expected: {layout}"
        )
    return matches[0]


def _volumes(folder: Path, others: str = "") -> dict[str, Path]:
    """The volumes in a folder, by name without suffixes. BenchError if two have the same name."""
    volumes: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if (
            not path.name.lower().endswith(ENDS)
            or path.name.startswith(".")
            or (others and path.name.startswith(others))
        ):
            continue
        key = bare_name(path.name).removesuffix(CHANNEL)
        if key in volumes:
            raise BenchError(f"two files of {folder} have the id {key}: {volumes[key].name} and {path.name}; keep one")
        volumes[key] = path
    return volumes


def _first_of(values: list[int]) -> str:
    return ", ".join(map(str, values[:20]))
