"""Folders of a fixed name in a place that other users can write in, such as the folder for temporary files."""

from __future__ import annotations

import os
import platform
import stat
from pathlib import Path

from bench.core import RunAbortedError
from bench.storage.atomic_io import disk_errors

WRITABLE = stat.S_IWGRP | stat.S_IWOTH


def private_folder(path: Path) -> Path:
    """A folder that only this user may open, created if it is missing.

    Parameters
    ----------
    path : Path
        The folder. Its parent must exist.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    RunAbortedError
        If another user made it, others may write in it, or it is a link or a file: its content cannot be trusted.
        Also if the disk refuses.
    """
    with disk_errors(path.parent):
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            _check(path, path.lstat())
            path.chmod(0o700)
    return path


def _check(path: Path, about: os.stat_result) -> None:
    if not stat.S_ISDIR(about.st_mode):
        fault = "is a link or a file, not a folder"
    elif about.st_uid != os.getuid():
        fault = "belongs to another user"
    elif about.st_mode & WRITABLE:
        fault = "can be written by other users"
    else:
        return
    raise RunAbortedError(
        f"{path} on {platform.node()} {fault}, so its content cannot be trusted; remove it, or set TMPDIR on that"
        " machine to a folder of your own"
    )
