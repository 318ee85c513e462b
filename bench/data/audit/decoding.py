"""Decode one image file to grey pixels, or report its fault; detect constant and saturated images."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.unavailable_files import why_unavailable
from bench.data.audit.similarity import SIDE, checksum, downsample
from bench.data.readers.grey_images import LIMIT, UnfitImageError, read_grey
from bench.data.readers.images import FORMATS, SUFFIXES

if TYPE_CHECKING:
    import numpy as np

SATURATED = 0.25  # share of pixels at the maximum above which an image counts as saturated
BACKGROUND = 0.12  # share of the 99th percentile below which a pixel is background
EDGE = 0.02  # share of foreground pixels that a row or column of the head has at least
FAULTS = (  # exceptions that Pillow raises on a broken file
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """Result of decoding a file: its downsampled pixels, or its fault."""

    small: np.ndarray | None = None  # (4096,) float32
    checksum: str = ""
    oddity: str = ""
    fault: str = ""


def decode(path: Path, cropped: bool = False) -> DecodedImage:
    """Read a file. A broken one does not raise: `fault` describes it. cropped: crop to the head first.

    A file that preparation would read by its name has to be JPEG or PNG, as preparation expects.
    """
    from PIL import Image

    formats = FORMATS if path.suffix.lower() in SUFFIXES else None
    try:
        if reason := why_unavailable(path):
            return DecodedImage(fault=reason)
        if not path.stat().st_size:
            return DecodedImage(fault="is empty; copy it again")
        image = read_grey(path, formats)
        small = downsample(crop_to_head(image) if cropped else image).ravel()
        return DecodedImage(small, checksum(image), oddity(image))
    except Image.UnidentifiedImageError:
        return DecodedImage(fault=f"is not {_expected(formats)} image despite its name; remove it, or copy it again")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return DecodedImage(fault=f"has more than {LIMIT:,} pixels; make it smaller")
    except UnfitImageError as error:
        return DecodedImage(fault=f"cannot be decoded: {error}")
    except FAULTS as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return DecodedImage(fault=f"cannot be decoded: {reason or type(error).__name__}; copy it again")


def _expected(formats: Sequence[str] | None) -> str:
    return f"a {' or '.join(formats)}" if formats else "an"


def oddity(image: np.ndarray) -> str:
    """Description of a constant or saturated image of any shape; empty for others."""
    import numpy as np

    lowest, highest = image.min(), image.max()
    if lowest == highest:
        return f"is constant: every pixel is {lowest:g}"
    share = float(np.mean(image == highest))
    return f"is saturated: {share:.0%} of the pixels are {highest:g}, the greatest value" if share > SATURATED else ""


def crop_to_head(image: np.ndarray) -> np.ndarray:
    """Crop to the box around the foreground, (H, W) to (h, w); the whole image if it has no foreground."""
    import numpy as np

    head = image > BACKGROUND * np.percentile(image, 99)
    rows, columns = (np.flatnonzero(head.mean(axis=axis) > EDGE) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return image
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def cropped_small(image: np.ndarray) -> np.ndarray:
    """(4096,) downsampled pixels of the head in a slice, independent of its size and position."""
    return downsample(crop_to_head(image), SIDE).ravel()
