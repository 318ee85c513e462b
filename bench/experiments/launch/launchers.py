"""The launchers: ways to run the trials of a plan. Each is a file `NAME_launcher.py` here, or a plug-in with LAUNCHER.

A launcher in a plug-in folder is a file that defines LAUNCHER; its name is the file's name.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench import registry
from bench.core import BenchError
from bench.experiments.launch.jobs import PendingTrials, ProgressCallback
from bench.experiments.launch.signals import StopRequest
from bench.storage.record_store import Store

SUFFIX = "_launcher"

Run = Callable[[PendingTrials, Store, ProgressCallback, StopRequest, str], None]


@dataclass(frozen=True)
class Launcher:
    """A way to run trials.

    run(work, store, progress, stop, address): runs every trial of `work.waves` that is still open, a wave after the
    ones before it, with `locked_trial.attempt`, and starts no other one once `stop.requested`.
    """

    run: Run
    cluster: bool = False  # whether it can run on a Ray cluster, and so takes an address


def launcher_names() -> list[str]:
    """Every launcher, those of plug-in folders last."""
    return list(dict.fromkeys([*_files(), *_plugins()]))


def load_launcher(name: str) -> Launcher:
    """The launcher of that name. BenchError with the nearest name if there is none."""
    if name in _files():
        return importlib.import_module(f"{__package__}.{name}{SUFFIX}").LAUNCHER
    plugins = _plugins()
    if name not in plugins:
        near = registry.did_you_mean(name, launcher_names())
        raise BenchError(f"no launcher {name!r}; {near}{registry.fault_hint(name)}")
    launcher, path = plugins[name]
    if not isinstance(launcher, Launcher):
        raise BenchError(f"{path}: LAUNCHER is a bench.experiments.launch.Launcher, not {launcher!r}")
    return replace(launcher, run=registry.guarded(launcher.run, path, "the function `run` of LAUNCHER"))


def _files() -> list[str]:
    return sorted(path.stem.removesuffix(SUFFIX) for path in Path(__file__).parent.glob(f"*{SUFFIX}.py"))


def _plugins() -> dict[str, tuple[object, Path]]:
    return {path.stem: (launcher, path) for launcher, path in registry.plugin_extensions("LAUNCHER")}
