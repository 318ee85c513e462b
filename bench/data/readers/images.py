"""Read class folders of JPEG and PNG files: list the images, and read each as a grey square.

    images = list_images(root, Folders({"Healthy": ("healthy", "notumor"), "Tumor": ("tumor",)}), layout)
    return [image.sample(target=0.0, size=224) for image in images]

Case, spaces, dashes and underscores in folder names are ignored. Parent folders named train, training, test or testing
give the part of the publisher's split. The header of an image is checked before memory is allocated for its pixels.
"""

from __future__ import annotations

import difflib
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import BenchError, Sample, Scan
from bench.data.readers.litter import is_passed_over
from bench.data.readers.omissions import omit
from bench.registry import did_you_mean

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = {".jpg", ".jpeg", ".png"}
FORMATS = ("JPEG", "PNG")
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
DEPTH = 4  # folders between the root and an image
LIMIT = 1 << 26  # pixels of an image; no slice of a head has more
SPACING = (1.0, 1.0)  # the pixel size of such images is unknown: distances are in pixels of the prepared square
AGAIN = "download or export it again"
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)  # what Pillow raises


@dataclass(frozen=True)
class Folders:
    """Names of the class folders of a set, in lower-case letters and digits only."""

    classes: Mapping[str, Sequence[str]]  # class -> spellings
    unread: Sequence[str] = ()  # known folders that are ignored

    def label(self, folder: str) -> str | None:
        """The class of a folder, None if it is not a class folder."""
        word = _word(folder)
        return next((label for label, words in self.classes.items() if word in words), None)


@dataclass(frozen=True)
class ImageFile:
    """One image file with the class and part that its folders give."""

    path: Path
    label: str
    part: str  # train, test, or empty

    @property
    def id(self) -> str:
        """`train/Healthy/name`: independent of the root folder and of the spelling of class folders."""
        return "/".join(filter(None, (self.part, self.label, self.path.stem)))

    def sample(self, target: float, size: int, group: str = "", part: str = "") -> Sample:
        """The sample of this image. By default it is its own group, because the publishers name no subjects."""
        read, part = partial(read_image, self.path, size), part or self.part
        return Sample(self.id, group or self.id, float(target), self.label, read, files=(self.path,), part=part)


@dataclass
class _FolderTree:
    """Class folders and unknown folders under a root."""

    classes: list[tuple[Path, str, str]] = field(default_factory=list)  # folder, class, part
    unknown: list[Path] = field(default_factory=list)  # folders of images that are not a class
    unread: list[Path] = field(default_factory=list)  # known folders that are not read


def list_images(root: Path | None, folders: Folders, layout: str) -> list[ImageFile]:
    """List every image in the class folders under `root`, sorted by id.

    BenchError for a missing, empty or misspelt folder, and for two files with the same id.
    """
    if root is None or not root.is_dir():
        raise BenchError(f"no folder {root}; expected: {layout}")
    tree = _FolderTree()
    _walk(root, folders, "", DEPTH, tree)
    _check(root, folders, tree, layout)
    for folder in tree.unread:
        reason = f"images in the folder {folder.relative_to(root).as_posix()}, which this data set does not read"
        for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
            if not is_passed_over(path, root):
                omit(reason, path.relative_to(root).as_posix(), path)
    pictures = [ImageFile(path, label, part) for each, label, part in tree.classes for path in _images(each)]
    ids: dict[str, ImageFile] = {}
    for picture in pictures:
        other = ids.setdefault(picture.id, picture)
        if other is not picture:
            one, two = (each.path.relative_to(root) for each in (other, picture))
            raise BenchError(f"two files have the id {picture.id}: {one} and {two} in {root}; keep one, or rename one")
    return [ids[key] for key in sorted(ids)]


def read_image(path: Path, size: int) -> Scan:
    """Read an image as a grey square, (1, size, size) uint8; the aspect ratio is kept and the rest padded with 0.

    Colours become luminance, transparent pixels black; 16-bit values are divided by 257. ValueError if it is broken.
    """
    import numpy as np
    from PIL import Image

    square = np.zeros((size, size), np.uint8)
    grey = _decoded(path, size)
    (wide, high), scale = grey.size, size / max(grey.size)
    shape = max(1, round(wide * scale)), max(1, round(high * scale))
    if shape != grey.size:
        grey = grey.resize(shape, Image.Resampling.BICUBIC)  # antialiased when it shrinks
    left, top = (size - shape[0]) // 2, (size - shape[1]) // 2
    square[top : top + shape[1], left : left + shape[0]] = np.asarray(grey)
    return Scan(square[None], SPACING)


