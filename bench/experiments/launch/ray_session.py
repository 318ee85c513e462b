"""Starts Ray on this machine and ends it with the run, or connects to a running cluster and leaves it running.

Ray on this machine listens on the loopback alone, has no dashboard and sends no usage statistics.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from bench.core import BenchError, RunAbortedError
from bench.experiments.launch.ray_folder import FILES, RayStartError, plasma_folder, ray_folder

LOOPBACK = "127.0.0.1"
AUTHENTICATION = "RAY_AUTH_MODE"
WAIT = 15.0  # seconds to wait for an address to answer
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing phones home
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",  # a trial in this process is not niced either
}
QUIET = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}


@contextmanager
def connected(address: str, folder: Path | None = None) -> Iterator[Any]:
    """Ray, connected to the cluster at `address`, or started on this machine if that is empty.

    folder: for its files on this machine, made by `ray_folder.short_folder`; a new one by default.
    BenchError or RunAbortedError if that is impossible; RayStartError if Ray cannot start on this machine.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    if address:
        _reach(address)
    mode = os.environ.get(AUTHENTICATION)
    ray = _imported()
    started = not ray.is_initialized()
    with ray_folder(folder) if started and not address else nullcontext() as place:
        try:
            if started:
                _forget_token()
                with _restored_signals():
                    _join(ray, address) if address else _start(ray, place)
            yield ray
        finally:
            if started:
                ray.shutdown()
                _restore_authentication(mode)


def _imported() -> Any:
    """The package ray. RayStartError if it is missing or broken."""
    try:
        with _restored_signals():
            import ray
    except (ImportError, OSError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RayStartError(f"the package ray cannot be imported ({reason})", "install it again") from error
    return ray


def _start(ray: Any, folder: Path) -> None:
    """Start Ray on this machine. RayStartError if it does not start."""
    try:
        with _on_the_loopback():
            ray.init(
                address="local", _node_ip_address=LOOPBACK, _temp_dir=str(folder / FILES),
                _plasma_directory=plasma_folder(folder), **QUIET,
            )  # fmt: skip
    except Exception as error:  # Ray raises the class itself if a process of its own does not answer
        reason = " ".join(str(error).split())[:200]
        raise RayStartError(reason, "change this") from error


@contextmanager
def _restored_signals() -> Iterator[None]:
    """Restore the signal handlers that Ray replaces when it starts."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _on_the_loopback() -> Iterator[None]:
    """Make Ray use the loopback as this machine's address, as it does on systems without clusters.

    Otherwise it listens at all addresses of the machine, even if it gets one address.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _restore_authentication(mode: str | None) -> None:
    """Restore the authentication mode: Ray on this machine uses a token; the next cluster may have none, or another."""
    from ray._raylet import Config

    if os.environ.get(AUTHENTICATION) != mode:
        os.environ.pop(AUTHENTICATION)
        if mode is not None:
            os.environ[AUTHENTICATION] = mode
        Config.initialize("")
    _forget_token()


def _forget_token() -> None:
    """Let Ray read its token again: it keeps the one of the session before."""
    from ray._raylet import AuthenticationTokenLoader

    AuthenticationTokenLoader.instance().reset_cache()


def parse_address(address: str) -> tuple[str, int]:
    """Host and port of an address; empty and 0 for `auto`. BenchError if it is not an address of a Ray cluster."""
    if address == "auto":
        return "", 0
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdigit() and int(port) < 65536) or "/" in host:
        raise BenchError(
            f"{address!r} is not an address of a Ray cluster: give HOST:PORT as `ray start --head` prints it, or auto,"
            f" and run the command on a machine of the cluster{_or_unset(address)}"
        )
    return host.strip("[]"), int(port)


def _reach(address: str) -> None:
    """Wait until something listens at the address. RunAbortedError if nothing does for WAIT seconds."""
    host, port = parse_address(address)
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
        f"no Ray cluster answered at {address} within {WAIT:g} seconds: {why}; check that its head is running"
        f"{_or_unset(address)}"
    )


def _or_unset(address: str) -> str:
    """The remedy for an address that the environment names and the command does not."""
    return ", or unset RAY_ADDRESS to run on this machine" if os.environ.get("RAY_ADDRESS") == address else ""


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
    """The addresses of the cluster's nodes. Asked before ray.init, which may end this process if the server is not Ray
    or needs a token that is missing."""
    from ray._raylet import GcsClient

    try:
        nodes = GcsClient(address=address).get_all_node_info(timeout=WAIT).values()
    except ray.exceptions.AuthenticationError as error:
        remedy = "set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to its file"
        raise RunAbortedError(f"the Ray cluster at {address} needs a token: {remedy}") from error
    except (RuntimeError, ray.exceptions.RayError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunAbortedError(f"the server at {address} is not a Ray cluster of this version: {reason}") from error
    return {node.node_manager_address for node in nodes}
