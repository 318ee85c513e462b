"""The salt of the aliases: 64 random hexadecimal digits in a file beside the prepared data, which only its owner reads.

Aliases are equal from report to report as long as the salt is. A file that cannot be read, or is not what was written,
therefore stops a report. An empty file, which a crash or a copy can leave, is refused and replaced, with a message: no
alias was made from it. A report whose study has aliases of another salt stops in any case.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import sys
from functools import cache
from pathlib import Path

from bench.core import RunAbortedError, paths
from bench.storage.atomic_io import flush
from bench.storage.locks import locked

SALT = "salt"  # the file under the data root
_WRITTEN = re.compile(rb"[0-9a-f]{64}")
_OF = "the aliases of people and scans"
_RESTORE = (
    "restore it from a copy, so that aliases stay those of earlier reports; without a copy, delete it: the next report"
    " creates another one, and its aliases differ from those of earlier reports"
)


@cache
def read_salt(root: Path) -> bytes:
    """The salt under a data root, created if there is none.

    Parameters
    ----------
    root : Path
        Folder of prepared data. If it may not be written and has no salt, the salt of the user's own data root is used.

    Returns
    -------
    bytes
        64 hexadecimal digits.

    Raises
    ------
    RunAbortedError
        If the salt is damaged, or can be neither read nor created.
    """
    path = root / SALT
    content = _content(path)
    if content is None and not path.is_symlink():
        path = path if paths.writable(root) else paths.own_data_root() / SALT
        content = _content(path) or _created(path)
    if content == b"" and not path.is_symlink():
        print(f"{path}, the salt of {_OF}, was empty and is replaced: aliases of new reports are new", file=sys.stderr)
        content = _created(path)
    if content is None or not _WRITTEN.fullmatch(content):
        fault = "is a link to a missing file" if content is None else "is empty" if not content else "is damaged"
        raise RunAbortedError(f"{path}, the salt of {_OF}, {fault}; {_RESTORE}")
    return content


def salt_mark(root: Path) -> str:
    """16 hexadecimal digits that are equal for equal salts and reveal nothing of them. Errors: see `read_salt`."""
    return hashlib.sha256(b"mark of a salt\0" + read_salt(root)).hexdigest()[:16]


def _content(path: Path) -> bytes | None:
    """The bytes of the file; None if it does not exist. RunAbortedError if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunAbortedError(
            f"cannot read {path}, the salt of {_OF}: {error.strerror or error}. Without it the aliases of this report"
            " would differ from those of other reports; make the file readable for you, or set BENCH_DATA to a data"
            " root of your own"
        ) from error


def _created(path: Path) -> bytes | None:
    """Write a new salt, unless another process does so first; returns the bytes of the file.

    The file is complete and on the disk, or missing. RunAbortedError if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not paths.writable(path.parent):
            raise PermissionError(errno.EACCES, "its folder may not be written")
        with locked(path.with_name(f".{path.name}.claim")) as lock:
            unfinished = path.with_name(f".{path.name}.new{lock.mark}")
            unfinished.unlink(missing_ok=True)  # of a killed process
            if path.exists() and path.stat().st_size == 0 and lock.handle is not None:
                path.unlink()
            try:
                _write(unfinished, secrets.token_hex(32).encode())
                _link(unfinished, path)
            finally:
                unfinished.unlink(missing_ok=True)
            flush(path.parent)
    except OSError as error:
        raise RunAbortedError(
            f"cannot create {path}, the salt of {_OF}: {error.strerror or error}. Finished trials are saved; make the"
            " folder writable, or set BENCH_DATA or XDG_DATA_HOME to a folder that is, and run the same command again"
        ) from error
    return _content(path)


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _link(unfinished: Path, path: Path) -> None:
    """Give the file its name, if no file has it."""
    try:
        os.link(unfinished, path)
    except FileExistsError:  # the salt of a process that was first
        return
    except OSError:  # a file system without links; the lock keeps other processes away
        if not path.exists():
            unfinished.rename(path)