def _decoded(path: Path, size: int) -> Image:
    """The image in 8-bit grey."""
    from PIL import Image, UnidentifiedImageError

    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise ValueError("it is empty (0 bytes)")
            file.seek(0)
            with Image.open(file, formats=FORMATS) as image:
                _check_size(image.size)
                image.draft("L", (2 * size, 2 * size))  # JPEG: decode grey only, large ones at reduced size
                image.load()
                return _grey(image)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except UnidentifiedImageError as error:
        raise ValueError(f"{path.name} is not a JPEG or PNG image despite its name; {AGAIN}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"{path.name} states more pixels than a slice of a head has; {AGAIN}") from error
    except BROKEN as error:
        raise ValueError(f"{path.name} is not a complete image: {error}; {AGAIN}") from error


def _check_size(size: tuple[int, int]) -> None:
    if min(size) < 1:
        raise ValueError(f"it has {size[0]} x {size[1]} pixels")
    if size[0] * size[1] > LIMIT:
        raise ValueError(f"it states {size[0]} x {size[1]} pixels, more than a slice of a head has")


def _grey(image: Image) -> Image:
    import numpy as np
    from PIL import Image

    if image.mode.startswith("I"):
        return Image.fromarray(np.round(np.asarray(image, np.float32).clip(0, 65535) / 257).astype(np.uint8))
    if image.mode in ("P", "PA", "LA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return (image.convert("RGB") if image.mode == "CMYK" else image).convert("L")


def _walk(folder: Path, folders: Folders, part: str, depth: int, tree: _FolderTree) -> None:
    for each in sorted(path for path in folder.iterdir() if path.is_dir() and not is_passed_over(path, folder)):
        word, label = _word(each.name), folders.label(each.name)
        if word in folders.unread:
            tree.unread.append(each)
            continue
        if label is not None:
            tree.classes.append((each, label, part))
            continue
        if word not in PARTS and next(_images(each), None) is not None:
            tree.unknown.append(each)
        if depth > 1:
            _walk(each, folders, PARTS.get(word, part), depth - 1, tree)


def _check(root: Path, folders: Folders, tree: _FolderTree, layout: str) -> None:
    """Raise BenchError if a class has no folder or no images, or if an unknown folder with images is beside a class."""
    for folder in tree.unknown:
        beside = any(folder.parent == known.parent for known, _, _ in tree.classes)
        if beside or difflib.get_close_matches(folder.name, folders.classes, n=1, cutoff=0.5):
            nearest = did_you_mean(folder.name, folders.classes)
            raise BenchError(f"folder {folder.relative_to(root)} in {root} has images, but is not a class; {nearest}")
    empty = [folder for folder, _, _ in tree.classes if next(_images(folder), None) is None]
    if empty:
        raise BenchError(f"no JPEG or PNG file in {empty[0].relative_to(root)} of {root}; {_why_empty(empty[0])}")
    absent = sorted(set(folders.classes) - {label for _, label, _ in tree.classes})
    if absent:
        contents = ", ".join(sorted(path.name for path in root.iterdir())[:6]) or "nothing"
        raise BenchError(f"no folder of the class {absent[0]} under {root}; found: {contents}; expected: {layout}")


def _why_empty(folder: Path) -> str:
    """What to do about a class folder without images that can be read."""
    below = next((path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES), None)
    if below is not None:
        return f"its images lie deeper, in {below.parent.relative_to(folder)}; move them up into {folder.name}"
    ends = sorted({path.suffix.lower() for path in folder.iterdir() if path.is_file() and path.suffix})
    if ends:
        return f"its files end in {', '.join(ends[:6])}; convert images to PNG, or rename files that are JPEG or PNG"
    return "the folder is empty: put the images there, or unpack or download the data set again"


def _images(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
