"""Affine of a NIfTI header in millimetres: its units, its sform and its qform, and whether these two agree.

The sform is used if its code is not 0, else the qform, as the standard says. A header that contradicts itself about
left and right, about its axes or, in one space, about the size of its voxels is refused. Other differences are noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.data.readers.voxel_grids import AGAIN, ROOM, checked_affine, directions_of, distance, steps_of

if TYPE_CHECKING:
    import nibabel as nib
    import numpy as np

UNITS = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # code of a unit of length -> millimetres; 0 is unknown
CODES = range(6)  # of the space of an sform or a qform
NEAR = 0.02  # relative difference of spacing that counts as equal
LEAST_COSINE = 0.7071  # of the turn between sform and qform: 45 degrees
REMEDY = "set the code of the wrong one to 0, or export it again"


def affine_of(raw: nib.Nifti1Header, header: nib.Nifti1Header, shape: tuple[int, ...]) -> tuple[np.ndarray, list[str]]:
    """Affine (4, 4) from voxels to millimetres, and notes. ValueError if the header gives no orientation.

    raw: the header as it is in the file. header: as nibabel repairs it.
    """
    for name in ("sform_code", "qform_code"):
        if int(raw[name]) not in CODES:
            raise ValueError(f"has the unknown {name} {int(raw[name])}; {AGAIN}")
    if not raw["sform_code"] and not raw["qform_code"]:
        raise ValueError(
            "has no orientation: qform_code and sform_code are 0; export it again with its orientation, or set it if"
            " you know it"
        )
    unit = _unit(raw)
    if not raw["sform_code"]:
        _require_qform(raw)
        return checked_affine(_scaled(_matrix(header, "qform"), unit)), []
    affine = checked_affine(_scaled(_matrix(header, "sform"), unit))
    return affine, _disagreements(raw, header, affine, unit, shape)


def _unit(raw: nib.Nifti1Header) -> float:
    """Millimetres of one unit of length of the header."""
    code = int(raw["xyzt_units"]) & 7
    if code not in UNITS:
        raise ValueError(f"has the unknown unit of length {code} in xyzt_units; {AGAIN}")
    return UNITS[code]


def _scaled(affine: np.ndarray, unit: float) -> np.ndarray:
    import numpy as np

    with np.errstate(all="ignore"):  # what becomes infinite is refused
        return np.diag([unit, unit, unit, 1.0]) @ affine


def _matrix(header: nib.Nifti1Header, name: str) -> np.ndarray:
    import numpy as np
    from nibabel.spatialimages import HeaderDataError

    try:
        with np.errstate(all="ignore"):
            return header.get_sform() if name == "sform" else header.get_qform()
    except (HeaderDataError, ValueError, ArithmeticError) as error:
        raise ValueError(f"has an invalid orientation: {error}; {AGAIN}") from error


def _has_sizes(raw: nib.Nifti1Header) -> bool:
    import numpy as np

    sizes = np.asarray(raw["pixdim"][1:4], float)
    return bool((np.isfinite(sizes) & (sizes > 0)).all())


def _require_qform(raw: nib.Nifti1Header) -> None:
    """Raise ValueError if sizes or handedness of the qform are left to the reader: programs differ in them."""
    if not _has_sizes(raw):
        sizes = " x ".join(f"{float(size):g}" for size in raw["pixdim"][1:4])
        raise ValueError(f"has voxels of {sizes} (pixdim), so its qform gives no positions; {AGAIN}")
    hand = float(raw["pixdim"][0])
    if hand not in (-1, 0, 1):
        raise ValueError(f"has the handedness {hand:g} in pixdim[0], expected 1 or -1; {AGAIN}")


def _disagreements(
    raw: nib.Nifti1Header, header: nib.Nifti1Header, affine: np.ndarray, unit: float, shape: tuple[int, ...]
) -> list[str]:
    """Notes on what qform and pixdim say otherwise than the sform. ValueError if they contradict it."""
    if not _has_sizes(raw):
        return ["pixdim has sizes of voxels that are not positive; the sform is used"]
    sizes = raw["pixdim"][1:4].astype(float) * unit
    unlike = not all(abs(size / step - 1) <= NEAR for size, step in zip(sizes, steps_of(affine), strict=True))
    words = f"{_sizes(sizes)} mm in pixdim, {_sizes(steps_of(affine))} mm in the sform"
    if not raw["qform_code"]:
        return [f"voxels have other sizes in pixdim than in the sform ({words}); the sform is used"] if unlike else []
    try:
        _require_qform(raw)
        other = checked_affine(_scaled(_matrix(header, "qform"), unit))
    except ValueError as error:
        return [f"the qform is not valid ({str(error).partition(';')[0]}); the sform is used"]
    _require_one_orientation(affine, other)
    if unlike and raw["qform_code"] == raw["sform_code"]:
        raise ValueError(f"has voxels of {words}, both in one space; {REMEDY}")
    apart = distance(affine, other, shape)
    if not unlike and apart <= ROOM * min(sizes):
        return []
    return [f"qform and sform differ, by up to {apart:.1f} mm; the sform is used"]


def _require_one_orientation(sform: np.ndarray, qform: np.ndarray) -> None:
    """Raise ValueError if two affines differ in handedness or by a turn of more than 45 degrees."""
    import numpy as np
    from nibabel.orientations import aff2axcodes

    turn = directions_of(qform).T @ directions_of(sform)
    mirrored = np.linalg.det(turn) < 0
    if mirrored or (np.trace(turn) - 1) / 2 < LEAST_COSINE:
        one, two = ("".join(aff2axcodes(each)) for each in (sform, qform))
        what = "left and right" if mirrored else "the directions of its axes"
        raise ValueError(f"has an sform ({one}) and a qform ({two}) that contradict each other on {what}; {REMEDY}")


def _sizes(steps: np.ndarray) -> str:
    return " x ".join(f"{float(step):.4g}" for step in steps)
