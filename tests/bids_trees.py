"""Small BIDS trees of empty-headed people, for the tests of readers and of preparation."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

LAS = np.diag([-2.0, 2.0, 2.0, 1.0])  # OASIS-1 as it is usually stored: left and right are swapped


def volume(shape: Sequence[int] = (91, 109, 91), dtype: type = np.uint8, value: float = 100) -> np.ndarray:
    """A box of `value` with its first voxel, at index (0, 0, 0), at a tenth of it."""
    array = np.full(shape, value, dtype)
    array[0, 0, 0] = value / 10
    return array


def write_scan(path: Path, array: np.ndarray, affine: np.ndarray = LAS) -> Path:
    """The array as .nii.gz (compressed a little, it is quick; the same bytes every time)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(nib.Nifti1Image(array, affine).to_bytes(), 1, mtime=0))
    return path


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    path.write_text("".join("\t".join(line) + "\n" for line in lines))


def scan_path(root: Path, subject: str, session: str = "ses-01") -> Path:
    return root / subject / session / "anat" / f"{subject}_{session}_T1w.nii.gz"


def oasis(root: Path, people: int = 4, **more: Sequence[object]) -> Path:
    """People sub-0, sub-1, ... of 70 and more, every second with dementia. more: columns that are otherwise."""
    rows = []
    for number in range(people):
        row = {"participant_id": f"sub-{number}", "session_id": "ses-01", "age": 70 + number, "sex": "F"}
        row |= {"cdr": 0.5 * (number % 2), "mmse": 29, "etiv": 1400, "nwbv": 0.75}
        rows.append({**row, **{column: values[number] for column, values in more.items()}})
        write_scan(scan_path(root, f"sub-{number}"), volume(value=100 + number))
    write_table(root / "sessions.tsv", rows)
    return root
