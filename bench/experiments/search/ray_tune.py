"""Candidates side by side under `ray.tune.Tuner`: its searcher asks, its scheduler prunes, and neither remembers.

What Ray keeps of an experiment lies in a folder that goes with it. The storage of the search is the memory, and only
the driver reads and writes it: workers need to reach no database.
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.core import BenchError, RunAbortedError, Trial, plain
from bench.experiments.launch.node_agent import prepare_worker
from bench.experiments.launch.ray_session import connected
from bench.experiments.launch.signals import StopRequest
from bench.experiments.search.objective import CandidateOutcome, train
from bench.experiments.search.ray_resources import RayTarget, room
from bench.experiments.search.search_session import SearchSession

LOSSES = 1  # workers that a candidate may lose before that counts as its own fault
LOSSES_THERE = 3  # the same on a cluster, whose nodes may go away
SETTINGS = {  # of Tune; those of Ray are the launcher's
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # the command ends as any other
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


def side_by_side(asking: SearchSession, watch: Any, stop: StopRequest, place: RayTarget) -> None:
    """Let Ray Tune train what is left of a search; nothing is begun any more where a stop was asked for."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    with connected(place.address) as ray, tempfile.TemporaryDirectory(prefix="bench-tune-") as folder, _as_it_is():
        from ray import tune

        from bench.experiments.search.storage_searcher import StorageScheduler, StorageSearcher

        need, slots, setting = room(ray, asking.search.trial, asking.folder, place)
        share = {name.lower(): amount for name, amount in need.resources.items()}
        config = tune.TuneConfig(
            search_alg=StorageSearcher(asking, watch, stop, setting), scheduler=StorageScheduler(asking),
            num_samples=-1, reuse_actors=True, max_concurrent_trials=slots,
        )  # fmt: skip
        losses = LOSSES if place.here else LOSSES_THERE
        run = tune.RunConfig(
            storage_path=folder, name="search", verbose=0, failure_config=tune.FailureConfig(max_failures=losses),
            checkpoint_config=tune.CheckpointConfig(),
        )  # fmt: skip
        tune.Tuner(tune.with_resources(_train, share), tune_config=config, run_config=run).fit()
        if asking.fault:
            raise asking.fault


def _train(config: dict[str, Any]) -> None:
    """In a worker: train a candidate and report."""
    prepare_worker(config["setting"], config["setting"]["plugins"])
    from ray import tune

    def report(point: int, score: float, seconds: float, step: int) -> bool:
        tune.report({"point": point, "score": score, "seconds": seconds, "steps": step})  # waits for the scheduler
        return False  # it does not come back where that gave the candidate up

    try:
        with _workplace(Path(config["workplace"])) as folder:
            told = plain(train(Trial.parse(config["trial"]), folder, config["objectives"], report))
    except BenchError as error:
        told = {"state": "halted", "error": str(error), "status": error.status}
    tune.report({"outcome": json.dumps(told)})  # as text: Tune would flatten it


@contextmanager
def _workplace(given: Path) -> Iterator[Path]:
    """The folder of a candidate; one of this node's own where it does not see that."""
    if given.is_dir():
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="dclse-bench-tune-") as own:
        yield Path(own)


def parsed(text: str) -> CandidateOutcome:
    """What a worker said of a candidate's end. BenchError where a person has to mend something."""
    told = json.loads(text)
    if told["state"] == "halted":
        raise (RunAbortedError if told["status"] == 1 else BenchError)(told["error"])
    return CandidateOutcome(**told)


@contextmanager
def _as_it_is() -> Iterator[None]:
    """Tune's own deprecations are its makers' affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
