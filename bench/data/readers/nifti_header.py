"""Parse and check the header of a NIfTI file before memory is allocated for its voxels."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from bench.data.readers.nifti_orientation import affine_of
from bench.data.readers.voxel_grids import AGAIN, LIMIT

if TYPE_CHECKING:
    import nibabel as nib
    import numpy as np

SEVERAL = {1004, 1005, 1006, 1007, 1008, 1009, 1010, 2002, 2003, 2004, 2005}  # intents of several numbers, or of meshes
STATISTICS, LABELS = range(2, 25), (1002, 1003)  # intents of one number that is no grey value
FREESURFER = b"\0\0\0\1"  # start of such a file
QUIET = logging.Logger("bench.datasets", logging.CRITICAL + 1)  # silences nibabel's reports of repaired headers


@dataclass(frozen=True)
class HeaderInfo:
    """Shape, type, offset, scaling and affine of the voxels that follow a header."""

    shape: tuple[int, int, int]  # in the file's own order
    dtype: np.dtype
    offset: int  # of the first voxel, in bytes
    scaling: tuple[float, float] | None  # slope and intercept; None if voxels are not scaled
    affine: np.ndarray  # (4, 4), to millimetres
    notes: tuple[str, ...] = ()  # what users should know about the header

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
    raw = _header(file)
    shape, dtype, offset, notes = _shape(raw), _dtype(raw), _offset(raw), _intent(raw)
    header = _repaired(raw.copy())
    affine, more = affine_of(raw, header, shape)
    info = HeaderInfo(shape, dtype, offset, _scaling(header), affine, (*notes, *more))
    require_memory(info)
    return info


def require_memory(info: HeaderInfo) -> None:
    """Raise ValueError if the voxels are larger than LIMIT, in the file or in memory."""
    import numpy as np

    taken = math.prod(info.shape) * (1 if info.array_dtype is np.uint8 else 4)
    if max(taken, info.offset + info.size) > LIMIT:
        many = " x ".join(map(str, info.shape))
        raise ValueError(f"states more than {LIMIT >> 30} GiB: {many} voxels after byte {info.offset}; {AGAIN}")


def _header(file: BinaryIO) -> nib.Nifti1Header:
    import nibabel as nib

    first = file.read(4)
    size, order = layout(first) or (0, "")
    if first == FREESURFER:
        raise ValueError("is a FreeSurfer file, not a NIfTI file; rename it so that it ends in .mgz or .mgh")
    if not size:
        raise ValueError(f"is not a NIfTI file: it does not start with a header; {AGAIN}")
    block = first + file.read(size - 4)
    if len(block) < size:
        raise ValueError(f"is not a NIfTI file: its header is truncated, {len(block)} of {size} bytes; {AGAIN}")
    kind = nib.Nifti1Header if size == 348 else nib.Nifti2Header
    header = kind(block, order, check=False)
    if header["magic"].item() == kind.pair_magic:
        raise ValueError("is one of a pair of files, .hdr and .img; save the two as one .nii.gz")
    if not header["magic"].item():
        raise ValueError(
            "is not a NIfTI file: its magic string is empty, as in ANALYZE files, which do not say left and right;"
            " convert it to NIfTI with its orientation"
        )
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
    volumes = math.prod(steps[3:axes])
    if axes == 4 and volumes > 1:
        raise ValueError(f"has 4 dimensions, expected 3: it is a 4D series of {volumes} volumes; give one volume")
    if axes < 3 or volumes > 1:
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
    bits = int(header["bitpix"])
    if bits not in (0, 8 * dtype.itemsize):
        label = data_type_codes.label[code]
        raise ValueError(f"states {bits} bits per voxel (bitpix), but its datatype is {label}; {AGAIN}")
    return dtype


def _intent(header: nib.Nifti1Header) -> list[str]:
    """Notes on what the header says about the meaning of a voxel. ValueError if it is no single number."""
    from nibabel.nifti1 import intent_codes

    code = int(header["intent_code"])
    label = intent_codes.label[code] if code in intent_codes.label else str(code)
    if code in SEVERAL:
        raise ValueError(f"holds {label} (intent_code {code}), not grey values; convert it to one grey value per voxel")
    if code in STATISTICS:
        return [f"the header says that voxels are a statistic ({label}), not grey values"]
    return [f"the header says that voxels are labels ({label}), not grey values"] if code in LABELS else []


def _offset(header: nib.Nifti1Header) -> int:
    offset, least = float(header["vox_offset"]), header.single_vox_offset
    if not least <= offset < math.inf or offset != int(offset):
        raise ValueError(f"has its voxels at byte {offset:g}, but they cannot start before byte {least}; {AGAIN}")
    return int(header["vox_offset"])


def _scaling(header: nib.Nifti1Header) -> tuple[float, float] | None:
    from nibabel.spatialimages import HeaderDataError

    if math.isinf(float(header["scl_slope"])):
        raise ValueError(f"has an infinite scaling (scl_slope); {AGAIN}")
    try:
        slope, inter = header.get_slope_inter()
    except HeaderDataError as error:
        raise ValueError(f"has an invalid scaling: {error}; {AGAIN}") from error
    return None if slope is None or (slope, inter) == (1, 0) else (slope, inter)
