"""Cached predictions of trained networks on corrupted scans: one file for each trial, `<study>/stress/<key>.npz`.

A file belongs to one record (its mark) and to one version of the corruptions; any other file is ignored.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.storage.atomic_io import atomic_write, read_errors

if TYPE_CHECKING:
    import numpy as np

VERSION = 1  # of the corruptions: raised when one of them disturbs the same scan differently
STRENGTHS = 5
CLEAN = "clean"  # the scans as they are: strength 0 of every corruption

# (corruption, strength) -> predictions (N, K) or (N,), or the score of each mask (N,)
CorruptedPredictions = Mapping[tuple[str, int], "np.ndarray"]


def folder_of(root: Path, study: str) -> Path:
    """The folder of a study's cached predictions on corrupted scans."""
    return Path(root) / study / "stress"


def read(folder: Path, key: str, mark: str) -> dict[tuple[str, int], np.ndarray]:
    """The cached predictions of a trial; empty if the file belongs to another record or version, or is damaged."""
    import numpy as np

    path = folder / f"{key}.npz"
    try:
        with read_errors(path), np.load(path, allow_pickle=False) as archive:
            if str(archive["mark"]) != mark or int(archive["version"]) != VERSION:
                return {}
            names = (name for name in archive.files if name not in ("mark", "version"))
            return {_parse_name(name): archive[name] for name in names}
    except (FileNotFoundError, ValueError, LookupError, EOFError, zipfile.BadZipFile):
        return {}  # not there, or damaged: it can always be computed


def write(folder: Path, key: str, mark: str, predictions: CorruptedPredictions) -> None:
    """Save all predictions of a trial on corrupted scans. RunAbortedError if the disk refuses."""
    import numpy as np

    arrays = {f"{corruption}-{strength}": array for (corruption, strength), array in predictions.items()}
    with atomic_write(folder / f"{key}.npz") as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, mark=np.array(mark), version=np.array(VERSION), **arrays)


def _parse_name(name: str) -> tuple[str, int]:
    corruption, _, strength = name.rpartition("-")
    return corruption, int(strength)
