"""Records on disk: `trials/<key>/`, written once under a temporary name and renamed when whole; never changed after.

A folder of a trial holds `record.json`, `predictions.npz` where something was predicted, and `weights.safetensors`
where they were asked for. The folder's existence is the memory of what is done: nothing else is asked.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import Record, plain

if TYPE_CHECKING:
    import numpy as np

RECORD, PREDICTIONS, WEIGHTS = "record.json", "predictions.npz", "weights.safetensors"
_HERE = hashlib.sha256(platform.node().encode()).hexdigest()[:8]  # a folder may be shared: whose process is it?


class Store:
    """The records under a results root."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.trials = self.root / "trials"

    def folder(self, key: str) -> Path:
        return self.trials / key

    def has(self, key: str) -> bool:
        return (self.folder(key) / RECORD).is_file()

    def get(self, key: str) -> Record | None:
        """The record of a trial, or None."""
        path = self.folder(key) / RECORD
        return Record.parse(json.loads(path.read_text())) if path.is_file() else None

    def predictions(self, key: str) -> dict[str, np.ndarray]:
        """The arrays kept with a record: ids, groups, y, selected, last. Empty where nothing was predicted."""
        import numpy as np

        path = self.folder(key) / PREDICTIONS
        if not path.is_file():
            return {}
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def weights(self, key: str) -> Path | None:
        """The file of the selected weights, where they were kept."""
        path = self.folder(key) / WEIGHTS
        return path if path.is_file() else None

    def put(self, record: Record, arrays: Mapping[str, np.ndarray] | None = None, weights: Path | None = None) -> None:
        """Write a record with its arrays; `weights` is a safetensors file that is moved in. First come, first kept."""
        import numpy as np

        key = record.trial.key
        with self.scratch() as folder:
            if arrays:
                np.savez_compressed(folder / PREDICTIONS, **arrays)
            if weights is not None:
                shutil.move(weights, folder / WEIGHTS)
            (folder / RECORD).write_text(json.dumps(plain(record), indent=1, allow_nan=True) + "\n")
            for path in folder.iterdir():
                _flush(path)
            try:
                folder.rename(self.folder(key))
            except OSError:
                if not self.has(key):
                    raise

    def set_aside(self, key: str, why: str) -> None:
        """Rename the folder of a trial to `<key>.<why>-<number>`, so that the trial runs again."""
        number = 1
        while (aside := self.trials / f"{key}.{why}-{number}").exists():
            number += 1
        self.folder(key).rename(aside)

    def sweep(self) -> None:
        """Remove what processes of this machine that are no more left half done."""
        for path in self.trials.glob(f".tmp-{_HERE}-*"):
            if not _alive(int(path.name.split("-")[2])):
                shutil.rmtree(path, ignore_errors=True)

    def scratch(self) -> Scratch:
        """A folder to work in, on the same file system, removed at the end of a `with`."""
        return Scratch(self.trials / f".tmp-{_HERE}-{os.getpid()}-{uuid.uuid4().hex[:8]}")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Scratch:
    """A temporary folder: made on entry, gone on exit unless it was renamed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Path:
        self.path.mkdir(parents=True)
        return self.path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a whole file or none: under a temporary name, flushed, renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    _flush(temporary)
    temporary.replace(path)


def _flush(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
