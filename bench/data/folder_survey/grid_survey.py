"""Shapes and voxel sizes of volumes, from their headers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.readers.metaimage_header import parse_metaimage_header
from bench.data.readers.voxel_grids import reoriented

LOOKED = 200  # headers that are read at most, evenly spread over the files
Sizes = tuple[int, ...]


@dataclass(frozen=True)
class GridSurvey:
    """The grid of most volumes: the shape holds every volume of that spacing."""

    shape: Sizes
    spacing: tuple[float, ...]
    found: tuple[str, ...]
    unknown: tuple[str, ...]


def survey_grids(paths: Sequence[Path]) -> GridSurvey:
    """The grid of these volumes. ValueError if no header of them can be read."""
    looked = paths[:: -(-len(paths) // LOOKED)]
    grids, broken = [], []
    for path in looked:
        try:
            grids.append(_grid(path))
        except Exception as error:  # nibabel raises many errors on a broken header
            broken.append(f"{path.name}: {' '.join(str(error).split())[:120]}")
    if not grids:
        raise ValueError(f"no header of {len(looked)} volumes can be read; the first: {broken[0]}")
    counts = Counter(spacing for _, spacing in grids)
    spacing = counts.most_common(1)[0][0]
    shapes = Counter(shape for shape, each in grids if each == spacing)
    shape = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
    part = "" if len(looked) == len(paths) else f" (of {len(paths)}; the others were not looked at)"
    found = f"{len(grids)} headers{part}: {in_words(shape)} voxels of {in_words(spacing)} mm"
    found += "" if len(shapes) == 1 else f", the largest of {len(shapes)} shapes: smaller scans are padded"
    return GridSurvey((1, *shape), spacing, (found,), tuple(_cautions(counts, broken, spacing)))


def _cautions(counts: Counter, broken: list[str], spacing: tuple[float, ...]) -> list[str]:
    others = sum(counts.values()) - counts[spacing]
    cautions = [f"the header of {words}" for words in broken[:3]]
    if others:
        cautions.append(
            f"{others} of {sum(counts.values())} scans have another voxel size than {in_words(spacing)} mm and will be"
            " reported as broken: bring all scans to one grid first (a registration to a template does)"
        )
    return cautions


def _grid(path: Path) -> tuple[Sizes, tuple[float, ...]]:
    """Shape and spacing of a volume in the orientation in which it is read."""
    import nibabel as nib
    import numpy as np

    if path.name.lower().endswith(".mha"):
        with path.open("rb") as file:
            header = parse_metaimage_header(file)
        shape, affine = header.shape, header.affine
    else:
        image = nib.load(path)
        shape, affine = image.shape[:3], image.affine
    turned, spacing, _ = reoriented(np.broadcast_to(np.uint8(0), shape), np.asarray(affine))
    return turned.shape, spacing


def in_words(sizes: Sequence[float]) -> str:
    """`2 x 2 x 2`."""
    return " x ".join(f"{size:g}" for size in sizes)
