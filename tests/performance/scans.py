"""The real scans, where there are any."""

from __future__ import annotations

import os
from pathlib import Path

NONE = "BENCH_TEST_DATA does not name a folder with oasis1"


def oasis() -> Path | None:
    """The BIDS tree of OASIS-1, or None."""
    folder = os.environ.get("BENCH_TEST_DATA")
    tree = Path(folder) / "oasis1" if folder else None
    return tree if tree and tree.is_dir() else None


def oasis_files() -> list[Path]:
    """Its scans, in order."""
    tree = oasis()
    return sorted(tree.glob("sub-*/ses-*/anat/*_T1w.nii.gz")) if tree else []
