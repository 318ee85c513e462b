"""Pictures for the tests of audits: noise, slices of made-up heads, and files of every odd kind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CLASSES = ("glioma", "meningioma", "notumor", "pituitary")


def noise(rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, 1, 64, 64) uint8, none like another."""
    return rng.integers(0, 255, (count, 1, 64, 64)).astype(np.uint8)


def head_slices(rng: np.random.Generator, heads: int, slices: int) -> tuple[np.ndarray, list[str]]:
    """Slices in random order and whose they are. Neighbours correlate 0.988, slices further apart less."""
    turn = np.arccos(0.988) * np.arange(slices)[:, None]
    images = []
    for _ in range(heads):
        axes = np.linalg.qr(rng.normal(size=(4096, 2)))[0].T * 64
        images.append(np.cos(turn) * axes[0] + np.sin(turn) * axes[1])
    order = rng.permutation(heads * slices)
    who = [f"head {at // slices}" for at in order]
    return np.concatenate(images)[order].reshape(-1, 1, 64, 64).astype(np.float32), who


def write(path: Path, pixels: np.ndarray, mode: str | None = None, **how: Any) -> Path:
    """The pixels in a file of the kind that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **how)
    return path


FAULTS = {  # name -> the beginning of its message
    "empty.jpg": "is empty",
    "text.jpg": "is not a JPEG or PNG image despite its name",
    "truncated.jpg": "cannot be decoded",
    "broken.png": "cannot be decoded",
    "dangling.jpg": "is a link to nowhere.jpg, which does not exist",
    "nan.tif": "cannot be decoded",
}
STRANGE = ("constant.png", "saturated.png", "bits.png")


def odd_files(root: Path, rng: np.random.Generator) -> dict[str, Any]:
    """Files of every odd kind under `root`: which are faults and why, which are read, which are strange."""
    image = noise(rng, 1)[0, 0]
    colours = rng.integers(0, 255, (40, 50, 3)).astype(np.uint8)
    folder = root / "a class with spaces, ü and 脑"
    read = {
        "cmyk.jpg": (colours, "CMYK"),
        "palette.png": (colours, "P"),
        "alpha.png": (colours, "RGBA"),
        "grey and alpha.png": (image, "LA"),
        "bits.png": (image, "1"),
        "deep.png": (image.astype(np.uint16) * 256, None),
        "float.tif": (image.astype(np.float32), None),
        "constant.png": (np.full((30, 30), 7, np.uint8), None),
        "saturated.png": (np.maximum(image, (image > 99) * np.uint8(255)), None),
    }
    for name, (pixels, mode) in read.items():
        write(folder / name, pixels, mode)
    exif = Image.Exif()
    exif[0x0112] = 6
    write(folder / "turned.jpg", colours, exif=exif)
    whole = write(folder / "truncated.jpg", np.tile(image, (4, 4))).read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "broken.png").write_bytes(write(folder / "broken.png", image).read_bytes()[:60])
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("not an image")
    (folder / "notes.txt").write_text("no image, and not taken for one")
    (folder / "folder.png").mkdir()
    os.symlink(folder / "nowhere.jpg", folder / "dangling.jpg")
    write(folder / "nan.tif", np.full((8, 8), np.nan, np.float32))
    place = folder.name
    return {
        "faults": {f"{place}/{name}": reason for name, reason in FAULTS.items()},
        "read": [f"{place}/{name}" for name in (*read, "turned.jpg")],
        "odd": [f"{place}/{name}" for name in STRANGE],
    }


def subset(source: Path, target: Path, each: int) -> Path:
    """Links to the first images of every class of a split set."""
    for part in ("Training", "Testing"):
        for label in CLASSES:
            (target / part / label).mkdir(parents=True)
            for path in sorted((source / part / label).iterdir())[:each]:
                os.symlink(path, target / part / label / path.name)
    return target
