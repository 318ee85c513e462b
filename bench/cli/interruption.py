"""How Ctrl-C and termination end the command, from its first moment to its last.

While modules are imported nothing needs to be cleaned up, and an exception could be lost or become a traceback of a
library: the process ends at once. Otherwise an exception is raised, which releases what the command holds. Built-in
modules only: this is imported first.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
RESUMED = ("prepare", "run", "stress", "tune")  # commands that the same command resumes
IMPORTS = "<frozen importlib._bootstrap>"

_statuses: list[int] = []  # exit status of each signal that has interrupted this process


class InterruptedBySignal(SystemExit):
    """A signal has interrupted this process."""


def catch_signals() -> dict:
    """Handle Ctrl-C and termination, unless a job in the background ignores them; returns the previous handlers."""
    _statuses.clear()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    owned = _owns_the_process()
    if owned:
        atexit.register(_ignore_signals)  # the first to be registered is the last to be called
    for number in before:
        signal.signal(number, _exit_at_once if owned else _raise)
    return before


def raise_in_commands() -> None:
    """From now on a signal raises `InterruptedBySignal`, except in an import of this process's own command."""
    for number in SIGNALS:
        if signal.getsignal(number) is _exit_at_once:
            signal.signal(number, _exit_in_imports)


def restore_signals(before: dict) -> None:
    """Restore the handlers for a program that called the command. A process of its own ends at once from now on."""
    for number, handler in before.items():
        if signal.getsignal(number) not in (_exit_at_once, _exit_in_imports):
            signal.signal(number, handler)
            continue
        _flush()
        signal.signal(number, _exit_at_once)


def interruption() -> tuple[str, int] | None:
    """Message and exit status if a signal has interrupted this process."""
    if not _statuses:
        return None
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    remedy = "; finished trials are saved; run the same command to resume" if command in RESUMED else ""
    remedy = "; the run itself goes on" if command == "status" else remedy
    return f"bench: interrupted{remedy}", _statuses[0]


def _owns_the_process() -> bool:
    """Whether this process is the command `bench` or `python -m bench`, and not a program that calls it."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return spec.name == "bench.__main__"
    return os.path.splitext(os.path.basename(getattr(main, "__file__", None) or ""))[0] in ("bench", "bench-script")


def _raise(number: int, _: FrameType | None) -> None:
    _statuses.append(128 + number)
    raise InterruptedBySignal(128 + number)


def _exit_in_imports(number: int, frame: FrameType | None) -> None:
    inner = frame
    while inner is not None:
        if inner.f_code.co_filename == IMPORTS:
            _exit_at_once(number, frame)
        inner = inner.f_back
    _raise(number, frame)


def _exit_at_once(number: int, _: FrameType | None) -> None:
    _statuses.append(128 + number)
    message, status = interruption()
    try:
        os.write(2, f"{message}\n".encode())
    finally:  # also if nobody reads it any more
        os._exit(status)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # no such stream, or its reader has ended
            continue


def _ignore_signals() -> None:
    """The interpreter ends: what the command had to do is done."""
    for number in SIGNALS:
        if signal.getsignal(number) in (_exit_at_once, _exit_in_imports):
            signal.signal(number, signal.SIG_IGN)
