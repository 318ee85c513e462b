"""Where prepared data and results lie. Read from the environment at each call, never at import."""

from __future__ import annotations

import os
from pathlib import Path

from bench.core import BenchError


def data_root() -> Path:
    """Prepared data: $BENCH_DATA, else a folder of the user's (XDG_DATA_HOME, or ~/.local/share)."""
    given = os.environ.get("BENCH_DATA")
    if given:
        return Path(given).expanduser()
    shares = os.environ.get("XDG_DATA_HOME")
    return (Path(shares) if shares else Path.home() / ".local" / "share") / "dclse-bench"


def views_roots() -> list[Path]:
    """Where views of scans may lie: under the data root; and the user's own cache, for data that may only be read."""
    caches = os.environ.get("XDG_CACHE_HOME")
    own = (Path(caches) if caches else Path.home() / ".cache") / "dclse-bench" / "views"
    return [data_root() / "views", own]


def writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or the folder itself."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def data_root_is_configured() -> bool:
    """Whether somebody said where the data lie: then a missing data set stops a study."""
    return bool(os.environ.get("BENCH_DATA"))


def results_root() -> Path:
    """Records and reports: $BENCH_RESULTS, else `results` in the current folder."""
    return Path(os.environ.get("BENCH_RESULTS") or "results").expanduser()


def plugin_folders() -> list[Path]:
    """The user's own folders: those of $BENCH_PLUGINS, else `plugins` in the current folder where it exists."""
    given = os.environ.get("BENCH_PLUGINS")
    if not given:
        return [Path("plugins")] if Path("plugins").is_dir() else []
    folders = [Path(name).expanduser() for name in given.split(os.pathsep) if name]
    for folder in folders:
        if not folder.is_dir():
            raise BenchError(f"BENCH_PLUGINS names {folder}, which is no folder")
    return folders
