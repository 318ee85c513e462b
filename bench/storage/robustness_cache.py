"""What trained networks said of disturbed scans, on disk: a file for each trial, `<study>/stress/<key>.npz`.

A file belongs to one record (its mark) and to one version of the corruptions; what does not is as if it were not there.
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

Said = Mapping[tuple[str, int], "np.ndarray"]  # (corruption, strength) -> (N, K), (N,), or the score of each mask (N,)


def folder_of(root: Path, study: str) -> Path:
    """Where what a study's networks said lies."""
    return Path(root) / study / "stress"


def read(folder: Path, key: str, mark: str) -> dict[tuple[str, int], np.ndarray]:
    """What a trial's network said so far; nothing where the file is not of this record and of this version."""
    import numpy as np

    path = folder / f"{key}.npz"
    try:
        with read_errors(path), np.load(path, allow_pickle=False) as held:
            if str(held["mark"]) != mark or int(held["version"]) != VERSION:
                return {}
            names = (name for name in held.files if name not in ("mark", "version"))
            return {_parted(name): held[name] for name in names}
    except (FileNotFoundError, ValueError, LookupError, EOFError, zipfile.BadZipFile):
        return {}  # not there, or damaged: it can always be computed


def write(folder: Path, key: str, mark: str, said: Said) -> None:
    """Keep all that a trial's network said so far. RunAbortedError where the disk refuses."""
    import numpy as np

    arrays = {f"{corruption}-{strength}": array for (corruption, strength), array in said.items()}
    with atomic_write(folder / f"{key}.npz") as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, mark=np.array(mark), version=np.array(VERSION), **arrays)


def _parted(name: str) -> tuple[str, int]:
    corruption, _, strength = name.rpartition("-")
    return corruption, int(strength)
