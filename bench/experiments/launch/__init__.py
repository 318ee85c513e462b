"""Carries out the trials of a plan, wave by wave: one after the other, or side by side through Ray.

What is done is what the store holds; a launcher remembers nothing. Processes that run the same trials share them: each
works at those that it can claim. torch and ray are imported when trials run.

    work        what a plan leaves to do, and who is told how it goes
    attempts    one trial, claimed, run and kept
    turns       one after the other, in this process
    stopping    the first Ctrl-C lets the trials in flight end, the second does not
    abreast     side by side: which trial on which node, what came of it, what was lost
    needs       processors, memory and share of a GPU of a trial, from what was measured
    room        what others use of a shared cluster, and the wait for it
    cluster     Ray itself: begun here, or found at an address
    nodes       what each node has free, and whether it has the same packages, code and data
    look        what is sent to a node by value: the standard library is all it needs there
    crate       code and records as bytes, where no folder is shared
    worker      what a node does with a trial
"""

from __future__ import annotations

import os

from bench.core import BenchError
from bench.experiments.launch import ray_session, signals
from bench.experiments.launch.jobs import LAUNCHERS, PendingTrials, ProgressCallback, StaleRecord, outstanding
from bench.experiments.launch.locked_trial import attempt
from bench.experiments.launch.resources import check_threads
from bench.experiments.launch.serial_launcher import in_turn
from bench.registry import did_you_mean
from bench.storage.record_store import Store

__all__ = [
    "LAUNCHERS",
    "PendingTrials",
    "ProgressCallback",
    "StaleRecord",
    "at",
    "attempt",
    "check_threads",
    "chosen",
    "launch",
    "outstanding",
]

MANY = 12  # trials from which on it is worth to start Ray


def chosen(launcher: str, address: str = "") -> str:
    """The launcher that was asked for: one of LAUNCHERS, ray where there is an address.

    BenchError where it is none of them, or the address (given, or in $RAY_ADDRESS) is none of a cluster.
    """
    if launcher not in LAUNCHERS:
        raise BenchError(f"no launcher {launcher!r}; {did_you_mean(launcher, LAUNCHERS)}")
    if address and launcher == "serial":
        raise BenchError(f"--address {address} is of a Ray cluster, which --launcher serial has no use for")
    if there := at(launcher, address):
        ray_session.parsed(there)
    return "ray" if address else launcher


def at(launcher: str, address: str = "") -> str:
    """The address of the Ray cluster that a run goes to: the one given, else $RAY_ADDRESS; empty: this machine."""
    return address or ("" if launcher == "serial" else os.environ.get("RAY_ADDRESS", ""))


def launch(work: PendingTrials, store: Store, launcher: str, watch: ProgressCallback, address: str = "") -> None:
    """Run what is outstanding. launcher: one of LAUNCHERS; `auto` is Ray where there are processors and trials for it,
    or an address in $RAY_ADDRESS. address: of a Ray cluster that runs already; else Ray is begun on this machine.

    A trial whose upstream trial failed is recorded as failed, one whose upstream trial was refused as refused.
    BenchError where a trial could never fit.
    """
    launcher = chosen(launcher, address)
    address = at(launcher, address)
    if launcher == "auto":
        many = len(work.trials) > MANY and (os.cpu_count() or 1) > 1
        launcher = "ray" if many or address else "serial"
    store.open()
    if not work.trials:
        return
    if not address:
        check_threads(max(trial.recipe.threads for trial in work.trials))
    with signals.gently() as stop:
        if launcher == "serial":
            in_turn(work, store, watch, stop)
        else:
            from bench.experiments.launch.ray_launcher import abreast

            abreast(work, store, watch, stop, address)
