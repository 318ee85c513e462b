"""The prepared scans of a data set as NIfTI files, for programs that draw label maps on their grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.core import BenchError, paths, plural
from bench.data.prepare import Prepared
from bench.storage.atomic_io import disk_errors


def write_scans(prepared: Prepared, folder: Path) -> str:
    """Write every scan, and its label map if the set has them, with the names and on the grid that scoring expects.

    Parameters
    ----------
    prepared : Prepared
        A data set of volumes.
    folder : Path
        It gets scans/ID_0000.nii.gz, with the number of the channel, and labels/ID.nii.gz.

    Returns
    -------
    str
        What was written, in a sentence.

    Raises
    ------
    BenchError
        If the set has images, not volumes, or the folder lies in the results.
    """
    if len(prepared.shape) != 4:
        raise BenchError(f"{prepared.name} holds images, not volumes: --scans writes volumes")
    if folder.resolve().is_relative_to(paths.results_root().resolve()):
        raise BenchError(f"--scans {folder} lies in the results, which may be shared; write scans elsewhere")
    images, masks = prepared.images(), prepared.masks()
    with disk_errors(folder.parent):
        for row, name in enumerate(prepared.ids):
            for channel, volume in enumerate(images[row]):
                _write(folder / "scans" / f"{name}_{channel:04d}.nii.gz", volume, prepared.affine(row))
            if masks is not None:
                _write(folder / "labels" / f"{name}.nii.gz", masks[row], prepared.affine(row))
    return f"{plural(len(prepared.ids), 'scan')} written to {folder}: do not publish them"


def _write(path: Path, volume: np.ndarray, affine: np.ndarray) -> None:
    import nibabel as nib

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    image = nib.Nifti1Image(np.asarray(volume), affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
