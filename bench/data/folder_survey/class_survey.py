"""Surveys folders that are named after classes, of images or of volumes."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from pathlib import Path

from bench.core import BenchError
from bench.data.folder_survey.grid_survey import in_words, survey_grids
from bench.data.folder_survey.survey_result import FolderSurvey, literal, metric_of, quoted
from bench.data.folder_survey.table_survey import label_cautions, ordered_classes
from bench.data.readers.images import PARTS, SUFFIXES, Folders, list_images
from bench.data.readers.litter import find_files
from bench.data.readers.nifti import ENDS

MASK = r"(^|[_-])(mask|seg|dseg|pred|label|labels)([_.-]|$)"
PERSON = r"sub-[A-Za-z0-9]+"
LIMIT = 224  # pixels of a prepared image, unless the images are smaller


def survey_images(folder: Path) -> FolderSurvey:
    """The data set of class folders of JPEG and PNG images. BenchError if there are fewer than two classes."""
    holders = [Path(each) for each, _, names in os.walk(folder) if any(map(_is_image, names))]
    names = [each.name for each in holders if each != folder and _word(each.name) not in PARTS]
    spelt: dict[str, str] = {}
    for name in names:
        spelt.setdefault(_word(name), name)
    if len(spelt) < 2:
        raise _no_classes(folder, "images", sorted(spelt.values()))
    words = {label: (word,) for word, label in spelt.items()}
    labels = ordered_classes(list(words))
    layout = f"folders {', '.join(labels)} with JPEG or PNG files"
    images = list_images(folder, Folders({label: words[label] for label in labels}), layout)
    counts, parts = Counter(image.label for image in images), Counter(image.part for image in images)
    sizes = _image_sizes([image.path for image in images])
    folders = ", ".join(f"{quoted(label)}: {literal(words[label])}" for label in labels)
    found = (
        f"class folders of images: {', '.join(f'{label}: {counts[label]}' for label in labels)}",
        f"images of {min(sizes)} to {max(sizes)} pixels along their longer side",
        *(
            [f"publisher's parts: {', '.join(f'{name}: {parts[name]}' for name in parts if name)}"]
            if any(parts)
            else []
        ),
    )
    unknown = (
        "who is in an image: images that look like one person's become one group, others may still be of one person",
        "the size of a pixel, and whether slices of one head are spread over the classes: bench audit looks for copies",
        *label_cautions(counts),
    )
    values = {
        "folders": f"{{{folders}}}", "size": str(min(LIMIT, max(16, max(sizes)))), "layout": layout,
        "metric": metric_of(len(labels)),
    }  # fmt: skip
    return FolderSurvey("image", values, found, unknown)


def survey_volumes(folder: Path) -> FolderSurvey:
    """The data set of class folders of volumes. BenchError if there are fewer than two classes."""
    volumes = [path for path in find_files(folder, "*") if path.name.lower().endswith(ENDS) and path.is_file()]
    masks = [path for path in volumes if re.search(MASK, path.name, re.IGNORECASE)]
    chosen = [path for path in volumes if path not in set(masks)]
    holders = {path: _class_folder(folder, path) for path in chosen}
    labels = ordered_classes(list({each.name for each in holders.values() if each is not None}))
    if len(labels) < 2 or any(each and len(path.relative_to(each).parts) > 2 for path, each in holders.items()):
        raise _no_classes(folder, "volumes", labels)
    _check_kinds(holders)
    folders = {
        label: tuple(
            sorted({each.relative_to(folder).as_posix() for each in holders.values() if each and each.name == label})
        )
        for label in labels
    }
    counts = Counter(each.name for each in holders.values() if each is not None)
    grid = survey_grids([path for path, each in holders.items() if each is not None])
    person, how = _person({path: each for path, each in holders.items() if each is not None})
    found = (
        f"class folders of volumes: {', '.join(f'{label}: {counts[label]}' for label in labels)}",
        *([f"{len(masks)} files that look like masks are not read"] if masks else []),
        *grid.found,
    )
    unknown = (
        *grid.unknown,
        f"who is in a scan: {how}",
        *label_cautions(counts),
        *_differences(holders),
        f"that {' and '.join(labels)} are classes to tell apart, and not sites or kinds of files",
        "whether the scans are skull-stripped and registered: bench gallery shows them",
    )
    inside = ", ".join(f"{quoted(label)}: {literal(folders[label])}" for label in labels)
    values = {
        "folders": f"{{{inside}}}", "mask": MASK, "person": person, "layout": f"volumes in folders {', '.join(labels)}",
        "metric": metric_of(len(labels)), "shape": str(grid.shape), "spacing": str(grid.spacing),
    }  # fmt: skip
    return FolderSurvey("volume", values, found, unknown)


def _check_kinds(holders: dict[Path, Path | None]) -> None:
    """BenchError if folders hold files of the same people: an image and its mask, not two classes."""
    names: dict[str, set[str]] = {}
    for path, holder in holders.items():
        if holder is not None:
            names.setdefault(holder.name, set()).add(re.split(r"[_.]", path.name)[0])
    for (one, first), (other, second) in itertools.combinations(sorted(names.items()), 2):
        shared = first & second
        if 2 * len(shared) > min(len(first), len(second)):
            raise BenchError(
                f"the folders {one} and {other} hold files that begin alike ({min(shared)}): they seem to be kinds of"
                " files of the same people, not classes; write the file by hand: bench new dataset NAME"
            )


def _differences(holders: dict[Path, Path | None]) -> list[str]:
    """That the classes have voxels of different sizes, by which they could be told apart."""
    spacings = {
        label: survey_grids([path for path, each in holders.items() if each and each.name == label]).spacing
        for label in {each.name for each in holders.values() if each is not None}
    }
    if len(set(spacings.values())) == 1:
        return []
    words = ", ".join(f"{label} {in_words(each)} mm" for label, each in sorted(spacings.items()))
    return [f"the classes differ in voxel size ({words}): a network can tell them apart by that alone"]


def _class_folder(root: Path, path: Path) -> Path | None:
    """The folder of the class of a file: the first one below the root that is no part such as `train`."""
    for each in reversed(path.relative_to(root).parents[:-1]):
        if _word(each.name) not in PARTS:
            return root / each
    return None


def _person(holders: dict[Path, Path]) -> tuple[str, str]:
    """The code that finds the person of a scan, and the same in words."""
    if all(re.search(PERSON, path.name) for path in holders):
        return f'return re.search(r"{PERSON}", path.name)[0]', "the part sub-... of the names of the files is used"
    if all(path.parent != holder for path, holder in holders.items()):
        return "return path.relative_to(folder).parts[0]", "the folder inside a class folder is used"
    return (
        "return (path.parent / bare_name(path.name)).relative_to(folder.parent).as_posix()",
        "the names do not say, so every scan counts as another person; if one person has several scans, correct"
        " person_of in the file, or a network is tested on people that it has learnt",
    )


def _image_sizes(paths: list[Path]) -> list[int]:
    """The longer sides of at most 100 of the images."""
    from PIL import Image

    sizes = []
    for path in paths[:: -(-len(paths) // 100)]:
        try:
            with Image.open(path) as image:
                sizes.append(max(image.size))
        except (OSError, ValueError, SyntaxError):  # preparation names broken images
            continue
    return sizes or [LIMIT]


def _no_classes(folder: Path, kind: str, labels: list[str]) -> BenchError:
    seen = f"{kind} in {', '.join(labels[:4])}" if labels else f"{kind}"
    return BenchError(
        f"{folder} has {seen}, but no folder for each class; `bench init` reads BIDS, CAPS, and class folders. For"
        " another layout, such as a table beside a folder of scans, write the file by hand: bench new dataset NAME"
    )


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
