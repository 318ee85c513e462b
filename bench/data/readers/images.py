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
from bench.core.background import background_of
from bench.data.readers.grey_images import UnfitImageError, note_on, read_grey
from bench.data.readers.litter import is_passed_over
from bench.data.readers.omissions import omit
from bench.registry import did_you_mean

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = {".jpg", ".jpeg", ".png"}
FORMATS = ("JPEG", "PNG")
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
DEPTH = 4  # folders between the root and an image
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
    """Read an image as a grey square, (1, size, size); the aspect ratio is kept and the rest has its background.

    It is uint8, or float32 for 16-bit images; see `grey_images`. ValueError if it is broken, or has no certain grey
    values.
    """
    import numpy as np
    from PIL import Image

    values = _decoded(path, size)
    note, outside = note_on(values), background_of(values)
    scale = size / max(values.shape)
    wide, high = (max(1, round(length * scale)) for length in reversed(values.shape))
    if (high, wide) != values.shape:  # antialiased when it shrinks
        resized = np.asarray(Image.fromarray(values).resize((wide, high), Image.Resampling.BICUBIC))
        values = resized if values.dtype == np.uint8 else resized.clip(values.min(), values.max())
    square = np.full((size, size), outside, values.dtype)
    left, top = (size - wide) // 2, (size - high) // 2
    square[top : top + high, left : left + wide] = values
    return Scan(square[None], SPACING, notes=(note,) if note else ())


def _decoded(path: Path, size: int) -> np.ndarray:
    """The image in grey, (H, W)."""
    from PIL import Image, UnidentifiedImageError

    try:
        return read_grey(path, FORMATS, 2 * size)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except UnfitImageError as error:
        raise ValueError(f"{path.name} cannot be used: {error}") from error
    except UnidentifiedImageError as error:
        raise ValueError(f"{path.name} is not a JPEG or PNG image despite its name; {AGAIN}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"{path.name} states more pixels than a slice of a head has; make it smaller") from error
    except BROKEN as error:
        raise ValueError(f"{path.name} is not a complete image: {error}; {AGAIN}") from error


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
