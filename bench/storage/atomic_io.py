"""Atomic writes, and errors of the disk in one line.

A file is written under another name, flushed and then renamed: it is complete or missing. The errors of a full disk or
of a folder that is missing or read-only become a RunAbortedError that says where, why and what to do.
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
from bench.storage.locks import locked

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "a file would exceed the size limit",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission to write",
    errno.EPERM: "no permission to write",
    errno.ENOENT: "it no longer exists",
    errno.ENOTDIR: "a file exists where a folder is needed",
    errno.ELOOP: "a link is in the place of a file",
    errno.EIO: "the device reports an input/output error",
    errno.ESTALE: "the file server no longer knows it",
    errno.EMFILE: "too many files are open",
}

READING = {errno.EACCES: "no permission to read", errno.EPERM: "no permission to read"}


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn errors of the disk inside the block into a RunAbortedError about `folder`; others pass through."""
    try:
        yield
    except BenchError:
        raise
    except OSError as error:
        raise _abort(folder, error.errno, error) from error
    except Exception as error:  # safetensors and zip files have errors of their own for a full disk
        match = re.search(r"os error (\d+)|no space left", str(error), re.IGNORECASE)
        if match is None:
            raise
        raise _abort(folder, int(match[1] or errno.ENOSPC), error) from error


def _abort(folder: Path, number: int | None, error: BaseException) -> RunAbortedError:
    reason = REASONS.get(number, str(error))
    return RunAbortedError(
        f"cannot write to {folder}: {reason}. Finished work is saved; fix this and run the same command again"
    )


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn an error that keeps an existing file from being read into a RunAbortedError: it need not be damaged.

    FileNotFoundError passes through.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = READING.get(error.errno, REASONS.get(error.errno, str(error)))
        raise RunAbortedError(f"cannot read {path}: {reason}. Nothing was changed; fix this and try again") from error


def read_sealed_json(path: Path) -> dict[str, Any]:
    """The entry of a JSON file that ends with its own checksum, its seal.

    ValueError if the content is not what was written; RunAbortedError if the file cannot be read.
    """
    with read_errors(path):
        content = path.read_bytes()
    try:
        entry = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(entry, dict):
        raise ValueError(f"{path.name} cannot be read: it is not a JSON object")
    if entry.pop("seal", None) != json_checksum(entry):
        raise ValueError(f"{path.name} was changed after it was written")
    return entry


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it becomes `path` if the block succeeds, and is removed if it fails.

    RunAbortedError if the disk refuses, or the path is that of a device or a pipe: renaming would replace it.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise RunAbortedError(f"{path} is a device or a pipe and stays as it is; give the name of a file")
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_name(f".{path.name}.claim")) as lock:
            unfinished = path.with_name(f".{path.name}.new{lock.mark}")
            unfinished.unlink(missing_ok=True)  # of a killed process, or a link of somebody else to another file
            try:
                yield unfinished
                flush(unfinished)
                unfinished.replace(path)
            except BaseException:
                with contextlib.suppress(OSError):
                    unfinished.unlink()
                raise


def write_text(path: Path, text: str) -> None:
    """Write a complete file or none. RunAbortedError if the disk refuses."""
    with atomic_write(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def flush(path: Path) -> None:
    """Force a file, or the names in a folder, from the system's buffers to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_checksum(entry: Mapping[str, Any]) -> str:
    """SHA-256 of an entry of JSON, whatever the order of its keys and its spaces. NaN is allowed."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def remove_tree(folder: Path) -> None:
    """Remove a folder and everything in it. Errors are ignored."""
    shutil.rmtree(folder, ignore_errors=True)
