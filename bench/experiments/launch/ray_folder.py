"""A private temporary folder for Ray on this machine: its sockets, its token and its logs.

The path of a socket has at most about a hundred letters, so a long $TMPDIR cannot hold them. Ray keeps its token in the
home folder, which a container or a batch system may lack; a token of its own for every session needs none.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.core import RunAbortedError
from bench.storage.atomic_io import remove_tree

LONGEST = 103  # letters of the path of a socket: on macOS, the shortest limit
FILES = "r"  # Ray lets everybody write in the folder that it is given: one inside the private folder
SOCKET = f"{FILES}/session_2000-01-01_00-00-00_000000_0000000/sockets/plasma_store_0"  # of Ray, in its folder
TOKEN_VARIABLES = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
SHARED_MEMORY = Path("/dev/shm")
PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")
FIXED = ("/tmp", "/var/tmp", str(SHARED_MEMORY))  # tried after the folders that the environment names


class RayStartError(RunAbortedError):
    """Ray cannot start on this machine. No trial has begun. remedy: what the user can change."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = f"Ray cannot start on this machine: {reason}"
        super().__init__(f"{self.reason}; {remedy}, or use --launcher serial")


@contextmanager
def ray_folder(given: Path | None = None) -> Iterator[Path]:
    """A short private folder for one session of Ray, removed afterwards; the environment names its token.

    given: one that `short_folder` made. RayStartError if there is no such folder, or if this machine has no loopback.
    """
    _check_loopback()
    folder = given or short_folder()
    try:
        with _set_environment(_missing_settings(folder)):
            yield folder
    finally:
        remove_tree(folder)


def check_system() -> None:
    """RayStartError on a system whose processes cannot be supervised: Windows, where nothing here was tried."""
    if os.name != "posix":
        raise RayStartError("its processes are supervised on Linux and macOS only", "on Windows run bench in WSL 2")


def plasma_folder(folder: Path) -> str | None:
    """Where Ray keeps objects: `folder` if the shared memory cannot be written; None: where Ray chooses."""
    usable = SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK | os.X_OK)
    return None if usable else str(folder)


def _check_loopback() -> None:
    """RayStartError unless a server on the loopback can be reached; Ray itself would try for minutes."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5).close()
    except OSError as error:
        reason = f"no connection to 127.0.0.1 ({error.strerror or error})"
        raise RayStartError(reason, "allow connections to the loopback") from error


def short_folder() -> Path:
    """A new folder for Ray, in the first place that can hold sockets. RayStartError if there is none."""
    named = [os.environ.get(name, "") for name in ("RAY_TMPDIR", "TMPDIR", "XDG_RUNTIME_DIR")]
    tried = list(dict.fromkeys(os.path.abspath(place) for place in (*named, *FIXED) if place))
    for place in tried:
        with contextlib.suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="ray-", dir=place))
            if _holds_sockets(folder):
                return folder
            remove_tree(folder)
    raise RayStartError(
        f"none of {', '.join(tried)} can hold its sockets (not writable, or the path is too long or has a space or the"
        " like)",
        "set RAY_TMPDIR to a writable folder with a short path",
    )


def _holds_sockets(folder: Path) -> bool:
    """Whether Ray's sockets can be made in a folder: some network file systems hold none.

    Ray puts the path into command lines, so that one with a space, a quotation mark or the like does not do.
    """
    if len(os.fsencode(folder / SOCKET)) > LONGEST or not PLAIN.fullmatch(str(folder)):
        return False
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.bind(str(folder / "probe"))
        return True
    return False


def _missing_settings(folder: Path) -> dict[str, str]:
    """What Ray would look for in the home folder: its token, and the home folder itself if there is none."""
    settings = {}
    if not any(os.environ.get(name) for name in TOKEN_VARIABLES):
        token = folder / "token"
        token.touch(0o600)
        token.write_text(secrets.token_hex(32), encoding="utf-8")
        settings["RAY_AUTH_TOKEN_PATH"] = str(token)
    try:
        Path.home()
    except RuntimeError:
        settings["HOME"] = str(folder)
    return settings


@contextmanager
def _set_environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
