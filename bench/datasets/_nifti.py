"""NIfTI files to canonical arrays: decoded with isal, turned to left-right, posterior-anterior, inferior-superior."""

from __future__ import annotations

from pathlib import Path

from bench.core import Scan

LIMIT = 1 << 31  # bytes when unpacked: more is no scan of a head, but a file that would fill the memory
CHUNK = 1 << 22


def read_scan(path: Path, mask: Path | None = None) -> Scan:
    """The scan of a .nii or .nii.gz file: image (1, D, H, W), uint8 where the file holds plain uint8, else float32.

    mask: a label map on the same grid, or None. ValueError or OSError where a file is broken.
    """
    import numpy as np

    image, spacing = _read(path)
    image = image if image.dtype == np.uint8 else image.astype(np.float32)
    if mask is None:
        return Scan(image[None], spacing)
    labels, _ = _read(mask)
    if labels.shape != image.shape:
        raise ValueError(f"{mask.name} has dimensions {labels.shape}, its image {image.shape}")
    return Scan(image[None], spacing, labels)


def _read(path: Path) -> tuple:
    """The array (D, H, W) in RAS and its spacing in millimetres."""
    import nibabel as nib
    import numpy as np
    from nibabel.filebasedimages import ImageFileError
    from nibabel.orientations import OrientationError
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    content = _unpacked(path)
    try:
        turned = nib.as_closest_canonical(nib.Nifti1Image.from_bytes(content))
        values = np.asanyarray(turned.dataobj)
    except (ImageFileError, HeaderDataError, WrapStructError, OrientationError) as error:
        raise ValueError(f"is no NIfTI file: {error}") from error
    if values.dtype.kind not in "biuf":
        raise ValueError(f"holds {values.dtype}, not grey values")
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise ValueError(f"a volume has 3 dimensions, this file {values.ndim}: {values.shape}")
    return values, tuple(round(float(step), 4) for step in turned.header.get_zooms()[:3])


def _unpacked(path: Path) -> bytes:
    from isal import igzip, isal_zlib

    opened = igzip.open if path.suffix == ".gz" else open
    content = bytearray()
    try:
        with opened(path, "rb") as file:
            while piece := file.read(CHUNK):
                content += piece
                if len(content) > LIMIT:
                    raise ValueError(f"holds more than {LIMIT >> 30} GiB when unpacked")
    except EOFError as error:
        raise ValueError("is a gzip file cut short") from error
    except (igzip.BadGzipFile, isal_zlib.error) as error:
        raise ValueError(f"is no whole gzip file: {error}") from error
    return bytes(content)
