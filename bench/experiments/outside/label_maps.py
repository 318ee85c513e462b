"""Reads label maps that other programs made: a file for each scan, on the grid of the prepared scans."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np

from bench.core import BenchError
from bench.data.prepare import Prepared
from bench.experiments.outside.division import Place
from bench.experiments.outside.predictions_file import OutsidePredictions
from bench.storage.atomic_io import sha256_of

ENDINGS = (".nii.gz", ".nii", ".npy")
FOLDER = re.compile(r"partition-(\d+)/fold-(\d+)/(.+)")
NEAR = 0.01  # mm between two affines that count as one grid


def find_label_maps(folder: Path, name: str) -> list[OutsidePredictions]:
    """List the label maps of a folder.

    Parameters
    ----------
    folder : Path
        With files ID.nii.gz, ID.nii or ID.npy, in folders partition-P/fold-F where they were made by folds.
    name : str
        Name of the method.

    Returns
    -------
    list of OutsidePredictions
        One, whose predictions are paths.

    Raises
    ------
    BenchError
        If there is no such file.
    """
    places: dict[Place | None, dict[str, list[Path]]] = {}
    checksum = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.name.endswith(ENDINGS)):
        relative = path.relative_to(folder).as_posix()
        inside = FOLDER.fullmatch(relative)
        place = (int(inside[1]), int(inside[2])) if inside else None
        identity = _without_ending(inside[3] if inside else relative)
        places.setdefault(place, {}).setdefault(identity, []).append(path)
        checksum.update(f"{relative} {sha256_of(path)}\n".encode())
    if not places:
        raise BenchError(f"{folder}: it has no label maps; give files ID{', ID'.join(ENDINGS)}")
    if len(places) > 1 and None in places:
        raise BenchError(f"{folder}: some label maps lie in partition-P/fold-F and some do not; sort all, or none")
    return [OutsidePredictions(name, checksum.hexdigest(), places, str(folder))]


def _without_ending(name: str) -> str:
    ending = next(each for each in ENDINGS if name.endswith(each))
    return name.removesuffix(ending)


def read_label_map(path: Path, prepared: Prepared, row: int) -> np.ndarray:
    """Read one label map and check it against its prepared scan.

    Parameters
    ----------
    path : Path
        NIfTI, or an array of numpy, which has no affine to check.
    prepared : Prepared
        The data set.
    row : int
        The scan.

    Returns
    -------
    ndarray of uint8
        Class indices, in the shape of the spatial axes of the scan.

    Raises
    ------
    BenchError
        If it cannot be read, lies on another grid, or has values that are no class.
    """
    labels, affine = _load(path)
    shape = tuple(prepared.shape[1:])
    if labels.shape != shape:
        raise BenchError(
            f"{path}: a label map of {labels.shape} voxels, and the prepared scan has {shape}; bring it to the grid of"
            " the prepared scans, with nearest-neighbour interpolation"
        )
    if labels.dtype.kind not in "biuf":
        raise BenchError(
            f"{path}: its voxels are of the type {labels.dtype}; give the index of a class for every voxel"
        )
    if affine is not None and not np.allclose(affine, prepared.affine(row), atol=NEAR):
        raise BenchError(f"{path}: it lies on another grid than the prepared scan: their affines differ; resample it")
    if not np.isfinite(labels).all():
        raise BenchError(f"{path}: it has NaN or infinite voxels; give the index of a class for every voxel")
    classes = len(prepared.task.classes)
    wrong = set(np.unique(labels).tolist()) - set(range(classes))
    if wrong:
        raise BenchError(
            f"{path}: it has the value {min(wrong)!r}, and classes are 0 to {classes - 1}"
            f" ({', '.join(prepared.task.classes)}); give the index of a class for every voxel"
        )
    return labels.astype(np.uint8)


def _load(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The voxels, and the affine if the file has one."""
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False), None
        import nibabel as nib

        image = nib.load(path)
        return np.asanyarray(image.dataobj), image.affine
    except Exception as error:  # nibabel raises many kinds for a damaged file
        raise BenchError(f"{path}: it cannot be read as a label map: {error}") from error
