"""How busy the first GPU is: NVML's share of the time in which any kernel ran, however small, twenty times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

EVERY = 0.05  # seconds


@contextmanager
def observed() -> Iterator[list[tuple[float, float]]]:
    """When, and for which share of the time just before, it was busy; grows while this lasts. Empty without NVML."""
    import pynvml

    shares: list[tuple[float, float]] = []
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    except pynvml.NVMLError:
        yield shares
        return
    done = threading.Event()
    watching = threading.Thread(target=_look, args=(handle, shares, done), daemon=True)
    watching.start()
    try:
        yield shares
    finally:
        done.set()
        watching.join()
        pynvml.nvmlShutdown()


def _look(handle: object, shares: list[tuple[float, float]], done: threading.Event) -> None:
    import pynvml

    while not done.wait(EVERY):
        try:
            shares.append((time.perf_counter(), pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100))
        except pynvml.NVMLError:  # a part of a board does not say it
            return


def mean_share(shares: list[tuple[float, float]], since: float, until: float) -> dict[str, float]:
    """As a detail of a result: the mean share between two moments; empty if nothing was observed."""
    values = [share for when, share in shares if since <= when <= until]
    return {"GPU busy (share)": sum(values) / len(values)} if values else {}
