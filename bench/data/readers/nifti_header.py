"""Parse and check the header of a NIfTI file before memory is allocated for its voxels."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import nibabel as nib
    import numpy as np

LIMIT = 1 << 31  # bytes of voxels, in the file and in memory; no scan of a head has more
SHEAR = 0.01  # largest cosine between two axes of a grid that count as orthogonal
THINNEST = 1e-4  # mm between voxels
VAST = 1e9  # mm: larger numbers in an affine are invalid
AGAIN = "copy or export it again"
QUIET = logging.Logger("bench.datasets", logging.CRITICAL + 1)  # silences nibabel's reports of repaired headers


@dataclass(frozen=True)
class HeaderInfo:
    """Shape, type, offset, scaling and affine of the voxels that follow a header."""

    shape: tuple[int, int, int]  # in the file's own order
    dtype: np.dtype
    offset: int  # of the first voxel, in bytes
    scaling: tuple[float, float] | None  # slope and intercept; None if voxels are not scaled
    affine: np.ndarray  # (4, 4)

    @property
    def array_dtype(self) -> type:
        """Data type in memory: uint8 if the file has unscaled uint8 voxels, else float32."""
        import numpy as np

        return np.uint8 if self.dtype == np.uint8 and self.scaling is None else np.float32

    @property
    def size(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def layout(first: bytes) -> tuple[int, str] | None:
    """Size and byte order of the header that starts with these four bytes; None if it is not a NIfTI header."""
    orders = {"<": int.from_bytes(first, "little"), ">": int.from_bytes(first, "big")}
    return next(((size, order) for order, size in orders.items() if size in (348, 540)), None)


def parse_header(file: BinaryIO) -> HeaderInfo:
    """Parse the header at the start of `file`. ValueError if it is invalid or describes no scan."""
    import numpy as np

    header = _header(file)
    shape, dtype, offset = _shape(header), _dtype(header), _offset(header)
    header = _repaired(header)
    info = HeaderInfo(shape, dtype, offset, _scaling(header), _affine(header))
    taken = math.prod(shape) * (1 if info.array_dtype is np.uint8 else 4)
    if max(taken, info.offset + info.size) > LIMIT:
        many = " x ".join(map(str, shape))
        raise ValueError(f"states more than {LIMIT >> 30} GiB: {many} voxels after byte {info.offset}; {AGAIN}")
    return info


def _header(file: BinaryIO) -> nib.Nifti1Header:
    import nibabel as nib

    first = file.read(4)
    size, order = layout(first) or (0, "")
    if not size:
        raise ValueError(f"is not a NIfTI file: it does not start with a header; {AGAIN}")
    block = first + file.read(size - 4)
    if len(block) < size:
        raise ValueError(f"is not a NIfTI file: its header is truncated, {len(block)} of {size} bytes; {AGAIN}")
    kind = nib.Nifti1Header if size == 348 else nib.Nifti2Header
    header = kind(block, order, check=False)
    if header["magic"].item() == kind.pair_magic:
        raise ValueError("is one of a pair of files, .hdr and .img; save the two as one .nii.gz")
    return header


def _repaired(header: nib.Nifti1Header) -> nib.Nifti1Header:
    """The header as nibabel repairs it: unknown orientation codes become 0, a handedness of 0 becomes 1."""
    from nibabel.spatialimages import HeaderDataError

    try:
        header.check_fix(QUIET, 40)
    except (HeaderDataError, ValueError, ArithmeticError) as error:
        raise ValueError(f"is not a NIfTI file: {error}; {AGAIN}") from error
    return header


def _shape(header: nib.Nifti1Header) -> tuple[int, int, int]:
    axes, *steps = (int(value) for value in header["dim"])
    if not 1 <= axes <= 7 or min(steps[:axes]) < 1:
        raise ValueError(f"has impossible dimensions: {axes} axes of {tuple(steps[: max(0, axes)])} voxels; {AGAIN}")
    if axes == 4 and steps[3] > 1:
        raise ValueError(f"has 4 dimensions, expected 3: it is a 4D series of {steps[3]} volumes; give one volume")
    if axes not in (3, 4):
        raise ValueError(f"has {axes} dimensions, expected 3: {tuple(steps[:axes])}; give one volume")
    return tuple(steps[:3])


def _dtype(header: nib.Nifti1Header) -> np.dtype:
    from nibabel.nifti1 import data_type_codes

    code = int(header["datatype"])
    if code not in data_type_codes.dtype:
        raise ValueError(f"has voxels of the unknown datatype {code}; {AGAIN}")
    dtype = data_type_codes.dtype[code].newbyteorder(header.endianness)
    if dtype.kind not in "iuf":
        raise ValueError(
            f"holds {data_type_codes.label[code]}, not grey values; convert it to one grey value per voxel"
        )
    return dtype


def _offset(header: nib.Nifti1Header) -> int:
    offset, least = float(header["vox_offset"]), header.single_vox_offset
    if not least <= offset < math.inf or offset != int(offset):
        raise ValueError(f"has its voxels at byte {offset:g}, but they cannot start before byte {least}; {AGAIN}")
    return int(header["vox_offset"])


def _scaling(header: nib.Nifti1Header) -> tuple[float, float] | None:
    from nibabel.spatialimages import HeaderDataError

    try:
        slope, inter = header.get_slope_inter()
    except HeaderDataError as error:
        raise ValueError(f"has an invalid scaling: {error}; {AGAIN}") from error
    return None if slope is None or (slope, inter) == (1, 0) else (slope, inter)


def _affine(header: nib.Nifti1Header) -> np.ndarray:
    """Affine of the sform, else of the qform; ValueError if neither gives an orientation."""
    import numpy as np
    from nibabel.spatialimages import HeaderDataError

    if not header["sform_code"] and not header["qform_code"]:
        raise ValueError(
            "has no orientation: qform_code and sform_code are 0; export it again with its orientation, or set it if"
            " you know it"
        )
    try:
        with np.errstate(all="ignore"):
            affine = header.get_best_affine()
    except (HeaderDataError, ValueError, ArithmeticError) as error:
        raise ValueError(f"has an invalid orientation: {error}; {AGAIN}") from error
    if not (np.abs(affine) < VAST).all():  # false for NaN too
        raise ValueError(f"has NaN, infinite or very large numbers in its affine; {AGAIN}")
    steps = steps_of(affine)
    if not (steps > THINNEST).all() or abs(np.linalg.det(affine[:3, :3] / steps)) < SHEAR**2:
        raise ValueError(f"has a singular affine: its axes do not span three dimensions; {AGAIN}")
    axes = affine[:3, :3] / steps
    if np.abs(axes.T @ axes - np.eye(3)).max() > SHEAR:
        raise ValueError("has a sheared grid: its axes are not orthogonal; resample it to an orthogonal grid")
    return affine


def steps_of(affine: np.ndarray) -> np.ndarray:
    """Millimetres between voxels along the file's own axes."""
    import numpy as np

    return np.sqrt((affine[:3, :3] ** 2).sum(0))
