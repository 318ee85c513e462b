"""Parse and check the header of a FreeSurfer volume (.mgh, .mgz) before memory is allocated for its voxels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, BinaryIO

from bench.data.readers.nifti_header import HeaderInfo, require_memory
from bench.data.readers.voxel_grids import AGAIN, checked_affine

if TYPE_CHECKING:
    import nibabel as nib
    import numpy as np

START = b"\0\0\0\1"  # version 1, the only one
SIZE = 284  # bytes of the header; the voxels follow
FLAG = slice(28, 30)  # bytes that say whether the file states its orientation


def parse_freesurfer_header(file: BinaryIO) -> HeaderInfo:
    """Parse the header at the start of `file`. ValueError if it is invalid or describes no scan."""
    from nibabel.freesurfer import MGHImage

    block = file.read(SIZE)
    if block[:4] != START:
        raise ValueError(f"is not a FreeSurfer file: it does not start with version 1; {AGAIN}")
    if len(block) < SIZE:
        raise ValueError(f"is not a FreeSurfer file: its header is truncated, {len(block)} of {SIZE} bytes; {AGAIN}")
    if block[FLAG] == b"\0\0":
        raise ValueError("has no orientation: goodRASFlag is 0; export it again with its orientation")
    header = MGHImage.header_class(block, check=False)
    info = HeaderInfo(_shape(header), _dtype(header), SIZE, None, _affine(header))
    require_memory(info)
    return info


def _shape(header: nib.MGHImage.header_class) -> tuple[int, int, int]:
    *shape, frames = (int(size) for size in header["dims"])
    if min(*shape, frames) < 1:
        raise ValueError(f"has impossible dimensions: {(*shape, frames)} voxels and frames; {AGAIN}")
    if frames > 1:
        raise ValueError(f"has 4 dimensions, expected 3: it is a 4D series of {frames} volumes; give one volume")
    return tuple(shape)


def _dtype(header: nib.MGHImage.header_class) -> np.dtype:
    from nibabel.freesurfer.mghformat import data_type_codes

    code = int(header["type"])
    if code not in data_type_codes.numpy_dtype:
        raise ValueError(f"has voxels of the unknown type {code}; convert it to one grey value per voxel")
    return data_type_codes.numpy_dtype[code]


def _affine(header: nib.MGHImage.header_class) -> np.ndarray:
    import numpy as np

    if not all(math.isfinite(step) and step > 0 for step in header["delta"].tolist()):
        raise ValueError(f"has voxels of {header['delta'].tolist()} mm, expected positive sizes; {AGAIN}")
    with np.errstate(all="ignore"):  # what is not finite is refused
        return checked_affine(header.get_affine().astype(float))
