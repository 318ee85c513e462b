"""Records on disk: `trials/<key>/`, made under another name and renamed when whole; never changed after.

A folder of a trial holds `record.json`, `predictions.npz` where something was predicted, and `weights.safetensors`
where they were asked for; the record knows the checksums of the others and its own. The folder's existence is the
memory of what is done: nothing else is asked. What a trial has so far lies in `.running-<key>-<machine>/`, for the
process that holds the trial's claim; what a killed process left there is gone on with.
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
    """The records under a results root. Damaged ones do not count; `damaged` names those met, with the reason."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.trials = self.root / "trials"
        self.damaged: dict[str, str] = {}

    def folder(self, key: str) -> Path:
        return self.trials / key

    @property
    def claims(self) -> Path:
        """Where whoever works at a trial says so, in a file of the trial's key."""
        return self.trials / CLAIMS

    def has(self, key: str) -> bool:
        """Whether there is something of a finished trial, whole or damaged."""
        return self.folder(key).exists()

    def get(self, key: str) -> Record | None:
        """The record of a trial; None if there is none or it is damaged. RunAbortedError if it cannot be read."""
        return self._whole(key, ())

    def whole(self, key: str, weights: bool = False) -> Record | None:
        """The record of a trial whose other files are whole too; None where there is none, or something is damaged.

        weights: read them through as well.
        """
        return self._whole(key, (PREDICTIONS, WEIGHTS) if weights else (PREDICTIONS,))

    def _whole(self, key: str, files: Collection[str]) -> Record | None:
        self.damaged.pop(key, None)  # another process may have mended it
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
        """What tells one record of a trial from another; empty where there is none."""
        path = self.folder(key) / RECORD
        try:
            with read_errors(path):
                return sha256_of(path)
        except FileNotFoundError:
            return ""

    def predictions(self, key: str, record: Record | None = None, names: Collection[str] = ()) -> dict[str, np.ndarray]:
        """The arrays kept with a record: ids, groups, y, selected, last; of masks ids, groups, scan_scores (the primary
        score of each scan). Empty where nothing was predicted.

        record: that of the trial, where somebody has read it. names: of the arrays wanted; none: all.
        DamagedRecordError where they are not those that were written.
        """
        record = record or self.get(key)
        if record is None or PREDICTIONS not in record.files:
            return {}
        with zipfile.ZipFile(self._intact(key, PREDICTIONS, record)) as archive:
            held = {member.removesuffix(".npy"): member for member in archive.namelist()}
            return {name: _array(archive.read(held[name])) for name in held if not names or name in names}

    def weights(self, key: str) -> Path | None:
        """The file of the selected weights, where they were kept. `whole` says whether it is what was written."""
        path = self.folder(key) / WEIGHTS
        return path if path.is_file() else None

    def claim(self, key: str) -> Lock | None:
        """The right to work at a trial; None where another process has it. RunAbortedError where the folder is gone."""
        with disk_errors(self.trials):
            (self.trials / CLAIMS).mkdir(exist_ok=True)  # and not the folders above: who removed them meant it
            return acquire_lock(self.trials / CLAIMS / key)

    def open(self) -> None:
        """Make the folder of the trials, where it is not there yet."""
        with disk_errors(self.trials):
            self.trials.mkdir(parents=True, exist_ok=True)

    def workplace(self, key: str, mark: str = "") -> Path:
        """The folder of a trial in progress, with what a killed process left in it, on this machine or another.

        mark: of a claim that excludes nobody; then the folder is this process's own, and nobody's work is gone on with.
        """
        here = self.trials / f"{RUNNING}-{key}-{_HERE}{mark}"
        with disk_errors(self.trials):
            elsewhere = next(self.trials.glob(f"{RUNNING}-{key}-*"), None)
            if elsewhere is not None and not mark and not here.is_dir():
                copy = self.trials / f".copy-{key}-{_HERE}"
                remove_tree(copy)
                with contextlib.suppress(OSError, shutil.Error):  # it may vanish meanwhile: then from the beginning
                    shutil.copytree(elsewhere, copy).rename(here)
            here.mkdir(parents=True, exist_ok=True)
        return here

    def put(
        self,
        record: Record,
        arrays: Mapping[str, np.ndarray] | None = None,
        weights: Path | None = None,
        mark: str = "",
    ) -> None:
        """Keep a record with its arrays and a safetensors file of weights. First come, first kept.

        What the trial had in progress here is gone afterwards. mark: as of the workplace. RunAbortedError where the
        disk refuses: then nothing is gone.
        """
        self._keep(record.trial.key, mark, lambda whole: _fill(whole, record, arrays, weights))

    def receive(self, key: str, files: Mapping[str, bytes], mark: str = "") -> None:
        """Keep the files of a trial as another store has them; as in `put`. DamagedRecordError where they are not
        whole.
        """
        if not self.has(key):
            self._keep(key, mark, lambda whole: _write(whole, files))
        if self.whole(key, weights=True) is None:
            raise DamagedRecordError(self.damaged[key])

    def _keep(self, key: str, mark: str, fill: Callable[[Path], None]) -> None:
        with disk_errors(self.trials):
            workplace = self.workplace(key, mark)
            whole = workplace / f"whole-{uuid.uuid4().hex[:8]}"
            whole.mkdir()
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
        """Rename all that a trial has in progress to `<key>.<why>-<number>`, so that it begins anew; the last name."""
        return [self._aside(path, key, why).name for path in sorted(self.trials.glob(f"{RUNNING}-{key}-*"))][-1]

    def sweep(self) -> None:
        """Remove what is in progress of trials that have a record by now and nobody works at.

        That of other machines only when it is a day old: their locks may not be seen from here.
        """
        self.open()
        for path in (*self.trials.glob(f"{RUNNING}-*"), *self.trials.glob(".copy-*")):
            key, machine = path.name.split("-")[1:3]
            if not self.has(key) or (machine != _HERE and time.time() - path.stat().st_mtime < DAY):
                continue
            held = self.claim(key)
            if held is not None:
                with held:
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
                found = sha256_of(path)
        except FileNotFoundError as error:
            raise DamagedRecordError(f"{path} is missing") from error
        if found != record.files[name]:
            raise DamagedRecordError(f"{path} was changed after it was written")
        return path


def _array(content: bytes) -> np.ndarray:
    """The array of a .npy file, read at once: numpy's own reader of archives takes twice as long."""
    from numpy.lib import format as npy

    return npy.read_array(io.BytesIO(content), allow_pickle=False)


def _fill(folder: Path, record: Record, arrays: Mapping[str, Any] | None, weights: Path | None) -> None:
    """Write the files of a trial, those that the record names first."""
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
