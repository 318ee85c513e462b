"""Folders of prepared data, results and plug-ins. They are read from the environment at each call, never at import."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from bench.core import BenchError


def data_root() -> Path:
    """Folder of prepared data.

    Returns
    -------
    Path
        ``$BENCH_DATA``, or ``dclse-bench`` in ``$XDG_DATA_HOME`` (``~/.local/share`` by default).

    Raises
    ------
    BenchError
        If a file has that name, or if none is set and the user has no home folder.
    """
    given = os.environ.get("BENCH_DATA")
    return _folder(expand(given) if given else own_data_root(), "BENCH_DATA")


def own_data_root() -> Path:
    """Folder of prepared data of this user.

    Returns
    -------
    Path
        ``dclse-bench`` in ``$XDG_DATA_HOME`` (``~/.local/share`` by default), whatever ``$BENCH_DATA`` is.

    Raises
    ------
    BenchError
        If ``$XDG_DATA_HOME`` is not set and the user has no home folder.
    """
    shares = os.environ.get("XDG_DATA_HOME")
    if not shares and not has_home():
        raise BenchError("this user has no home folder; set HOME or BENCH_DATA to a folder that you can write in")
    return (Path(shares) if shares else Path.home() / ".local" / "share") / "dclse-bench"


def has_home() -> bool:
    """Whether this user has a home folder. In a container, a user may have neither ``$HOME`` nor an entry in passwd.

    Returns
    -------
    bool
        True if there is one, writable or not.
    """
    try:
        Path.home()
    except RuntimeError:
        return False
    return True


def expand(path: str | os.PathLike[str]) -> Path:
    """Path with ``~`` replaced by a home folder.

    Parameters
    ----------
    path : str or path-like
        Path as a user gives it.

    Returns
    -------
    Path
        The path; it need not exist.

    Raises
    ------
    BenchError
        If the path begins with ``~`` and there is no such home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise BenchError(f"{path}: there is no such home folder; give the path without ~") from error


def views_roots() -> list[Path]:
    """Folders that may hold stored views of scans.

    Returns
    -------
    list of Path
        ``views`` in the data root, and ``dclse-bench/views`` in the user's cache, if there is one, for data that are
        read-only.
    """
    caches = os.environ.get("XDG_CACHE_HOME")
    own = [Path(caches)] if caches else [Path.home() / ".cache"] if has_home() else []
    return [data_root() / "views", *(folder / "dclse-bench" / "views" for folder in own)]


def writable(folder: Path) -> bool:
    """Whether files can be created in a folder.

    Parameters
    ----------
    folder : Path
        A folder. If it does not exist, its nearest existing parent is checked.

    Returns
    -------
    bool
        True if the user may write there.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def data_root_is_configured() -> bool:
    """Whether the user has set ``$BENCH_DATA``. If so, a missing data set stops a study.

    Returns
    -------
    bool
        True if the variable is set and not empty.
    """
    return bool(os.environ.get("BENCH_DATA"))


def results_root() -> Path:
    """Folder of records and reports.

    Returns
    -------
    Path
        ``$BENCH_RESULTS``, or ``results`` in the current folder.

    Raises
    ------
    BenchError
        If a file has that name.
    """
    return _folder(expand(os.environ.get("BENCH_RESULTS") or "results"), "BENCH_RESULTS")


def _folder(path: Path, variable: str) -> Path:
    """The path, unless a file is in its place or in that of a folder above it."""
    nearest = next((each for each in (path, *path.parents) if each.exists()), path)
    if nearest.exists() and not nearest.is_dir():
        raise BenchError(f"{nearest} is a file, not a folder; move it, or set {variable} to a folder")
    return path


def plugin_folders() -> list[Path]:
    """Plug-in folders of the user.

    Returns
    -------
    list of Path
        Those of ``$BENCH_PLUGINS``, or ``plugins`` in the current folder if it exists. In the variable, a folder whose
        name holds the separator (a colon) has a backslash before it.

    Raises
    ------
    BenchError
        If ``$BENCH_PLUGINS`` names a path that is not a folder, or ``plugins`` is that of another user in a folder that
        everybody may write in, such as ``/tmp``: its code would run.
    """
    given = os.environ.get("BENCH_PLUGINS")
    if not given:
        folder = Path("plugins")
        if folder.is_dir() and _may_be_planted(folder):
            raise BenchError(
                f"{folder.resolve()} belongs to another user, and everybody may write in {Path.cwd()}, so its code is"
                " not run; run the command in a folder of your own, or set BENCH_PLUGINS to the folders that you trust"
            )
        return [folder] if folder.is_dir() else []
    names = re.split(rf"(?<!\\){re.escape(os.pathsep)}", given)
    folders = [expand(name.replace(f"\\{os.pathsep}", os.pathsep)) for name in names if name]
    for folder in folders:
        if not folder.is_dir():
            raise BenchError(f"BENCH_PLUGINS names {folder}, which is not a folder")
    return folders


def _may_be_planted(folder: Path) -> bool:
    """Whether another user, not root, owns a folder of a relative path, and everybody may write where it lies."""
    own = (os.getuid(), 0) if hasattr(os, "getuid") else (folder.stat().st_uid,)
    return bool(folder.absolute().parent.stat().st_mode & stat.S_IWOTH) and folder.lstat().st_uid not in own
