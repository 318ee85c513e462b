"""Plug-in files that cannot be used: each is named once and left out, and stops only what needs it."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.core import paths

_faults: dict[Path | str, str] = {}  # file, or import name of an installed package -> what is wrong with it
MOST = 3  # faults in one message


def report_fault(source: Path | str, message: str) -> None:
    """Print a warning about a file that is left out, once.

    Parameters
    ----------
    source : Path or str
        The file, or the import name of an installed package.
    message : str
        What is wrong; it names the file.
    """
    message = " ".join(message.split())
    if _faults.get(source) != message:
        _faults[source] = message
        print(f"bench: warning: {message}; it is left out", file=sys.stderr)


def clear_faults() -> None:
    """Forget all faults, so that each is named again."""
    _faults.clear()


def fault_hint(name: str) -> str:
    """Describe the files that were left out and may define a name that was not found.

    Parameters
    ----------
    name : str
        Name of a member, metric or launcher.

    Returns
    -------
    str
        The end of a message; empty if no file was left out.
    """
    folders = {folder.resolve() for folder in paths.plugin_folders()}
    present = {
        source: message for source, message in _faults.items() if isinstance(source, str) or source.parent in folders
    }
    named = [message for source, message in present.items() if isinstance(source, Path) and source.stem == name]
    if named:
        return f"; {'; '.join(named)}"
    listed = list(present.values())
    if not listed:
        return ""
    more = f" and {len(listed) - MOST} more" if len(listed) > MOST else ""
    return f"; it may be defined where a file was left out: {'; '.join(listed[:MOST])}{more}"
