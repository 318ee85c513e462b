"""Decode an image file to grey values: the one way in which preparation and audits read pictures.

Colours become luminance, palettes their colours, and transparent pixels black. An image is turned as its EXIF tag says.
16-bit values are divided by 257, so that 65,535 becomes 255, and keep their fractions. What would lose values without
notice is refused: colours of 16 bits, several frames or pages, and sizes that no slice of a head has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

LIMIT = 1 << 26  # pixels of an image; no slice of a head has more
DEEP = 65535 // 255  # 16-bit values of one step of 8 bits
PALE = 65535 // 4  # a 16-bit image without a greater value uses 14 of its bits or fewer
BITS, MEANING, WHITE_IS_ZERO = 258, 262, 0  # tags of TIFF: bits of a channel, and whether 0 is white


class UnfitImageError(ValueError):
    """An image that is whole, but has no certain grey values; the message says what it has, and what to do."""


def read_grey(path: Path, formats: Sequence[str] | None = None, least: int = 0) -> np.ndarray:
    """The image in grey, (H, W): uint8, or float32 for 16-bit and float images.

    formats: those that are read, as Pillow names them; None for all. least: large JPEG images may be decoded at a
    reduced size of at least so many pixels; 0 for the full size. UnfitImageError if the grey values are not certain;
    a broken file raises one of the many errors of Pillow.
    """
    from PIL import Image, ImageOps

    with path.open("rb") as file:
        if not file.read(1):
            raise ValueError("it is empty (0 bytes)")
        file.seek(0)
        with Image.open(file, formats=formats) as image:
            _check(image, file)
            if least:
                image.draft("L", (least, least))  # JPEG: decode grey only
            image.load()
            return _values(ImageOps.exif_transpose(image))


def note_on(values: np.ndarray) -> str:
    """What users should know about the range of a grey image of `read_grey`; empty if nothing."""
    import numpy as np

    if values.dtype == np.uint8 or not 0 < values.max() <= PALE / DEEP:
        return ""
    highest = round(float(values.max()) * DEEP)
    return (
        f"a 16-bit image without a value above {highest}: it uses {highest.bit_length()} of its 16 bits, and is darker"
        " than images of 8 bits"
    )


def _check(image: Image, file: BinaryIO) -> None:
    """Raise UnfitImageError for an image whose values would be lost, before memory is allocated for its pixels."""
    if min(image.size) < 1:
        raise UnfitImageError(f"it has {image.size[0]} x {image.size[1]} pixels; export it again")
    if image.size[0] * image.size[1] > LIMIT:
        many = f"{image.size[0]} x {image.size[1]} pixels"
        raise UnfitImageError(f"it states {many}, more than a slice of a head has; make it smaller")
    frames = getattr(image, "n_frames", 1)
    if frames != 1:
        raise UnfitImageError(f"it holds {frames} frames or pages, expected one image; save the one that is meant")
    bits = _bits(image, file)
    if bits > 8 and (not image.mode.startswith(("I", "F")) or "transparency" in image.info):
        raise UnfitImageError(f"it has colours or transparency of {bits} bits; save it in grey, or with 8 bits")
    if bits > 8 and _tag(image, MEANING) == WHITE_IS_ZERO:
        raise UnfitImageError(f"0 is white in it, with {bits} bits; save it so that 0 is black")


def _bits(image: Image, file: BinaryIO) -> int:
    """Bits of one channel of a pixel in the file, as far as Pillow may read fewer."""
    if image.format == "PNG":
        at = file.tell()
        file.seek(24)  # behind the signature, the name of the first chunk, and width and height
        (bits,) = file.read(1)
        file.seek(at)
        return bits
    found = _tag(image, BITS)
    return max(found) if isinstance(found, tuple) else int(found or 8)


def _tag(image: Image, number: int) -> object:
    tags = getattr(image, "tag_v2", None)  # TIFF only
    return None if tags is None else tags.get(number)


def _values(image: Image) -> np.ndarray:
    import numpy as np
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        values = np.asarray(image).astype(np.float32)
        if not np.isfinite(values).all():
            raise UnfitImageError("it has pixels that are NaN or infinite; replace them")
        return values / np.float32(DEEP) if image.mode.startswith("I;16") else values
    if image.mode in ("P", "PA", "LA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    if image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    return np.asarray(image.convert("L"))
