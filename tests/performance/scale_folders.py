"""BIDS folders of many people with a small scan each, and a data set that reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

FOLDERS = """
import sys
from bench.data.prepare import prepare
assert len(prepare("many", None, sys.argv[1], workers=1).ids)
"""
DATASET = """
from dataclasses import dataclass
from typing import ClassVar
from bench.core import Dataset, Task
from bench.data.readers.bids import scans

@dataclass(frozen=True)
class Many(Dataset):
    title: ClassVar[str] = "many people"
    source: ClassVar[str] = "made for the benchmark"
    licence: ClassVar[str] = "none needed"
    citation: ClassVar[str] = "none"
    layout: ClassVar[str] = "BIDS"
    task: ClassVar[Task] = Task("classification", "auc", ("a", "b"))
    shape = (1, %(edge)d, %(edge)d, %(edge)d)
    spacing = (8.0, 8.0, 8.0)

    def samples(self, root):
        rows = scans(root, columns=("age", "group"), layout=self.layout)
        return [row.sample(row.label("group", ("a", "b")), row.text("group"), ("age",)) for row in rows]

DATASET = Many
"""


def prepared(folder: Path, sizes: Sequence[int], edge: int) -> Iterator[tuple[int, Path]]:
    """(people, BIDS folder) for each size; the scans of a smaller one are links to those of the largest.

    folder: with `plugins`, as own.folders makes it. edge: voxels of a scan along each axis.
    """
    (folder / "plugins" / "many.py").write_text(DATASET % {"edge": edge})
    files = [_scan(folder / "scans" / f"{number}.nii", number, edge) for number in range(sizes[-1])]
    for size in sizes:
        tree = folder / f"tree-{size}"
        tree.mkdir()
        rows = [f"sub-{number:06d}\t{20 + number % 70}\t{'ab'[number % 2]}" for number in range(size)]
        (tree / "participants.tsv").write_text("\n".join(["participant_id\tage\tgroup", *rows]) + "\n")
        for number, file in enumerate(files[:size]):
            name = f"sub-{number:06d}"
            (tree / name / "anat").mkdir(parents=True)
            os.link(file, tree / name / "anat" / f"{name}_T1w.nii")
        yield size, tree


def _scan(path: Path, number: int, edge: int) -> Path:
    """A file of int16 noise, another for each number."""
    import nibabel as nib
    import numpy as np

    path.parent.mkdir(exist_ok=True)
    voxels = np.random.default_rng(number).integers(0, 1000, (edge,) * 3).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.diag([8.0, 8.0, 8.0, 1.0])), path)
    return path
