"""Which files of prepared data, or of records, the code of a method opens while a trial is run.

A method is given training scans; files hold test scans and targets as well. Python reports every file that is opened to
an audit hook (PEP 578). A file counts if code outside the package and outside libraries is among the callers, below the
trial: that is code of a method, a view or a curriculum. What a method finds in the memory of its process, or lets
another process read, is not seen.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bench
from bench.core import paths

OWN = str(Path(bench.__file__).parent) + os.sep
LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
WEIGHTS = ".safetensors"  # files that networks begin with may lie anywhere
_watching = threading.local()
_state: dict[str, bool] = {}


@contextmanager
def opened_data(trials: Path) -> Iterator[list[str]]:
    """Yield a list that gets the names of the files that the code of a method opens in this thread.

    Parameters
    ----------
    trials : Path
        Folder of records, which count as data do.
    """
    names: list[str] = []
    roots = (paths.data_root() / "prepared", *paths.views_roots(), trials)
    _install()
    before = getattr(_watching, "watch", None)
    _watching.watch = tuple(str(root.absolute()) + os.sep for root in roots), names
    try:
        yield names
    finally:
        _watching.watch = before


def opened_note(names: Sequence[str]) -> dict[str, list[str]]:
    """The files for the record of a trial.

    Parameters
    ----------
    names : sequence of str
        As `opened_data` collected them.

    Returns
    -------
    dict of str to list of str
        Each name once; empty if there is none.
    """
    return {"opened_data": sorted(set(names))} if names else {}


def _install() -> None:
    """Add the hook once in this process: Python has no way to remove one."""
    if not _state.get("installed"):
        _state["installed"] = True
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open":
        return
    watch = getattr(_watching, "watch", None)
    if watch is None or not isinstance(arguments[0], (str, bytes)):
        return
    _watching.watch = None  # what is opened meanwhile is not of the method
    try:
        roots, names = watch
        path = os.path.abspath(os.fsdecode(arguments[0]))
        if path.startswith(roots) and not path.endswith(WEIGHTS) and _reads(*arguments[1:3]) and _foreign_caller():
            names.append(os.path.basename(path))
    finally:
        _watching.watch = watch


def _reads(mode: str | None, flags: int) -> bool:
    """Whether a file is opened to be read, and not to write a new one."""
    return mode[:1] == "r" if isinstance(mode, str) else not flags & (os.O_WRONLY | os.O_TRUNC | os.O_EXCL)


def _foreign_caller() -> bool:
    """Whether code that is neither of the package nor of a library is among the callers, below the trial."""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(OWN):
            if file.endswith("run_trial.py"):
                return False
        elif not file.startswith((*LIBRARIES, "<")):
            return True
        frame = frame.f_back
    return False
