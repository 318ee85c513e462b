"""Trains candidates in a worker process of Ray Tune, and encodes how each one ended for the driver."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.core import BenchError, RunAbortedError, Trial, plain
from bench.experiments.launch.node_agent import prepare_worker
from bench.experiments.search.objective import CandidateOutcome, train_candidate


def train_in_worker(config: dict[str, Any]) -> None:
    """The trainable of Ray Tune: train a candidate and report its scores and its outcome."""
    prepare_worker(config["setting"], config["setting"]["plugins"])
    import ray
    from ray import tune

    node = {"node": config["setting"]["nodes"].get(ray.get_runtime_context().get_node_id(), "")}

    def report(point: int, score: float, seconds: float, step: int) -> bool:
        tune.report(
            {"point": point, "score": score, "seconds": seconds, "steps": step, **node}
        )  # waits for the scheduler
        return False  # does not return if the scheduler stopped the candidate

    with _checkpoint_folder(Path(config["checkpoints"])) as folder:
        outcome = _encoded_outcome(Trial.parse(config["trial"]), folder, config["objectives"], report)
    tune.report({"outcome": outcome, **node})


def _encoded_outcome(*arguments: Any) -> str:
    """The outcome or the BenchError of a candidate as JSON text, because Tune would flatten a dictionary."""
    try:
        outcome = plain(train_candidate(*arguments))
    except BenchError as error:
        outcome = {"state": "halted", "error": str(error), "status": error.status}
    return json.dumps(outcome)


def decode_outcome(text: str) -> CandidateOutcome:
    """Read the outcome that a worker sent; raises the BenchError that ended its candidate."""
    outcome = json.loads(text)
    if outcome["state"] == "halted":
        raise (RunAbortedError if outcome["status"] == 1 else BenchError)(outcome["error"])
    return CandidateOutcome(**outcome)


@contextmanager
def _checkpoint_folder(shared: Path) -> Iterator[Path]:
    """The candidate's folder; a temporary one if this node does not see it."""
    if shared.is_dir():
        yield shared
        return
    with tempfile.TemporaryDirectory(prefix="dclse-bench-tune-") as own:
        yield Path(own)
