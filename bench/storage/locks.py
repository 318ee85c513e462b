"""Locks between processes: the kernel holds a lock for a process and drops it when the process ends, however it ends.

No clock and no process number is used, so the lock of a dead process is free at once and that of a living one is never
taken. Locks hold between processes of one machine, and between machines if the file system supports that. On a file
system without locks every process gets one that excludes nobody: work may be done twice, and is then stored once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None

LOCKLESS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
NO_LINKS = getattr(os, "O_NOFOLLOW", 0)
PAUSE = 0.1  # seconds between two attempts to get a lock that another process holds


@dataclass
class Lock:
    """A lock that a process holds until it releases it or ends. Use it in a `with`."""

    path: Path
    handle: int | None  # of the locked file; None: a lock that excludes nobody

    @property
    def mark(self) -> str:
        """The suffix of unfinished files: empty, or a unique one if the lock excludes nobody."""
        return "" if self.handle is not None else f"-{uuid.uuid4().hex[:8]}"

    def write_note(self, words: str) -> None:
        """Write a note into the lock file, which others can read. Errors of the disk are ignored."""
        if self.handle is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self.handle, 0)
                os.pwrite(self.handle, words.encode(), 0)

    def release(self) -> None:
        """Give the lock back. A second call does nothing."""
        if self.handle is None:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()  # still locked: a process that opened it meanwhile checks whether it is still the file
        os.close(self.handle)
        self.handle = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def acquire_lock(path: Path) -> Lock | None:
    """The lock on `path`, a file for this purpose alone; None if another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = _open(path)
        try:
            if fcntl is None:
                raise OSError(errno.ENOSYS, "no locks")
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError as error:
            os.close(handle)
            if error.errno not in LOCKLESS:
                raise
            return Lock(path, None)
        if _is_still(path, handle):
            return Lock(path, handle)
        os.close(handle)


def read_lock_note(path: Path) -> str | None:
    """The note that the holder of a lock wrote, which may be empty; None if no process is known to hold it."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return os.pread(handle, 4096, 0).decode(errors="replace")
    except OSError:
        return None
    finally:
        os.close(handle)


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[Lock]:
    """Wait for the lock on `path` and hold it in the block. waiting: called once if another process holds it."""
    lock = acquire_lock(path)
    if lock is None:
        waiting()
    while lock is None:
        time.sleep(PAUSE)
        lock = acquire_lock(path)
    with lock:
        yield lock


def _open(path: Path) -> int:
    """A handle of the file; a read-only one if the file belongs to another user. A link is not followed: its target,
    which notes would overwrite, is no lock file."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | NO_LINKS, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY | NO_LINKS)


def _is_still(path: Path, handle: int) -> bool:
    """Whether the locked file is still the one of that name: its last holder may have removed it meanwhile."""
    try:
        named, ours = path.stat(), os.fstat(handle)
    except FileNotFoundError:
        return False
    return (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)
