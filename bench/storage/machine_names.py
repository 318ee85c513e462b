"""Removes from error messages what names a machine or its user: host, address, process number, user, home folder."""

from __future__ import annotations

import contextlib
import getpass
import platform
import re
import socket
from collections.abc import Collection, Iterator
from functools import cache

GENERIC = frozenset({"root", "user", "localhost", "ubuntu", "admin", "docker", "jovyan", "bench", "dclse"})
SHORTEST = 3  # letters of a name that is recognised
_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_ADDRESS = re.compile(
    rf"(?<![\w.])(?:ip\s*[:=]\s*)?{_BYTE}(?:\.{_BYTE}){{3}}(?::\d{{1,5}})?(?![\w.]*\d)", re.IGNORECASE
)
_PROCESS = re.compile(r"\b(?:pid|ppid|process(?: id)?)\s*[:=#]?\s*\d+\b", re.IGNORECASE)
_HOME = re.compile(r"""(?<![\w.:/])(?:/home|/Users|[A-Za-z]:\\Users)[/\\][^\s/\\:'"<>|,;()]+(?![\w/\\])""")


def hide_machine(text: str, nodes: Collection[str] = ()) -> str:
    """A message without the names of machines, their addresses, processes and users.

    nodes: names of the machines that made the records. Generic names (`root`, `localhost`) name nobody and stay.
    """
    text = _HOME.sub("~", text)
    text = _PROCESS.sub("(a process)", _ADDRESS.sub("(an address)", text))
    for name in sorted({*_own_names(), *_parts(nodes)}, key=lambda name: (-len(name), name)):
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "(a machine or user)", text)
    return text


@cache
def _own_names() -> frozenset[str]:
    """Names of this machine and of the user of this process."""
    names = [platform.node(), socket.gethostname()]
    with contextlib.suppress(OSError, KeyError, ImportError):  # a user without a name, in a container
        names.append(getpass.getuser())
    return frozenset(_parts(names))


def _parts(names: Collection[str]) -> Iterator[str]:
    """The names, and host names without their domain; those that name nobody are left out."""
    for name in names:
        for part in (name, name.partition(".")[0]):
            if len(part) >= SHORTEST and part.lower() not in GENERIC and not part.isdigit():
                yield part
