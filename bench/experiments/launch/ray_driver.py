"""The process that uses Ray: it runs a task and sends its callbacks, its result or its error as messages.

It ends at once, without waiting for Ray, when Ray does not answer. Its supervisor then ends what it has started.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.core import RunAbortedError
from bench.experiments.launch.ray_session import connected
from bench.experiments.launch.signals import StopRequest

RESULT, ERROR, STOP = "/result", "/error", "/stop"  # messages; any other is the name of a callback
EVERY = 5.0  # seconds between two questions to Ray's control service
ANSWER = 10.0  # seconds to wait for an answer
SAVED = "finished work is saved; run the same command to resume"
SILENCE = 40.0  # seconds without an answer after which the run ends


@dataclass(frozen=True)
class DriverRequest:
    """What the process is to do, and what Ray reads of the program that it works for."""

    task: str  # module:function
    arguments: tuple[Any, ...]
    address: str
    folder: Path  # of temporary files
    argv: list[str]
    main_file: str


class EventSender:
    """An object of which every method sends its name and its arguments."""

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)
        return partial(self._send, name)


def main(descriptor: int) -> None:
    """Receive a request through the descriptor of a socket and run it."""
    os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that sent the request asks to stop
    connection, lock = Connection(descriptor), threading.Lock()

    def send(*message: Any) -> None:
        with lock:
            connection.send(message)

    try:
        request, stop = connection.recv(), StopRequest()
        threading.Thread(target=_listen, args=(connection, stop), daemon=True).start()
        _carry_out(request, send, stop)
    except (EOFError, OSError):  # nobody waits for it
        os._exit(1)
    os._exit(0)


def run_in_this_process(task: str, arguments: Sequence[Any], events: Any, stop: StopRequest, address: str) -> Any:
    """Run a task on the Ray that this process has started."""
    with connected(address) as ray:
        return _function(task)(ray, events, stop, *arguments)


def _carry_out(request: DriverRequest, send: Callable[..., None], stop: StopRequest) -> None:
    """Run the task. Ray on this machine is not asked to end: the supervisor ends it."""
    sys.argv[:] = request.argv
    if request.main_file:
        sys.modules["__main__"].__file__ = request.main_file
    session = ExitStack()
    try:
        ray = session.enter_context(connected(request.address, request.folder))
        threading.Thread(target=_watch, args=(ray, partial(_fail, send)), daemon=True).start()
        result = _function(request.task)(ray, EventSender(send), stop, *request.arguments)
    except BaseException as error:
        send(ERROR, *_portable(error))
    else:
        send(RESULT, result)
    if request.address:
        session.close()


def _function(task: str) -> Callable[..., Any]:
    module, _, name = task.partition(":")
    return getattr(importlib.import_module(module), name)


def _portable(error: BaseException) -> tuple[bytes, str]:
    """An error as bytes: class, arguments, attributes, and its traceback as a note; and its words."""
    words = f"{type(error).__name__}: {error}"
    error.add_note("in the process that uses Ray:\n" + "".join(traceback.format_exception(error)).rstrip())
    try:
        return pickle.dumps((type(error), error.args, vars(error))), words
    except Exception:
        return b"", words


def _listen(connection: Connection, stop: StopRequest) -> None:
    """Wait for the request to stop; end when the process that sends it has ended."""
    try:
        while connection.recv() == STOP:
            stop.requested = True
    except (EOFError, OSError):
        os._exit(1)


def _fail(send: Callable[..., None], words: str) -> None:
    send(ERROR, *_portable(RunAbortedError(f"{words}; {SAVED}")))
    os._exit(1)


def _watch(ray: Any, fail: Callable[[str], None]) -> None:
    """Ask Ray's control service again and again; fail if it is silent or has lost the node of this process."""
    from ray._raylet import GcsClient

    context = ray.get_runtime_context()
    client, own, answered = GcsClient(address=context.gcs_address), context.get_node_id(), time.monotonic()
    while True:
        time.sleep(EVERY)
        try:
            nodes = client.get_all_node_info(timeout=ANSWER)
        except (RuntimeError, ray.exceptions.RayError, OSError):
            if time.monotonic() - answered > SILENCE:
                fail(f"Ray has not answered for {SILENCE:g} seconds; its head may have ended")
            continue
        answered = time.monotonic()
        if any(node.hex() == own and info.state for node, info in nodes.items()):  # 0: alive
            fail("Ray on this machine left the cluster; check that its process raylet runs")
