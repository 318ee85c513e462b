"""Files that are whole or not there, and faults of a disk told in one line.

What is written gets another name until it is whole and flushed, and is then renamed. What a full disk, a folder that
is gone or may not be written makes a program raise becomes a HaltError that says where, why and what to do.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.core import BenchError, RunAbortedError
from bench.storage.locks import claimed

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "a file would be larger than is allowed here",
    errno.EROFS: "it may be read and not written",
    errno.EACCES: "it may not be written",
    errno.EPERM: "it may not be written",
    errno.ENOENT: "it is not there any more",
    errno.ENOTDIR: "a file lies where a folder should be",
    errno.EIO: "the device has a fault",
    errno.ESTALE: "the file server has lost it",
    errno.EMFILE: "too many files are open",
}

READING = {errno.EACCES: "it may not be read", errno.EPERM: "it may not be read"}


@contextmanager
def storing(folder: Path) -> Iterator[None]:
    """Whatever the disk refuses in here becomes a HaltError about `folder`; other errors pass through."""
    try:
        yield
    except BenchError:
        raise
    except OSError as error:
        raise _halt(folder, error.errno, error) from error
    except Exception as error:  # safetensors and zip files have errors of their own for a full disk
        found = re.search(r"os error (\d+)|no space left", str(error), re.IGNORECASE)
        if found is None:
            raise
        raise _halt(folder, int(found[1] or errno.ENOSPC), error) from error


def _halt(folder: Path, number: int | None, error: BaseException) -> RunAbortedError:
    reason = REASONS.get(number, str(error))
    return RunAbortedError(
        f"cannot write in {folder}: {reason}. What is done is kept: mend this, and give the command again"
    )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """A file that is there and cannot be read becomes a HaltError: what nobody could look at is not called damaged.

    FileNotFoundError passes through.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = READING.get(error.errno, REASONS.get(error.errno, str(error)))
        raise RunAbortedError(f"cannot read {path}: {reason}. Nothing was changed; mend this, and try again") from error


def unsealed(path: Path) -> dict[str, Any]:
    """The entry of a file of JSON with its seal. ValueError where it is not what was written; else as `reading`."""
    with reading(path):
        content = path.read_bytes()
    try:
        entry = json.loads(content)
    except ValueError as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(entry, dict):
        raise ValueError(f"{path.name} cannot be read: it holds no entry")
    if entry.pop("seal", None) != seal(entry):
        raise ValueError(f"{path.name} was changed after it was written")
    return entry


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Another name to write a file under, which is given to it when all went well; else nothing is left.

    HaltError where the disk refuses.
    """
    with storing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with claimed(path.with_name(f".{path.name}.claim")) as held:
            unfinished = path.with_name(f".{path.name}.new{held.mark}")
            try:
                yield unfinished
                flush(unfinished)
                unfinished.replace(path)
            except BaseException:
                with contextlib.suppress(OSError):
                    unfinished.unlink()
                raise


def write_text(path: Path, text: str) -> None:
    """Write a whole file or none. HaltError where the disk refuses."""
    with whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def flush(path: Path) -> None:
    """Make sure that a file, or the names in a folder, are on the disk and not only on their way."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(entry: Mapping[str, Any]) -> str:
    """A checksum over an entry of JSON, the order of its names and the spaces between them aside; NaN is allowed."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def clear(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as that can be done."""
    shutil.rmtree(folder, ignore_errors=True)
