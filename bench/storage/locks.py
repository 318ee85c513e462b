"""One process at a time: a claim is a lock that the kernel holds for a process and drops when it ends, however it ends.

No clock and no process number is asked, so a claim of a dead process is free at once and a living one is never taken.
Claims hold between processes of one machine, and between machines where the file system has locks for all of them.
Where it has none, everybody is given a claim that excludes nobody: work may be done twice, and is then kept once.
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
PAUSE = 0.1  # seconds between two looks at a claim that somebody else holds


@dataclass
class Lock:
    """What a process holds until it lets go or ends. Used in a `with`."""

    path: Path
    handle: int | None  # of the locked file; None: a claim that excludes nobody

    @property
    def mark(self) -> str:
        """What names of unfinished files end with: nothing, or something of its own where it excludes nobody."""
        return "" if self.handle is not None else f"-{uuid.uuid4().hex[:8]}"

    def tell(self, words: str) -> None:
        """Leave words for whoever looks at the claim; where the disk refuses they are not left."""
        if self.handle is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self.handle, 0)
                os.pwrite(self.handle, words.encode(), 0)

    def release(self) -> None:
        if self.handle is None:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()  # still locked: whoever opened it meanwhile looks whether it is still the file
        os.close(self.handle)
        self.handle = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def claim(path: Path) -> Lock | None:
    """The claim on `path`, a file of its own for this purpose, or None where another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = _opened(path)
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


def told(path: Path) -> str | None:
    """What the holder of a claim has left there, empty where nothing; None where nobody is known to hold it."""
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
def claimed(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[Lock]:
    """The claim on `path`, waited for. waiting: called once where another process holds it."""
    held = claim(path)
    if held is None:
        waiting()
    while held is None:
        time.sleep(PAUSE)
        held = claim(path)
    with held:
        yield held


def _opened(path: Path) -> int:
    """A handle of the file; one to read with where it is another person's."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY)


def _is_still(path: Path, handle: int) -> bool:
    """Whether the locked file is still the one of that name: its last holder may have removed it meanwhile."""
    try:
        there, ours = path.stat(), os.fstat(handle)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
