"""The first Ctrl-C lets the trials in flight end and begins no other; the second ends all at once. Both resume."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

FINISHING = b"\nthe trials in flight are finished first; once more stops at once\n"


@dataclass
class StopRequest:
    """Whether somebody asked for an end, and what whoever had the signal before raised at it."""

    requested: bool = False
    raised: BaseException | None = None


@contextmanager
def gently() -> Iterator[StopRequest]:
    """SIGINT is kept for later in here: at the end it is passed on to whoever had it before; a second one at once.

    What the handlers of before raise arrives as that, whatever a library in between made of it. In another thread than
    the main one signals stay as they are, and so does one that is ignored (a job in the background).
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number, handler in before.items():
        way = _first if number == signal.SIGINT else _passed
        signal.signal(number, way(stop, handler))
    try:
        yield stop
    except (KeyboardInterrupt, SystemExit) as error:  # Ray makes one of these of whatever a handler raises
        raise stop.raised or error from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stop.requested:
        signal.raise_signal(signal.SIGINT)


def _first(stop: StopRequest, before: Any) -> Callable[..., None]:
    def request(number: int, frame: Any) -> None:
        if stop.requested:
            _passed(stop, before)(number, frame)
            return
        stop.requested = True
        os.write(2, FINISHING)  # print may be at work in what was interrupted

    return request


def _passed(stop: StopRequest, before: Any) -> Callable[..., Any]:
    if not callable(before):  # the system's own way: the process ends
        return lambda number, _: (signal.signal(number, before), signal.raise_signal(number))

    def pass_on(number: int, frame: Any) -> None:
        try:
            before(number, frame)
        except BaseException as error:
            stop.raised = error
            raise

    return pass_on
