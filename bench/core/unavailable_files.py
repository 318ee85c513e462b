"""Recognise files without content: links and pointers that git-annex, DataLad and Git LFS leave until they fetch it."""

from __future__ import annotations

import os
from pathlib import Path

POINTERS = {  # first bytes of a pointer -> what it is, and how to get the content
    b"version https://git-lfs.github.com/spec/": ("a pointer of Git LFS", "git lfs pull"),
    b"/annex/objects/": ("a pointer of git-annex", "datalad get . (or: git annex get .)"),
}
LONGEST = 1 << 15  # bytes of a pointer


def why_unavailable(path: Path) -> str | None:
    """Say why the content of a file is not on this machine, and which command fetches it.

    Parameters
    ----------
    path : Path
        A file or a link.

    Returns
    -------
    str or None
        A clause for a sentence that begins with the file; None if the content is here, or if there is no file.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    if path.is_symlink() and not path.exists():
        if _is_circular(path):
            return None
        target = os.readlink(path)
        if ".git/annex/" in Path(target).as_posix():
            return (
                "is a link of git-annex to content that is not on this machine; run in its folder: datalad get . (or:"
                " git annex get .)"
            )
        return f"is a link to {Path(target).name}, which does not exist; restore that file, or replace the link by it"
    if not path.is_file() or path.stat().st_size > LONGEST:
        return None
    with path.open("rb") as file:
        first = file.read(64)
    for begin, (what, command) in POINTERS.items():
        if first.startswith(begin):
            return f"is {what}: its content is not on this machine; run in its folder: {command}"
    return None


def _is_circular(path: Path) -> bool:
    try:
        path.resolve(strict=True)
    except FileNotFoundError:
        return False
    except (OSError, RuntimeError):  # RuntimeError before Python 3.13
        return True
    return False
