"""Runs a task on Ray in a process of its own, so that a failure of Ray neither ends this process nor makes it hang.

A supervisor starts that process and ends it with all that it has started, also if this process is killed. The task
calls back by messages: see `ray_driver`, which is the other end.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.core import RunAbortedError
from bench.experiments.launch import process_supervisor
from bench.experiments.launch.ray_driver import ERROR, RESULT, SAVED, STOP, DriverRequest
from bench.experiments.launch.ray_folder import RayStartError, check_system, short_folder
from bench.experiments.launch.signals import StopRequest

POLL = 0.2  # seconds between two polls of a request to stop
LEAVING = 15.0  # seconds that Ray may take to disconnect from a cluster, and its processes to end
START = "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
START += "from bench.experiments.launch.ray_driver import main; main(int(sys.argv[1]))"


def run_on_ray(task: str, arguments: Sequence[Any], events: Any, stop: StopRequest, address: str) -> Any:
    """Run a function on Ray and return what it returns.

    Parameters
    ----------
    task : str
        `module:function`. The function is called in another process with Ray, an object with the methods of `events`,
        a `StopRequest`, and the arguments.
    arguments : sequence
        Further arguments of the function. They are pickled, and so is what it returns.
    events : object
        Its methods are called in this process when the function calls them. What they return does not arrive there.
    stop : StopRequest
        Is passed on to the function.
    address : str
        Of a running cluster; empty: Ray is started on this machine. Ray that this process has started is used as it is.

    Raises
    ------
    RunAbortedError
        If Ray ended, does not answer, or cannot be reached.
    Exception
        That the function raised.
    """
    from bench.experiments.launch import ray_driver

    if getattr(sys.modules.get("ray"), "is_initialized", bool)():
        return ray_driver.run_in_this_process(task, arguments, events, stop, address)
    with RayProcess(address) as process:
        process.send(DriverRequest(task, tuple(arguments), address, process.folder, sys.argv, _main_file()))
        return process.follow(events, stop)


class RayProcess:
    """The process that runs Ray, with its supervisor. Used in a `with` statement, after which nothing of it is left."""

    def __init__(self, address: str) -> None:
        check_system()
        self.address = address
        self.folder = Path(tempfile.mkdtemp(prefix="ray-")) if address else short_folder()
        self.log = self.folder / "output"

    def __enter__(self) -> RayProcess:
        ours, theirs = socket.socketpair()
        with theirs, self.log.open("wb") as log:
            self.connection = Connection(ours.detach())
            command = [sys.executable, "-c", START, str(theirs.fileno()), json.dumps(sys.path)]
            supervisor = [sys.executable, "-I", "-S", process_supervisor.__file__]
            try:
                self.supervisor = subprocess.Popen(
                    [*supervisor, str(os.getpid()), str(self.folder), str(theirs.fileno()), *command],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                    pass_fds=[theirs.fileno()], start_new_session=True, env=self._environment(),
                )  # fmt: skip
            except OSError as error:
                self.connection.close()
                shutil.rmtree(self.folder, ignore_errors=True)
                fault = f"{sys.executable} cannot be started ({error.strerror})"
                raise RayStartError(fault, "let this user run it") from error
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        try:
            if kind is None and self.address:
                self._wait()  # it disconnects from the cluster
            self.connection.close()
            self.supervisor.stdin.close()
            self._wait()
        finally:
            self.supervisor.stdout.close()
            process_supervisor.end_all(lambda: process_supervisor.marked(str(self.folder)))  # if it was killed itself
            shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self) -> None:
        try:
            self.supervisor.wait(LEAVING)
        except subprocess.TimeoutExpired:
            self.supervisor.send_signal(signal.SIGTERM)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONOPTIMIZE"}  # Ray needs docstrings
        return kept | ({} if self.address else {process_supervisor.FOLDER_VARIABLE: str(self.folder)})

    def send(self, message: Any) -> None:
        """Send a message. One that cannot arrive is not an error here: `follow` raises it."""
        with contextlib.suppress(OSError):
            self.connection.send(message)

    def follow(self, events: Any, stop: StopRequest) -> Any:
        """Pass on what arrives until the result does."""
        asked = False
        while True:
            if stop.requested and not asked:
                asked = True
                self.send(STOP)
            try:
                if not self.connection.poll(POLL):
                    if self.supervisor.poll() is None:
                        continue
                    raise EOFError
                name, *content = self.connection.recv()
            except (EOFError, OSError):
                raise RunAbortedError(self._fault()) from None
            if name == RESULT:
                return content[0]
            if name == ERROR:
                raise _error(*content)
            getattr(events, name)(*content)

    def _fault(self) -> str:
        """Why the process ended, as the supervisor reports it."""
        self._wait()
        subject, _, how = self.supervisor.stdout.read().strip().partition(" ")
        if how == "stopped":
            fault = f"the process {subject} of Ray was stopped and did not go on for {process_supervisor.STOPPED:g} s"
        elif subject in process_supervisor.SERVICES:
            fault = f"the process {subject} of Ray ended, as it does if it is killed or memory runs out"
        else:
            fault = f"the process that uses Ray ended: {self._last_words() or 'it was killed, or memory ran out'}"
        return f"{fault}; {SAVED}"

    def _last_words(self) -> str:
        """The last line that the process printed, without Ray's time and place."""
        lines = self.log.read_text("utf-8", "replace").strip().split("\n")
        return re.sub(r"^\[.*?\] \S+?:\d+: ", "", lines[-1].strip())[:300]


def _error(pickled: bytes, words: str) -> BaseException:
    """The error that the other process raised, built without its constructor."""
    try:
        kind, arguments, attributes = pickle.loads(pickled)
    except Exception:  # a class that only the other process can import
        return RuntimeError(words)
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(attributes)
    return error


def _main_file() -> str:
    return getattr(sys.modules.get("__main__"), "__file__", None) or ""
