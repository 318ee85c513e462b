"""A folder on a node for the code that was sent to it. Standard library only: it is pickled by value with `node_agent`.

Ray's own way, `runtime_env`, is not used: it unpacks code below a session folder that all users of the node may write
in, and takes a folder of the expected name that is already there.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None

PREFIX = "dclse-bench-code-"


def unpack_code(code: bytes) -> Path:
    """Unpack the code into a new folder that only this user may open; returns the folder.

    An existing folder is never used: another user of the node could have made it. The folder stays locked as long as
    this process lives. Those of processes that have ended are removed.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    folder = _new_folder()
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        archive.extractall(folder)
    return folder


def _new_folder() -> Path:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))  # mode 0700
        try:
            _lock(folder)
        except (BlockingIOError, FileNotFoundError):  # taken for an abandoned one before it was locked
            continue
        except OSError:  # a file system without locks, where nobody removes a folder
            return folder
        if folder.is_dir():
            return folder


def _lock(folder: Path) -> int:
    """Lock a folder until this process ends or closes the handle. BlockingIOError if another process has locked it."""
    handle = os.open(folder, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _remove_abandoned(temporary: Path) -> None:
    """Remove this user's folders of code that no process has locked."""
    for folder in temporary.glob(f"{PREFIX}*") if fcntl is not None else ():
        with contextlib.suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            handle = _lock(folder)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(handle)
