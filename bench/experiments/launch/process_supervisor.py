"""Runs a command and ends every process below it: after the command, on request, or when the starting process dies.

A script of its own, which needs the standard library only. Started as

    python -I -S process_supervisor.py PARENT FOLDER DESCRIPTOR COMMAND ...

PARENT is the process that starts it, FOLDER one of temporary files, DESCRIPTOR an open file that the command inherits.
It ends at any byte on its standard input, at the end of that input, at SIGTERM, when PARENT has died, when the command
has ended, and when one of the SERVICES that the command has started ends or stays stopped. Why it ended is the line
that it prints. It deletes FOLDER if PARENT has died and cannot.

On Linux it adopts the processes whose parents have died, so that none of them escapes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SERVICES = ("gcs_server", "raylet")  # Ray cannot go on without them
FOLDER_VARIABLE = "RAY_TMPDIR"  # names FOLDER in the environment of the command
EVERY = 0.5  # seconds between two polls
STOPPED = 20.0  # seconds that a service may stay stopped (SIGSTOP)
GRACE = 10.0  # seconds that killed processes may take to disappear
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

Table = dict[int, tuple[int, str, str]]  # process -> its parent, state and name


def process_table() -> Table:
    """All processes of this machine: parent, state (T: stopped, Z: ended) and name."""
    if not Path("/proc/self/stat").exists():
        return _listed_by_ps()
    table = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            number, _, rest = path.read_text("utf-8", "replace").partition(" (")
            name, _, fields = rest.rpartition(") ")
            state, parent = fields.split()[:2]
            table[int(number)] = int(parent), state, name
    return table


def _listed_by_ps() -> Table:
    words = ["ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "state=", "-o", "comm="]
    rows = subprocess.run(words, capture_output=True, encoding="utf-8", check=True).stdout.splitlines()
    fields = [row.split(None, 3) for row in rows if len(row.split(None, 3)) == 4]
    return {int(pid): (int(parent), state[0], Path(name).name) for pid, parent, state, name in fields}


def below(root: int, table: Table) -> set[int]:
    """The processes that `root` has started, and those that these have started."""
    children: dict[int, list[int]] = {}
    for pid, (parent, _, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found, left = set(), [root]
    while left:
        new = [pid for pid in children.get(left.pop(), []) if pid not in found]
        found.update(new)
        left += new
    return found


class ServiceWatch:
    """Reports a service that has ended or stays stopped."""

    def __init__(self, command: int) -> None:
        self.command = command  # the process that starts the services
        self.pids: dict[str, int] = {}
        self.polls: dict[str, int] = {}  # polls in a row at which the service was stopped

    def fault(self) -> str:
        """What is wrong, in one line; empty if nothing is. The time in which this process is stopped does not count."""
        table = process_table()
        for pid, (parent, _, name) in table.items():
            if parent == self.command and name in SERVICES:
                self.pids.setdefault(name, pid)
        for name, pid in self.pids.items():
            state = table[pid][1] if pid in table else "Z"
            if state in "ZX":
                return f"{name} ended"
            self.polls[name] = self.polls.get(name, 0) + 1 if state in "Tt" else 0
            if self.polls[name] * EVERY >= STOPPED:
                return f"{name} stopped"
        return ""


def marked(folder: str) -> set[int]:
    """The processes of this user that were given FOLDER in the environment, whoever is their parent now (Linux)."""
    mark, found = f"{FOLDER_VARIABLE}={folder}".encode(errors="surrogateescape"), set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or belongs to another user
            if mark in path.read_bytes().split(b"\0"):
                found.add(int(path.parent.name))
    return found - {os.getpid()}


def end_all(find: Callable[[], set[int]], after: Callable[[], object] = lambda: None) -> None:
    """Kill the processes until `find` finds none; calls `after` each time."""
    until, empty = time.monotonic() + GRACE, 0
    while empty < 2 and time.monotonic() < until:  # once is not enough: a parent may end while they are listed
        pids = find()
        empty = 0 if pids else empty + 1
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
        after()


def _reap() -> dict[int, int]:
    """Collect the ended processes that this one has started or adopted; returns their exit statuses."""
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while (pair := os.waitpid(-1, os.WNOHANG))[0]:
            ended[pair[0]] = os.waitstatus_to_exitcode(pair[1])
    return ended


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def why_ended(parent: int, command: int) -> str:
    """Wait for a reason to end; the reason in one line, empty if the parent asked or died."""
    watch = ServiceWatch(command)
    while not select.select([sys.stdin], [], [], EVERY)[0] and os.getppid() == parent:
        ended = _reap()
        if command in ended:
            return f"command ended {ended[command]}"
        if fault := watch.fault():
            return fault
    return ""


def main() -> None:
    """Run the command that the arguments give, see above."""
    parent, folder, descriptor, command = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:]
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which the command would inherit
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sys.stderr, pass_fds=[descriptor],
            preexec_fn=lambda: _prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )  # fmt: skip
        os.close(descriptor)
        print(why_ended(parent, child.pid), flush=True)
    except (KeyboardInterrupt, BrokenPipeError):  # SIGTERM; nobody reads why
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end_all(lambda: below(os.getpid(), process_table()) | marked(folder), _reap)
        if os.getppid() != parent:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
