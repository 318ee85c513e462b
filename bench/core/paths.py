"""Folders of prepared data, results and plug-ins. They are read from the environment at each call, never at import."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bench.core import BenchError


def data_root() -> Path:
    """Folder of prepared data.

    Returns
    -------
    Path
        ``$BENCH_DATA``, or ``dclse-bench`` in ``$XDG_DATA_HOME`` (``~/.local/share`` by default).
    """
    given = os.environ.get("BENCH_DATA")
    return Path(given).expanduser() if given else own_data_root()


def own_data_root() -> Path:
    """Folder of prepared data of this user.

    Returns
    -------
    Path
        ``dclse-bench`` in ``$XDG_DATA_HOME`` (``~/.local/share`` by default), whatever ``$BENCH_DATA`` is.
    """
    shares = os.environ.get("XDG_DATA_HOME")
    return (Path(shares) if shares else Path.home() / ".local" / "share") / "dclse-bench"


def views_roots() -> list[Path]:
    """Folders that may hold stored views of scans.

    Returns
    -------
    list of Path
        ``views`` in the data root, and ``dclse-bench/views`` in the user's cache, for data that are read-only.
    """
    caches = os.environ.get("XDG_CACHE_HOME")
    own = (Path(caches) if caches else Path.home() / ".cache") / "dclse-bench" / "views"
    return [data_root() / "views", own]


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
    """
    return Path(os.environ.get("BENCH_RESULTS") or "results").expanduser()


def plugin_folders() -> list[Path]:
    """Plug-in folders of the user.

    Returns
    -------
    list of Path
        Those of ``$BENCH_PLUGINS``, or ``plugins`` in the current folder if it exists.

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
    folders = [Path(name).expanduser() for name in given.split(os.pathsep) if name]
    for folder in folders:
        if not folder.is_dir():
            raise BenchError(f"BENCH_PLUGINS names {folder}, which is not a folder")
    return folders


def _may_be_planted(folder: Path) -> bool:
    """Whether another user, not root, owns a folder of a relative path, and everybody may write where it lies."""
    own = (os.getuid(), 0) if hasattr(os, "getuid") else (folder.stat().st_uid,)
    return bool(folder.absolute().parent.stat().st_mode & stat.S_IWOTH) and folder.lstat().st_uid not in own
