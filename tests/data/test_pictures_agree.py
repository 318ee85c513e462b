"""A picture is the same for preparation and for an audit, and is the one that Pillow reads; or both refuse the file.

The cases are the same on every run.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from bench.data.audit.decoding import decode
from bench.data.audit.similarity import checksum
from bench.data.prepare.checks import checksum_of
from bench.data.readers.images import Folders, list_images

FIXED = {"derandomize": True, "deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
SIZE = 24  # of the square that is prepared
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK")
ENDS = {"PNG": ".png", "JPEG": ".jpg", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif"}
SAVED = {"PNG": MODES[:7], "JPEG": ("L", "RGB", "CMYK"), "GIF": ("L", "P"), "BMP": ("L", "RGB"), "TIFF": MODES}
ORIENTATION = 0x0112
CLASSES = Folders({"one": ("one",), "two": ("two",)})
CAUSES = (  # words of one cause, of either reader
    ("empty", "0 bytes"),
    ("despite its name",),
    ("git-annex", "Git LFS", "is a link to"),
    ("truncated", "broken", "complete", "not enough", "decod"),
)


@dataclass(frozen=True)
class Picture:
    """A picture of square pixels in a file. kind: the format of the content; end: the ending of the name."""

    mode: str
    kind: str
    end: str
    turn: int  # the EXIF tag of its orientation; 0: none
    seed: int
    fault: str


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    kind = draw(st.sampled_from(["PNG", "PNG", "JPEG", "JPEG", "GIF", "BMP", "TIFF"]))
    end = draw(st.sampled_from([ENDS[kind]] * 6 + [".png", ".jpg"]))
    turn = draw(st.integers(0, 8)) if kind in ("PNG", "JPEG", "TIFF") else 0
    fault = draw(st.sampled_from([""] * 7 + ["empty", "cut", "annex", "lfs", "dangling"]))
    return Picture(draw(st.sampled_from(SAVED[kind])), kind, end, turn, draw(st.integers(0, 99)), fault)


def write(folder: Path, picture: Picture) -> Path:
    path = folder / f"a{picture.end}"
    rng = np.random.default_rng(picture.seed)
    if picture.mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65536, (SIZE, SIZE)).astype(np.uint16))
    else:
        grey = rng.integers(20, 235, (SIZE, SIZE, 1))  # tinted a little: no colour is cut off in a JPEG
        colours = np.concatenate([grey + rng.integers(-9, 9, (SIZE, SIZE, 3)), rng.integers(0, 256, grey.shape)], -1)
        image = Image.fromarray(colours.astype(np.uint8)).convert(picture.mode)
    exif = Image.Exif()
    exif[ORIENTATION] = picture.turn
    more = {"exif": exif} if picture.turn else {}
    image.save(path, format=picture.kind, **more)
    content = path.read_bytes()
    pointers = {"annex": b"/annex/objects/MD5-s3--abc", "lfs": b"version https://git-lfs.github.com/spec/v1\noid 1"}
    faulty = {"empty": b"", "cut": content[: len(content) * 3 // 4], **pointers}
    if picture.fault == "dangling":
        path.unlink()
        os.symlink(folder / "absent.png", path)
    elif picture.fault:
        path.write_bytes(faulty[picture.fault])
    return path


def as_pillow_reads(path: Path) -> np.ndarray:
    """The grey values in steps of 8 bits, transparent pixels black, (SIZE, SIZE)."""
    with Image.open(path) as image:
        turned = ImageOps.exif_transpose(image)
        if turned.mode.startswith("I"):
            return np.asarray(turned).astype(np.float32) / 257
        if turned.mode in ("P", "LA", "RGBA", "PA"):
            colours = np.asarray(turned.convert("RGBA")).astype(float)
            return colours[..., :3] @ [0.299, 0.587, 0.114] * colours[..., 3] / 255
        return np.asarray(turned.convert("RGB").convert("L")).astype(np.float32)


def prepared(root: Path) -> tuple[np.ndarray | None, str]:
    """What preparation reads in the folder `one`, (SIZE, SIZE), or why it does not."""
    (found, _) = list_images(root, CLASSES, "two folders")
    sample = found.sample(0.0, SIZE)
    try:
        checksum_of(sample, root)
        return sample.read().image[0], ""
    except (ValueError, OSError) as error:
        return None, str(error)


def check(picture: Picture, counts: dict[str, int]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for label in ("one", "two"):
            (root / label).mkdir()
        path = write(root / "one", picture)
        Image.new("L", (SIZE, SIZE)).save(root / "two" / "b.png")
        audited = decode(path)
        if picture.end not in (".png", ".jpg"):  # only an audit reads other formats
            assert picture.fault or audited.fault or audited.checksum == seen(path)
            return
        image, fault = prepared(root)
        assert bool(fault) == bool(audited.fault), (fault, audited.fault)
        counts["refused" if fault else "read"] += 1
        if fault:
            assert path.name in fault
            assert cause(fault) == cause(audited.fault), (fault, audited.fault)
            return
        np.testing.assert_allclose(image, as_pillow_reads(path), atol=1.01)
        assert audited.checksum == seen(path)
        if picture.kind == "PNG":
            assert audited.checksum == checksum(image)


def seen(path: Path) -> str:
    """The checksum of the pixels that the common reader gives at full size."""
    from bench.data.readers.grey_images import read_grey

    return checksum(read_grey(path))


def cause(fault: str) -> tuple[str, ...]:
    return next((words for words in CAUSES if any(word in fault for word in words)), (fault.partition(": ")[2],))


@pytest.mark.parametrize("number", [60, pytest.param(1500, marks=pytest.mark.slow)])
def test_preparation_and_audit_read_one_picture_or_refuse_it_for_one_cause(number):
    counts = {"read": 0, "refused": 0}

    @settings(max_examples=number, **FIXED)
    @given(pictures())
    def each(picture: Picture) -> None:
        check(picture, counts)

    each()
    assert min(counts.values()) > number / 20
