"""Runs the trials of a plan, wave by wave: one after the other, or in parallel through Ray.

The record store alone says what is done; a launcher keeps no state. Processes that run the same trials share them: each
runs those that it can lock. torch and ray are imported when trials run.

    jobs             the trials to run, and the callbacks that report progress
    launchers        finds the launchers: serial, ray, auto, and those of plug-in folders
    locked_trial     one trial: locked, run and stored
    signals          the first Ctrl-C lets running trials finish, the second stops at once
    wave_scheduler   which trial on which node, its result, and lost workers
    resources        processors, memory and share of a GPU of a trial, from measured peaks
    cluster_wait     waits for capacity that others use on a shared cluster
    ray_folder       the temporary folder, the token and the home folder of Ray on this machine
    ray_process      runs a task on Ray in a process of its own, so that Ray cannot end or stop this one
    ray_driver       that process: the task, its messages, and whether Ray answers
    process_supervisor  ends that process and all that it has started, also if this process is killed
    ray_session      starts Ray, or connects to a running cluster
    nodes            free resources of each node, and whether it has the same packages, code and data
    node_agent       code that is sent to a node by value: it needs the standard library only
    code_archive     code and records as bytes, for nodes without a shared folder
    code_folder      unpacks that code on a node, into a folder that no other user could have made
    worker           what a node does with a trial
"""

from __future__ import annotations

import os

from bench.core import BenchError
from bench.experiments.launch import ray_session, signals
from bench.experiments.launch.auto_launcher import choose_launcher
from bench.experiments.launch.jobs import PendingTrials, ProgressCallback, StaleRecord, outstanding
from bench.experiments.launch.launchers import Launcher, launcher_names, load_launcher
from bench.experiments.launch.locked_trial import attempt
from bench.experiments.launch.resources import check_threads
from bench.storage.record_store import Store

__all__ = [
    "Launcher",
    "PendingTrials",
    "ProgressCallback",
    "StaleRecord",
    "attempt",
    "check_threads",
    "choose_launcher",
    "cluster_address",
    "launch",
    "launcher_names",
    "load_launcher",
    "outstanding",
    "resolve_launcher",
]


def resolve_launcher(launcher: str, address: str = "") -> str:
    """The launcher to use: the one that is named; `ray` instead of `auto` if there is an address.

    BenchError if there is no such launcher, if it cannot run on a cluster but an address is given, or if the address
    (given, or in $RAY_ADDRESS) is not one of a cluster.
    """
    cluster = load_launcher(launcher).cluster
    if address and not cluster:
        raise BenchError(
            f"--launcher {launcher} does not run on a Ray cluster: remove --address {address}, or use --launcher ray"
        )
    if target := cluster_address(launcher, address):
        ray_session.parse_address(target)
    return "ray" if address and launcher == "auto" else launcher


def cluster_address(launcher: str, address: str = "") -> str:
    """The address of the Ray cluster to run on: the one given, else $RAY_ADDRESS; empty for this machine."""
    return address or (os.environ.get("RAY_ADDRESS", "") if load_launcher(launcher).cluster else "")


def launch(work: PendingTrials, store: Store, launcher: str, progress: ProgressCallback, address: str = "") -> None:
    """Run the open trials. launcher: one of `launcher_names()`. address: of a running Ray cluster; empty: this machine.

    A trial whose upstream trial failed is recorded as failed, one whose upstream trial was refused as refused.
    BenchError if a trial could never fit on any node.
    """
    launcher = resolve_launcher(launcher, address)
    address = cluster_address(launcher, address)
    store.open()
    if not work.trials:
        return
    if not address:
        check_threads(max(trial.recipe.threads for trial in work.trials))
    with signals.graceful_stop() as stop:
        load_launcher(launcher).run(work, store, progress, stop, address)
