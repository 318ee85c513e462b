"""The first Ctrl-C lets running trials finish and starts no other; the second stops at once. Runs resume after both."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

FINISHING = b"\nfinishing running trials; press Ctrl-C again to stop now\n"


@dataclass
class StopRequest:
    """requested: after the first Ctrl-C. raised: the exception of the previous signal handler."""

    requested: bool = False
    raised: BaseException | None = None


@contextmanager
def graceful_stop() -> Iterator[StopRequest]:
    """Delay the first SIGINT: it reaches the previous handler at the end of the block; a second one does so at once.

    An exception of a previous handler is raised unchanged, also if a library converted it. Outside the main thread all
    signals stay as they are, and so does an ignored one (a job in the background).
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number, handler in before.items():
        wrap = _delay_first if number == signal.SIGINT else _forward
        signal.signal(number, wrap(stop, handler))
    try:
        yield stop
    except (KeyboardInterrupt, SystemExit) as error:  # Ray converts the exception of a handler into one of these
        raise stop.raised or error from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stop.requested:
        signal.raise_signal(signal.SIGINT)


def _delay_first(stop: StopRequest, before: Any) -> Callable[..., None]:
    def request(number: int, frame: Any) -> None:
        if stop.requested:
            _forward(stop, before)(number, frame)
            return
        stop.requested = True
        os.write(2, FINISHING)  # the signal may have interrupted a print

    return request


def _forward(stop: StopRequest, before: Any) -> Callable[..., Any]:
    if not callable(before):  # the default of the system: the process ends
        return lambda number, _: (signal.signal(number, before), signal.raise_signal(number))

    def pass_on(number: int, frame: Any) -> None:
        try:
            before(number, frame)
        except BaseException as error:
            stop.raised = error
            raise

    return pass_on
