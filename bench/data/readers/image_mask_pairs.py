"""Volumes with masks, of any size and spacing: which belong together, and each pair on one common grid.

    for pair in paired(root, layout):
        scan = read_pair(pair, Grid(0.8, (192, 224, 96)), {1: 1}, allow_empty=False)

An image is resampled linearly at the voxels of the grid, whose centre is the centre of the volume: it is the same
whatever the mask. Where voxels grow it is smoothed first, with a Gaussian of (growth - 1) / 2 voxels. Of a mask the
share of each class is resampled in the same way, and the largest share wins, the background where two are equal:
structures thinner than the voxels of the grid are lost. Voxels that the volume does not reach are 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import BenchError, Scan
from bench.data.readers.metaimage import read_mha
from bench.data.readers.nifti import read_scan

if TYPE_CHECKING:
    import numpy as np

ENDS = (".nii.gz", ".nii", ".mha")
IMAGES, MASKS = ("data", "image", "img"), ("mask", "label", "cow_seg_label")  # how the names of their folders begin
CHANNEL = "_0000"  # at the end of the name of an image, where masks have nothing
SAME = 0.01  # of a spacing: what differs less is not resampled
WIDTH = 3  # deviations of a Gaussian that are counted in
HEAD = 0.5  # of every axis of a grid for heads that a volume has to reach over
ROOM = 0.5  # voxels by which an image and its mask may lie apart


@dataclass(frozen=True)
class Pair:
    """An image and its mask."""

    id: str  # what their names have in common
    image: Path
    mask: Path


TARGETS = ("mask", "projection")
TARGET = "mask: every voxel; projection: whether the line from below to above that it lies on meets the structure"
RESAMPLED = "to cubic voxels where those of the files differ: images blurred, then linearly; then cropped or padded"


@dataclass(frozen=True)
class Grid:
    """Voxels of `mm` millimetres, `shape` (D, H, W) of them."""

    mm: float
    shape: tuple[int, int, int]
    least: float = 0.0  # share of every axis that a volume has to reach over: heads are whole, angiograms are slabs

    def check(self, path: Path, shape: tuple[int, ...], spacing: tuple[float, ...]) -> None:
        """ValueError where a volume is too small in space to be one of this grid."""
        have = [size * step for size, step in zip(shape, spacing, strict=True)]
        want = [self.mm * size for size in self.shape]
        if any(one < self.least * other for one, other in zip(have, want, strict=True)):
            has, wants = (" x ".join(f"{length:.0f}" for length in lengths) for lengths in (have, want))
            raise ValueError(f"{path.name} covers {has} mm, expected about {wants} mm; give the scan of a whole head")

    @property
    def spacing(self) -> tuple[float, float, float]:
        return (self.mm,) * 3

    def bring(self, values: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
        """The image on this grid, (*shape), float32; as it is, but cropped or padded, where its voxels are as large."""
        import numpy as np
        from scipy import ndimage

        steps = np.array([self.mm / step for step in spacing])
        if (np.abs(steps - 1) < SAME).all():
            return self._fit(values)
        blur = np.clip((steps - 1) / 2, 0, None)
        first = (np.array(values.shape) - 1) / 2 - steps * (np.array(self.shape) - 1) / 2
        reach = first + steps * (np.array(self.shape) - 1)
        begin = np.clip(np.floor(first - WIDTH * blur - 1), 0, None).astype(int)  # what lies further off tells nothing
        end = np.ceil(reach + WIDTH * blur + 2).astype(int)
        values = np.asarray(values[tuple(map(slice, begin, end))], np.float32)
        first = first - begin
        if blur.any():
            values = ndimage.gaussian_filter(values, blur, mode="nearest", truncate=WIDTH)
        return ndimage.affine_transform(values, steps, first, self.shape, order=1, mode="constant")

    def bring_classes(self, mask: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
        """Class indices on this grid, (*shape), uint8."""
        import numpy as np

        if all(abs(self.mm / step - 1) < SAME for step in spacing):
            return self._fit(mask)
        won, most = np.zeros(self.shape, np.uint8), np.zeros(self.shape, np.float32)
        shares = {index: self.bring(mask == index, spacing) for index in np.unique(mask) if index}
        most = 1 - sum(shares.values()) if shares else most
        for index, share in shares.items():
            better = share > most
            won[better], most[better] = index, share[better]
        return won

    def placed(self, affine: np.ndarray, shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
        """The affine of this grid, (4, 4), for a volume of `shape` with `affine`: both have one middle.

        Where voxels are only cropped or padded, and an odd number of them is left over, the middles are half a voxel
        apart.
        """
        import numpy as np

        steps = np.array([self.mm / step for step in spacing])
        if (np.abs(steps - 1) < SAME).all():
            sizes = zip(shape, self.shape, strict=True)
            first = np.array([(have - want) // 2 if have > want else -((want - have) // 2) for have, want in sizes])
            steps = np.ones(3)
        else:
            first = (np.array(shape) - 1) / 2 - steps * (np.array(self.shape) - 1) / 2
        found = np.array(affine, dtype=float)
        found[:3, 3] += found[:3, :3] @ first
        found[:3, :3] = found[:3, :3] * steps
        return found

    def _fit(self, values: np.ndarray) -> np.ndarray:
        import numpy as np

        fitted = np.zeros(self.shape, values.dtype)
        here, there = [], []
        for have, want in zip(values.shape, self.shape, strict=True):
            both = min(have, want)
            there.append(slice((want - both) // 2, (want - both) // 2 + both))
            here.append(slice((have - both) // 2, (have - both) // 2 + both))
        fitted[tuple(there)] = values[tuple(here)]
        return fitted


def list_pairs(root: Path | None, layout: str, others: str = "") -> list[Pair]:
    """Every image under `root` with the mask of the same name, sorted. BenchError where one is without the other.

    others: how the names of files begin that are left alone.
    """
    if root is None or not root.is_dir():
        raise BenchError(f"no folder {root}; expected: {layout}")
    images, masks = (_volumes(_folder(root, begins, layout), others) for begins in (IMAGES, MASKS))
    for one, other, what in ((images, masks, "mask"), (masks, images, "image")):
        alone = sorted(set(one) - set(other))
        if alone:
            raise BenchError(
                f"{len(alone)} files in {root} have no {what} of the same name, {one[alone[0]].name} among them; add"
                f" the {what}, or remove the file"
            )
    if not images:
        raise BenchError(f"all volumes in {root} are {others}*, which are left alone; expected: {layout}")
    return [Pair(key, images[key], masks[key]) for key in sorted(images)]


def project_mask(scan: Scan, target: str) -> Scan:
    """The scan with the mask that is asked for, one of TARGETS: a projection marks whole lines along the last axis."""
    import numpy as np

    if target == "mask":
        return scan
    lines = scan.mask.max(axis=-1, keepdims=True)
    return replace(scan, mask=np.ascontiguousarray(np.broadcast_to(lines, scan.mask.shape)))


def read_pair(pair: Pair, grid: Grid, labels: Mapping[int, int], allow_empty: bool = False) -> Scan:
    """Image (1, *shape) and class indices (*shape) on `grid`.

    labels: value in the file -> class; 0 is background and need not be named. ValueError where a file is broken, the
    two do not lie on one another, the mask holds another value, or nothing but background (unless `allow_empty`).
    """
    import numpy as np

    image, spacing, affine = read_volume(pair.image)
    grid.check(pair.image, image.shape, spacing)
    mask, _, placed = read_volume(pair.mask)
    if mask.shape != image.shape:
        raise ValueError(f"{pair.mask.name} has dimensions {mask.shape}, its image {image.shape}; give the mask of it")
    apart = _apart(affine, placed, image.shape)
    if not apart <= ROOM * min(spacing):
        raise ValueError(
            f"{pair.mask.name} lies up to {apart:.2f} mm off its image, more than half a voxel; give both one affine"
        )
    classes = indices(mask, labels, pair.mask.name)
    found = grid.bring_classes(classes, spacing)
    if not found.any() and not allow_empty:
        where = "within the prepared grid" if classes.any() else "in it"
        raise ValueError(f"{pair.mask.name} is empty: no voxel {where} is labelled; mend it, or allow empty masks")
    brought = np.ascontiguousarray(grid.bring(image, spacing))[None]
    return Scan(brought, grid.spacing, found, grid.placed(affine, image.shape, spacing))


def read_alone(path: Path, grid: Grid) -> Scan:
    """A volume without a mask, (1, *shape), on `grid`. ValueError or OSError where its file is broken."""
    import numpy as np

    image, spacing, affine = read_volume(path)
    grid.check(path, image.shape, spacing)
    brought = np.ascontiguousarray(grid.bring(image, spacing))[None]
    return Scan(brought, grid.spacing, affine=grid.placed(affine, image.shape, spacing))


def read_volume(path: Path) -> tuple[np.ndarray, tuple[float, ...], np.ndarray]:
    """Voxels (D, H, W) along right, anterior, superior, their spacing, and where the file says that they lie, (4, 4).

    ValueError or OSError where it is broken. The affine is that of the voxels as they are turned.
    """
    import numpy as np
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

    if path.name.lower().endswith(".mha"):
        values, affine = read_mha(path)
        turn = io_orientation(affine)
        affine = affine @ inv_ornt_aff(turn, values.shape)
        spacing = tuple(round(float(step), 4) for step in np.sqrt((affine[:3, :3] ** 2).sum(0)))
        return apply_orientation(values, turn), spacing, affine
    scan = read_scan(path)
    return scan.image[0], scan.spacing, scan.affine


def indices(mask: np.ndarray, labels: Mapping[int, int], name: str) -> np.ndarray:
    """The class of every voxel, uint8. ValueError for fractions, and for values that no class stands for."""
    import numpy as np

    values = np.unique(mask)
    if values.dtype.kind == "f" and not (np.isfinite(values) & (values == np.floor(values))).all():
        raise ValueError(f"{name} has values that are no whole numbers, so they are no labels; give the label map")
    known = {0: 0, **labels}
    strange = [int(value) for value in values if int(value) not in known]
    if strange:
        raise ValueError(
            f"{name} has the label {strange[0]}, which no class stands for; there are {_listed(sorted(known))}"
        )
    classes = np.array([known[int(value)] for value in values], np.uint8)
    return classes[np.searchsorted(values, mask)]


def _apart(one: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> float:
    """Millimetres between where two affines put a voxel, the most over the volume: at one of its corners."""
    import numpy as np

    corners = np.stack(np.meshgrid(*[(0, size - 1) for size in shape], [1], indexing="ij")).reshape(4, -1)
    return float(np.linalg.norm(((one - other) @ corners)[:3], axis=0).max())


def _folder(root: Path, begins: Iterable[str], layout: str) -> Path:
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    found = [path for path in folders if path.name.lower().startswith(tuple(begins)) and _volumes(path)]
    if len(found) > 1:
        found = [path for path in found if path.name.lower().endswith(("tr", "train"))] or found
    if len(found) != 1:
        there = ", ".join(path.name for path in found or folders) or "no folder"
        raise BenchError(
            f"{root} has {len(found)} folders of volumes whose name begins with {' or '.join(begins)}, not one; found:"
            f" {there}; expected: {layout}"
        )
    return found[0]


def _volumes(folder: Path, others: str = "") -> dict[str, Path]:
    """The volumes in a folder by what their names say of the scan. BenchError for two of one name."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        end = next((end for end in ENDS if path.name.lower().endswith(end)), None)
        if end is None or path.name.startswith(".") or (others and path.name.startswith(others)):
            continue
        key = path.name[: -len(end)].removesuffix(CHANNEL)
        if key in found:
            raise BenchError(f"two files of {folder} are {key}: {found[key].name} and {path.name}; keep one")
        found[key] = path
    return found


def _listed(values: list[int]) -> str:
    return ", ".join(map(str, values[:20]))
