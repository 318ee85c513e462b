"""Reading NIfTI files against plain nibabel."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from performance.measure import Result, Settings, paired
from performance.scans import NONE, oasis_files

COMPARED = "read_scan of the harness against numpy.asanyarray(nibabel.as_closest_canonical(nibabel.load(p)).dataobj)"
LIMITS = {"1 mm uint8": 2.5, "1 mm int16 to float32": 2.5, "OASIS 2 mm": 1.7}


def run(settings: Settings) -> Iterator[Result]:
    """Two files of 1 mm, and ten of the real scans of 2 mm."""
    files = oasis_files()
    if not files:
        for name, least in LIMITS.items():
            yield Result(_name(name), limit=least, better="higher", skipped=NONE)
        return
    with tempfile.TemporaryDirectory() as folder:
        finer = [[_finer(files[0], Path(folder), kind, times)] for kind, times in (("uint8", 1), ("int16", 16))]
        for (name, least), paths in zip(LIMITS.items(), (*finer, files[:10]), strict=True):
            kind = "float32" if "float32" in name else ""
            ratios = paired(lambda p=paths, k=kind: _plain(p, k), lambda p=paths: _ours(p), settings.pairs(15))
            description = f"{COMPARED}{', and to float32, as the harness does' if kind else ''}"
            yield Result(_name(name), ratios, least, "higher", compared=description)
        ratios = paired(lambda: _plain(finer[1]), lambda: _ours(finer[1]), settings.pairs(15))
        description = f"{COMPARED}; here the plain code leaves int16 as it is, and does less"
        yield Result(_name("1 mm int16, to float32 here only"), ratios, None, "higher", compared=description)


def _name(files: str) -> str:
    return f"decoding, {files}, times as fast"


def _ours(paths: list[Path]) -> None:
    from bench.data.readers.nifti import read_scan

    for path in paths:
        read_scan(path)


def _plain(paths: list[Path], kind: str = "") -> None:
    import nibabel as nib
    import numpy as np

    for path in paths:
        values = np.asanyarray(nib.as_closest_canonical(nib.load(path)).dataobj)
        values.astype(kind or values.dtype, copy=False)


def _finer(source: Path, folder: Path, kind: str, times: int) -> Path:
    """A real scan of 2 mm interpolated to 1 mm: 182 x 218 x 182 voxels of a kind, its values so many times as large."""
    import nibabel as nib
    import numpy as np
    from scipy import ndimage

    scan = nib.load(source)
    values = ndimage.zoom(np.asarray(scan.dataobj, dtype=np.float32), 2, order=1)
    affine = scan.affine @ np.diag([0.5, 0.5, 0.5, 1.0])
    path = folder / f"{kind}.nii.gz"
    nib.save(nib.Nifti1Image(np.round(values * times).astype(kind), affine), path)
    return path
