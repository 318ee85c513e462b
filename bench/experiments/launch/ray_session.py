"""Ray itself: begun on this machine and ended with the run, or found at an address and left as it is.

What is begun here listens on the loopback alone, has no dashboard and tells nobody outside about itself.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from bench.core import BenchError, RunAbortedError

LOOPBACK = "127.0.0.1"
AUTHENTICATION = "RAY_AUTH_MODE"
WAIT = 15.0  # seconds that an address is given to answer
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing phones home
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",  # a trial in this process is not niced either
}
QUIET = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray, with what runs at `address`, or begun here where that is empty. BenchError, RunAbortedError where it cannot
    be.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    if address:
        _reach(address)
    mode = os.environ.get(AUTHENTICATION)
    with _signals_as_they_are():
        import ray

        ours = not ray.is_initialized()
        if ours and address:
            _join(ray, address)
        elif ours:
            with _on_the_loopback():
                ray.init(address="local", _node_ip_address=LOOPBACK, **QUIET)
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()
            _authentication(mode)


@contextmanager
def _signals_as_they_are() -> Iterator[None]:
    """Ray puts its own handlers where it likes; here they are those of before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    if threading.current_thread() is threading.main_thread():
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _on_the_loopback() -> Iterator[None]:
    """Ray takes the loopback for this machine's address, as it does by itself only on systems without clusters.

    Else it listens at all addresses of the machine, whatever address it is given.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _authentication(mode: str | None) -> None:
    """As before Ray was begun: what is begun here has a token, and the next cluster may have none, or another."""
    from ray._raylet import Config

    if os.environ.get(AUTHENTICATION) != mode:
        os.environ.pop(AUTHENTICATION)
        if mode is not None:
            os.environ[AUTHENTICATION] = mode
        Config.initialize("")


def parsed(address: str) -> tuple[str, int]:
    """Host and port of an address; nothing of `auto`. BenchError where it is no address of a Ray cluster."""
    if address == "auto":
        return "", 0
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdigit() and int(port) < 65536) or "/" in host:
        raise BenchError(
            f"{address!r} is no address of a Ray cluster: HOST:PORT as `ray start --head` prints it, or auto;"
            " give the command on a machine of the cluster"
        )
    return host.strip("[]"), int(port)


def _reach(address: str) -> None:
    """Wait until something listens at the address. RunAbortedError where nothing does for WAIT seconds."""
    host, port = parsed(address)
    if address == "auto":
        return
    until, why = time.monotonic() + WAIT, ""
    while time.monotonic() < until:
        try:
            with socket.create_connection((host, port), timeout=max(0.1, until - time.monotonic())):
                return
        except OSError as error:
            why = error.strerror or str(error)
            time.sleep(min(0.5, max(0.0, until - time.monotonic())))
    raise RunAbortedError(
        f"no Ray cluster answers at {address}, not within {WAIT:g} seconds: {why}; is its head running?"
    )


def _join(ray: Any, address: str) -> None:
    """Become a driver of the cluster. RunAbortedError if no such cluster, or one of another Ray, listens there."""
    near = address != "auto" and LOOPBACK in _greet(ray, address)
    try:
        with _on_the_loopback() if near else nullcontext():
            ray.init(address=address, **{name: QUIET[name] for name in ("log_to_driver", "logging_level")})
    except (RuntimeError, ConnectionError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise RunAbortedError(f"cannot join the Ray cluster at {address}: {reason}") from error


def _greet(ray: Any, address: str) -> set[str]:
    """The addresses of the nodes, from what listens there. Ray's own first words may end this process where it is not
    Ray, or asks for a token that is not there."""
    from ray._raylet import GcsClient

    try:
        nodes = GcsClient(address=address).get_all_node_info(timeout=WAIT).values()
    except ray.exceptions.AuthenticationError as error:
        remedy = "set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to its file"
        raise RunAbortedError(f"the Ray cluster at {address} asks for a token: {remedy}") from error
    except (RuntimeError, ray.exceptions.RayError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunAbortedError(f"what listens at {address} does not answer as a Ray cluster does: {reason}") from error
    return {node.node_manager_address for node in nodes}
