"""Trains candidates in parallel with `ray.tune.Tuner`: a searcher and a scheduler that read and write the storage.

Ray's own experiment folder is temporary. The search is stored in the Optuna storage, which only the driver opens:
workers need no access to a database.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.experiments.launch.ray_process import run_on_ray
from bench.experiments.launch.signals import StopRequest
from bench.experiments.search.candidate_worker import train_in_worker
from bench.experiments.search.optuna_storage import OptunaStorage
from bench.experiments.search.ray_resources import RayTarget, request_resources
from bench.experiments.search.search_definition import Search
from bench.experiments.search.search_session import SearchSession

MAX_FAILURES = 1  # workers that a candidate may lose before it counts as failed
MAX_FAILURES_ON_CLUSTER = 3  # more, because nodes of a cluster may go away
SETTINGS = {  # of Ray Tune; the launcher has those of Ray
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C works as in every other command
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


class _Events:
    """What the process that uses Ray reports."""

    def __init__(self, session: SearchSession, on_progress: Any, notify: Callable[[str], None]) -> None:
        self.session, self.on_progress, self.notify = session, on_progress, notify

    def progressed(self) -> None:
        """A candidate ended."""
        self.on_progress(self.session)


def run_in_parallel(session: SearchSession, on_progress: Any, stop: StopRequest, target: RayTarget) -> None:
    """Train the remaining candidates of a search with Ray Tune; starts no more of them after a stop request."""
    events = _Events(session, on_progress, target.notify)
    definition = session.search, session.storage, session.trials, session.folder.parent
    arguments = definition, target.address, target.peaks
    target.peaks.update(run_on_ray(f"{__name__}:train_candidates", arguments, events, stop, target.address))


def train_candidates(
    ray: Any, events: _Events, stop: StopRequest,
    definition: tuple[Search, OptunaStorage, int, Path], address: str, peaks: dict[tuple[str, str], float],
) -> dict[tuple[str, str], float]:  # fmt: skip
    """Train the remaining candidates of a search on Ray; returns the peaks, with those that were measured.

    definition: the arguments of a `SearchSession`. address, peaks: see `RayTarget`.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    target = RayTarget(address, peaks, events.notify)
    with SearchSession(*definition) as session:
        _fit(ray, session, lambda _: events.progressed(), stop, target)
        if session.error:
            raise session.error
    return peaks


def _fit(ray: Any, session: SearchSession, on_progress: Any, stop: StopRequest, target: RayTarget) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-tune-", dir=os.environ.get("RAY_TMPDIR")) as folder, _no_warnings():
        from ray import tune

        from bench.experiments.search.storage_searcher import StorageScheduler, StorageSearcher

        request, slots, setting = request_resources(ray, session.search.trial, session.folder, target)
        share = {name.lower(): amount for name, amount in request.resources.items()}
        config = tune.TuneConfig(
            search_alg=StorageSearcher(session, on_progress, stop, setting), scheduler=StorageScheduler(session),
            num_samples=-1, reuse_actors=True, max_concurrent_trials=slots,
        )  # fmt: skip
        failures = MAX_FAILURES if target.is_local else MAX_FAILURES_ON_CLUSTER
        run = tune.RunConfig(
            storage_path=folder, name="search", verbose=0, failure_config=tune.FailureConfig(max_failures=failures),
            checkpoint_config=tune.CheckpointConfig(),
        )  # fmt: skip
        tune.Tuner(tune.with_resources(train_in_worker, share), tune_config=config, run_config=run).fit()


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Hide the deprecation warnings that Ray Tune raises in its own code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
