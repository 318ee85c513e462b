"""Decode one file of a volume to the grey versions of its three middle slices, or report its fault."""

from __future__ import annotations

from pathlib import Path

from bench.core.unavailable_files import why_unavailable
from bench.data.audit.decoding import FAULTS, DecodedImage, oddity
from bench.data.audit.similarity import checksum, middle_slices
from bench.data.readers.nifti import ENDS, read_scan


def is_volume(path: Path) -> bool:
    """True if the name is that of a volume: NIfTI, FreeSurfer or MetaImage."""
    return path.name.lower().endswith(ENDS)


def decode_volume(path: Path) -> DecodedImage:
    """Read a file. A broken one does not raise: `fault` describes it. The grid may be any: slices are downsampled."""
    try:
        if reason := why_unavailable(path):
            return DecodedImage(fault=reason)
        image = read_scan(path).image
        return DecodedImage(middle_slices(image[None])[0], checksum(image), oddity(image))
    except FAULTS as error:
        return DecodedImage(fault=f"cannot be read: {error or type(error).__name__}")
