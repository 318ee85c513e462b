"""Searcher and scheduler of Ray Tune that read candidates and pruning from the search's storage.

Imports ray, so it is imported only where ray runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from bench.core import BenchError, plain
from bench.experiments.launch.signals import StopRequest
from bench.experiments.search.candidate_worker import decode_outcome
from bench.experiments.search.objective import CandidateOutcome
from bench.experiments.search.search_session import SearchSession


class StorageSearcher(Searcher):
    """Suggests candidates from a search session and records their outcomes in it."""

    def __init__(self, session: SearchSession, on_progress: Any, stop: StopRequest, setting: Mapping[str, Any]) -> None:
        """setting: where workers find data and plug-ins."""
        super().__init__(metric=None, mode=None)
        self.session, self.on_progress, self.stop, self.setting = session, on_progress, stop, setting
        self.numbers: dict[str, int] = {}  # Ray's id of a trial -> number of the candidate

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict, **spec: Any) -> bool:
        """Accept: the session already defines the search."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """The next candidate; None if there is none at the moment, FINISHED if there will be no more."""
        if self.session.error or self.stop.requested:
            return Searcher.FINISHED
        try:
            job = self.session.ask()
            if job is None:
                return Searcher.FINISHED if self.session.finished() else None
        except BenchError as error:
            self.session.error = error
            return Searcher.FINISHED
        self.numbers[trial_id] = job.number
        return {
            "number": job.number,
            "trial": plain(job.trial),
            "checkpoints": str(job.checkpoints.resolve()),
            "objectives": list(self.session.search.tuning.objectives),
            "setting": dict(self.setting),
        }

    def on_trial_complete(self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False) -> None:
        """Record how a candidate ended: as its worker reported, pruned by the scheduler, or lost with its worker."""
        number = self.numbers.pop(trial_id, None)
        if number is None or self.session.error:
            return
        last = result or {}
        cost = {"seconds": last.get("seconds", 0.0), "steps": last.get("steps", 0)}
        try:
            if "outcome" in last:
                outcome = decode_outcome(last["outcome"])
            elif error:
                outcome = CandidateOutcome("failed", **cost, error="its worker was lost, more than once")
            else:
                outcome = CandidateOutcome("pruned", **cost)
            self.session.tell(number, replace(outcome, node=last.get("node", "")))
        except BenchError as halt:
            self.session.error = halt
            return
        self.on_progress(self.session)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the storage has the search."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore: the storage has the search."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class StorageScheduler(FIFOScheduler):
    """Stops a candidate when the search's pruner prunes it."""

    def __init__(self, session: SearchSession) -> None:
        super().__init__()
        self.session = session

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """Store the score of an evaluation point, and stop the candidate if it is pruned."""
        if "outcome" in result or self.session.error:
            return TrialScheduler.CONTINUE
        try:
            pruned = self.session.report(trial.config["number"], result["point"], result["score"])
        except BenchError as error:
            self.session.error = error
            return TrialScheduler.STOP
        return TrialScheduler.STOP if pruned else TrialScheduler.CONTINUE

    def __getstate__(self) -> dict[str, Any]:
        return {}
