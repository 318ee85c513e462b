"""Candidates side by side under `ray.tune.Tuner`: its searcher asks, its scheduler prunes, and neither remembers.

What Ray keeps of an experiment lies in a folder that goes with it. The storage of the search is the memory, and only
the driver reads and writes it: workers need to reach no database.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import paths
from bench.core import BenchError, HaltError, Trial, plain
from bench.launch.cluster import connected
from bench.launch.needs import DEFAULT
from bench.launch.stopping import Stop
from bench.tune.asking import Asking
from bench.tune.candidate import Outcome, train

LOSSES = 1  # workers that a candidate may lose before that counts as its own fault
SETTINGS = {  # of Tune; those of Ray are the launcher's
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # the command ends as any other
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


def side_by_side(asking: Asking, watch: Any, stop: Stop) -> None:
    """Let Ray Tune train what is left of a search; nothing is begun any more where a stop was asked for."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    with connected("") as ray, tempfile.TemporaryDirectory(prefix="bench-tune-") as folder, _as_it_is():
        from ray import tune

        from bench.tune.searcher import Pruning, Suggesting

        share, slots = _room(ray, asking)
        config = tune.TuneConfig(
            search_alg=Suggesting(asking, watch, stop), scheduler=Pruning(asking), num_samples=-1, reuse_actors=True,
            max_concurrent_trials=slots,
        )  # fmt: skip
        run = tune.RunConfig(
            storage_path=folder, name="search", verbose=0, failure_config=tune.FailureConfig(max_failures=LOSSES),
            checkpoint_config=tune.CheckpointConfig(),
        )  # fmt: skip
        tune.Tuner(tune.with_resources(_train, share), tune_config=config, run_config=run).fit()
        if asking.fault:
            raise asking.fault


def _train(config: dict[str, Any]) -> None:
    """In a worker: train a candidate and report."""
    os.environ.update(config["environment"])
    from ray import tune

    def report(point: int, score: float, seconds: float, step: int) -> bool:
        tune.report({"point": point, "score": score, "seconds": seconds, "steps": step})  # waits for the scheduler
        return False  # it does not come back where that gave the candidate up

    try:
        outcome = train(Trial.parse(config["trial"]), Path(config["workplace"]), config["objectives"], report)
        told = plain(outcome)
    except BenchError as error:
        told = {"state": "halted", "error": str(error), "status": error.status}
    tune.report({"outcome": json.dumps(told)})  # as text: Tune would flatten it


def parsed(text: str) -> Outcome:
    """What a worker said of a candidate's end. BenchError where a person has to mend something."""
    told = json.loads(text)
    if told["state"] == "halted":
        raise (HaltError if told["status"] == 1 else BenchError)(told["error"])
    return Outcome(**told)


def _room(ray: Any, asking: Asking) -> tuple[dict[str, float], int]:
    """What a candidate takes, and how many there is room for."""
    there, threads = ray.cluster_resources(), asking.search.trial.recipe.threads
    gpu = DEFAULT if there.get("GPU") else 0
    slots = min(there["CPU"] / threads, there["GPU"] / gpu if gpu else math.inf)
    return {"cpu": min(threads, there["CPU"]), **({"gpu": gpu} if gpu else {})}, max(1, int(slots))


@contextmanager
def _as_it_is() -> Iterator[None]:
    """Tune's own deprecations are its makers' affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def environment() -> dict[str, str]:
    """What a worker needs to find the same data and plug-ins, whatever its working folder."""
    folders = os.pathsep.join(str(folder.resolve()) for folder in paths.plugin_folders())
    found = {"BENCH_DATA": str(paths.data_root().resolve()), "OMP_NUM_THREADS": "1"}
    return {**found, "BENCH_PLUGINS": folders} if folders else found
