"""Records on disk: `trials/<key>/`, written under another name, renamed when complete, and never changed afterwards.

The folder of a trial holds `record.json`, `predictions.npz` if something was predicted, and `weights.safetensors` if
they were requested; the record has the checksums of the other files and its own. A trial is finished if its folder
exists: nothing else is consulted. A running trial has its files in `.running-<key>-<machine>/`, which belongs to the
process that holds the trial's lock; the next process resumes from what a killed one left there.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import platform
import shutil
import time
import uuid
import zipfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import Record, plain
from bench.storage.atomic_io import (
    disk_errors,
    flush,
    json_checksum,
    read_errors,
    read_sealed_json,
    remove_tree,
    sha256_of,
)
from bench.storage.locks import Lock, acquire_lock

if TYPE_CHECKING:
    import numpy as np

RECORD, PREDICTIONS, WEIGHTS = "record.json", "predictions.npz", "weights.safetensors"
CLAIMS, RUNNING = ".claims", ".running"
DAY = 86400.0  # seconds
_HERE = hashlib.sha256(platform.node().encode()).hexdigest()[:8]  # a results folder may be shared by machines


class DamagedRecordError(Exception):
    """A file of a trial is not what was written: cut short, edited, of another trial."""


class Store:
    """The records under a results root. Damaged ones do not count: `damaged` has key -> reason of those read so far."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.trials = self.root / "trials"
        self.damaged: dict[str, str] = {}

    def folder(self, key: str) -> Path:
        return self.trials / key

    @property
    def claims(self) -> Path:
        """The folder of the locks of running trials, one file for each key."""
        return self.trials / CLAIMS

    def has(self, key: str) -> bool:
        """True if the folder of a finished trial exists, complete or damaged."""
        return self.folder(key).exists()

    def get(self, key: str) -> Record | None:
        """The record of a trial; None if there is none or it is damaged. RunAbortedError if it cannot be read."""
        return self._load(key, ())

    def verified(self, key: str, weights: bool = False) -> Record | None:
        """The record of a trial after its predictions match their checksum; None if it is missing or a file is damaged.

        weights: check the file of the weights too.
        """
        return self._load(key, (PREDICTIONS, WEIGHTS) if weights else (PREDICTIONS,))

    def _load(self, key: str, files: Collection[str]) -> Record | None:
        self.damaged.pop(key, None)  # another process may have repaired it
        try:
            record = self._record(key)
            for name in record.files if record else ():
                if name in files:
                    self._intact(key, name, record)
        except DamagedRecordError as error:
            self.damaged[key] = str(error)
            return None
        return record

    def mark(self, key: str) -> str:
        """SHA-256 of record.json; empty if there is no record."""
        path = self.folder(key) / RECORD
        try:
            with read_errors(path):
                return sha256_of(path)
        except FileNotFoundError:
            return ""

    def predictions(self, key: str, record: Record | None = None, names: Collection[str] = ()) -> dict[str, np.ndarray]:
        """The arrays saved with a record: ids, groups, y, selected, last; of masks ids, groups, scan_scores (the
        primary score of each scan). Empty if nothing was predicted.

        record: of the trial, if the caller has read it. names: of the arrays to read; none: all.
        DamagedRecordError if the file was changed after it was written.
        """
        record = record or self.get(key)
        if record is None or PREDICTIONS not in record.files:
            return {}
        with zipfile.ZipFile(self._intact(key, PREDICTIONS, record)) as archive:
            members = {member.removesuffix(".npy"): member for member in archive.namelist()}
            return {name: _array(archive.read(members[name])) for name in members if not names or name in names}

    def weights(self, key: str) -> Path | None:
        """The file of the selected weights; None if they were not saved. `verified` checks its content."""
        path = self.folder(key) / WEIGHTS
        return path if path.is_file() else None

    def claim(self, key: str) -> Lock | None:
        """The lock of a trial; None if another process holds it. RunAbortedError if the folder no longer exists."""
        with disk_errors(self.trials):
            (self.trials / CLAIMS).mkdir(exist_ok=True)  # not the folders above: a person who removed them meant it
            return acquire_lock(self.trials / CLAIMS / key)

    def open(self) -> None:
        """Create the folder of the trials if it does not exist yet."""
        with disk_errors(self.trials):
            self.trials.mkdir(parents=True, exist_ok=True)

    def workplace(self, key: str, mark: str = "") -> Path:
        """The working folder of a trial, with the files that a killed process left in it, on this machine or another.

        mark: of a lock that excludes nobody; then the folder belongs to this process alone and starts empty.
        """
        own = self._own_workplace(key, mark)
        with disk_errors(self.trials):
            other = None if mark or own.is_dir() else next(self.trials.glob(f"{RUNNING}-{key}-*"), None)
            if other is not None:
                copy = self.trials / f".copy-{key}-{_HERE}"
                remove_tree(copy)
                with contextlib.suppress(OSError, shutil.Error):  # it may vanish: then the trial starts again
                    shutil.copytree(other, copy).rename(own)
            own.mkdir(parents=True, exist_ok=True)
        return own

    def _own_workplace(self, key: str, mark: str) -> Path:
        return self.trials / f"{RUNNING}-{key}-{_HERE}{mark}"

    def put(
        self,
        record: Record,
        arrays: Mapping[str, np.ndarray] | None = None,
        weights: Path | None = None,
        mark: str = "",
    ) -> None:
        """Save a record with its arrays and a safetensors file of weights. An existing record of the trial stays.

        Removes the working folder of the trial. mark: as for the working folder. RunAbortedError if the disk refuses:
        then nothing is removed.
        """
        self._store(record.trial.key, mark, lambda whole: _fill(whole, record, arrays, weights))

    def receive(self, key: str, files: Mapping[str, bytes], mark: str = "") -> None:
        """Save the files of a trial from another store, as `put` does. DamagedRecordError if they are damaged."""
        if not self.has(key):
            self._store(key, mark, lambda whole: _write(whole, files))
        if self.verified(key, weights=True) is None:
            raise DamagedRecordError(self.damaged[key])

    def _store(self, key: str, mark: str, fill: Callable[[Path], None]) -> None:
        with disk_errors(self.trials):
            workplace = self._own_workplace(key, mark)  # no look at the others: there may be 100,000
            whole = workplace / f"whole-{uuid.uuid4().hex[:8]}"
            whole.mkdir(parents=True)
            try:
                fill(whole)
                whole.rename(self.folder(key))
                flush(self.trials)
            except OSError:
                if not self.has(key):
                    raise
            finally:
                remove_tree(whole)
        remove_tree(workplace)

    def set_aside(self, key: str, why: str) -> Path:
        """Rename the folder of a trial to `<key>.<why>-<number>`, so that the trial runs again; returns the new one."""
        self.damaged.pop(key, None)
        return self._aside(self.folder(key), key, why)

    def set_workplaces_aside(self, key: str, why: str) -> str:
        """Rename the working folders of a trial to `<key>.<why>-<number>`: it starts again. Returns the last name."""
        return [self._aside(path, key, why).name for path in sorted(self.trials.glob(f"{RUNNING}-{key}-*"))][-1]

    def begun(self) -> frozenset[str]:
        """Keys of the trials that have a working folder: they run, or resume where they were stopped."""
        return frozenset(path.name.split("-")[1] for path in self.trials.glob(f"{RUNNING}-*"))

    def sweep(self) -> None:
        """Delete working folders of finished trials that no process has locked.

        Those of other machines only after a day: this machine may not see their locks.
        """
        self.open()
        for path in (*self.trials.glob(f"{RUNNING}-*"), *self.trials.glob(".copy-*")):
            key, machine = path.name.split("-")[1:3]
            if not self.has(key) or (machine != _HERE and time.time() - path.stat().st_mtime < DAY):
                continue
            lock = self.claim(key)
            if lock is not None:
                with lock:
                    remove_tree(path)

    def _aside(self, folder: Path, key: str, why: str) -> Path:
        number = 1
        while (aside := self.trials / f"{key}.{why}-{number}").exists():
            number += 1
        with disk_errors(self.trials):
            folder.rename(aside)
        return aside

    def _record(self, key: str) -> Record | None:
        path = self.folder(key) / RECORD
        try:
            record = Record.parse(read_sealed_json(path))
        except FileNotFoundError:
            if self.has(key):
                raise DamagedRecordError(f"{path} is missing") from None
            return None
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise DamagedRecordError(f"{path}: {error}") from error
        if record.trial.key != key:
            raise DamagedRecordError(f"{path} is the record of another trial, {record.trial.key}")
        return record

    def _intact(self, key: str, name: str, record: Record) -> Path:
        path = self.folder(key) / name
        try:
            with read_errors(path):
                checksum = sha256_of(path)
        except FileNotFoundError as error:
            raise DamagedRecordError(f"{path} is missing") from error
        if checksum != record.files[name]:
            raise DamagedRecordError(f"{path} was changed after it was written")
        return path


def _array(content: bytes) -> np.ndarray:
    """The array of a .npy file, read at once: numpy's own reader of archives takes twice as long."""
    from numpy.lib import format as npy

    return npy.read_array(io.BytesIO(content), allow_pickle=False)


def _fill(folder: Path, record: Record, arrays: Mapping[str, Any] | None, weights: Path | None) -> None:
    """Write the files of a trial, the record last."""
    import numpy as np

    if arrays:
        np.savez_compressed(folder / PREDICTIONS, allow_pickle=False, **arrays)
    if weights is not None:
        try:
            os.link(weights, folder / WEIGHTS)  # the checkpoint keeps its own name, until the record is there
        except OSError:  # a file system without links
            shutil.copyfile(weights, folder / WEIGHTS)
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    entry = plain(replace(record, files=files))
    text = json.dumps({**entry, "seal": json_checksum(entry)}, indent=1)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")
    for path in folder.iterdir():
        flush(path)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / Path(name).name).write_bytes(content)
        flush(folder / Path(name).name)
