"""How far trials are, and which processes are there, as they tell the cluster themselves."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable

import ray
from ray.experimental import internal_kv

from bench.experiments.launch import node_agent

EVERY = 1.0  # seconds between two words of a trial
PLACE = "dclse-bench/moved/"


def writer(key: str) -> Callable[[float], None]:
    """What a trial calls with the fraction of it that is done."""
    last = time.monotonic()

    def moved(fraction: float) -> None:
        nonlocal last
        if time.monotonic() - last < EVERY:
            return
        last = time.monotonic()
        with contextlib.suppress(ray.exceptions.RayError, OSError):  # a word that is lost is no loss
            internal_kv._internal_kv_put(PLACE + key, json.dumps(fraction), overwrite=True)

    return moved


def read(key: str) -> float | None:
    """How far a trial was when that was last told; None where nothing was told."""
    said = internal_kv._internal_kv_get(PLACE + key)
    return json.loads(said) if said else None


def clear(key: str) -> None:
    """Take down what was told of a trial."""
    internal_kv._internal_kv_del(PLACE + key)


def arrived(token: str) -> bool:
    """True once the worker of that token has registered; the flag is consumed. See `node_agent.TrialWorker`."""
    there = internal_kv._internal_kv_exists(node_agent.ARRIVED + token)
    if there:
        internal_kv._internal_kv_del(node_agent.ARRIVED + token)
    return there
