"""The first Ctrl-C lets the trials in flight end and begins no other; the second ends all at once. Both resume."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SAID = b"\nthe trials in flight are finished first; once more stops at once\n"


@dataclass
class Stop:
    """Whether somebody asked for an end."""

    asked: bool = False


@contextmanager
def gently() -> Iterator[Stop]:
    """SIGINT is kept for later in here: at the end it is passed on to whoever had it before; a second one at once.

    In another thread than the main one signals stay as they are.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def asked(*_: object) -> None:
        if stop.asked:
            signal.signal(signal.SIGINT, before)
            signal.raise_signal(signal.SIGINT)
            return
        stop.asked = True
        os.write(2, SAID)  # print may be at work in what was interrupted

    signal.signal(signal.SIGINT, asked)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
    if stop.asked:
        signal.raise_signal(signal.SIGINT)
