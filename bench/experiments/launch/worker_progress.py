"""Progress of trials and registration of workers, through the key-value store of Ray."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable

import ray
from ray.experimental import internal_kv

from bench.experiments.launch import node_agent

EVERY = 1.0  # seconds between two reports of a trial
PLACE = "dclse-bench/moved/"


def writer(key: str) -> Callable[[float], None]:
    """A callback that publishes the finished fraction of a trial."""
    last = time.monotonic()

    def moved(fraction: float) -> None:
        nonlocal last
        if time.monotonic() - last < EVERY:
            return
        last = time.monotonic()
        with contextlib.suppress(ray.exceptions.RayError, OSError):  # a lost report does not matter
            internal_kv._internal_kv_put(PLACE + key, json.dumps(fraction), overwrite=True)

    return moved


def read(key: str) -> float | None:
    """The last published fraction of a trial; None if it has published none."""
    fraction = internal_kv._internal_kv_get(PLACE + key)
    return json.loads(fraction) if fraction else None


def clear(key: str) -> None:
    """Delete the published progress of a trial."""
    internal_kv._internal_kv_del(PLACE + key)


def arrived(token: str) -> bool:
    """True once the worker of that token has registered; the flag is consumed. See `node_agent.TrialWorker`."""
    registered = internal_kv._internal_kv_exists(node_agent.ARRIVED + token)
    if registered:
        internal_kv._internal_kv_del(node_agent.ARRIVED + token)
    return registered
