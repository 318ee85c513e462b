"""The two places where Ray Tune asks: who comes next, and who is given up. Both answer from the search's storage.

Imports ray, and is imported where ray runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from bench.core import BenchError, plain
from bench.experiments.launch.signals import StopRequest
from bench.experiments.search.objective import CandidateOutcome
from bench.experiments.search.ray_tune import parsed
from bench.experiments.search.search_session import SearchSession


class StorageSearcher(Searcher):
    """Asks for candidates and tells how they ended."""

    def __init__(self, asking: SearchSession, watch: Any, stop: StopRequest, setting: Mapping[str, Any]) -> None:
        """setting: what a worker finds data and plug-ins by."""
        super().__init__(metric=None, mode=None)
        self.asking, self.watch, self.stop, self.setting = asking, watch, stop, setting
        self.numbers: dict[str, int] = {}  # Ray's name of a trial -> the candidate's number

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict, **spec: Any) -> bool:
        """What is searched is known."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """The next candidate; None where there is none now, FINISHED where there is none any more."""
        if self.asking.fault or self.stop.asked:
            return Searcher.FINISHED
        try:
            asked = self.asking.ask()
            if asked is None:
                return Searcher.FINISHED if self.asking.finished() else None
        except BenchError as error:
            self.asking.fault = error
            return Searcher.FINISHED
        self.numbers[trial_id] = asked.number
        objectives = list(self.asking.search.tuning.objectives)
        return {
            "number": asked.number,
            "trial": plain(asked.trial),
            "workplace": str(asked.workplace.resolve()),
            "objectives": objectives,
            "setting": dict(self.setting),
        }

    def on_trial_complete(self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False) -> None:
        """Tell how a candidate ended: as its worker said, given up by the scheduler, or lost with its worker."""
        number = self.numbers.pop(trial_id, None)
        if number is None or self.asking.fault:
            return
        said = result or {}
        spent = {"seconds": said.get("seconds", 0.0), "steps": said.get("steps", 0)}
        try:
            if "outcome" in said:
                outcome = parsed(said["outcome"])
            elif error:
                outcome = CandidateOutcome("failed", **spent, error="its worker was lost, more than once")
            else:
                outcome = CandidateOutcome("pruned", **spent)
            self.asking.tell(number, outcome)
        except BenchError as fault:
            self.asking.fault = fault
            return
        self.watch(self.asking)

    def save(self, checkpoint_path: str) -> None:
        """The storage of the search is the memory."""

    def restore(self, checkpoint_path: str) -> None:
        """The storage of the search is the memory."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class StorageScheduler(FIFOScheduler):
    """Stops a candidate where the search's pruner says so."""

    def __init__(self, asking: SearchSession) -> None:
        super().__init__()
        self.asking = asking

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """Keep the score of an evaluation point, and judge the candidate by it."""
        if "outcome" in result or self.asking.fault:
            return TrialScheduler.CONTINUE
        try:
            given_up = self.asking.report(trial.config["number"], result["point"], result["score"])
        except BenchError as error:
            self.asking.fault = error
            return TrialScheduler.STOP
        return TrialScheduler.STOP if given_up else TrialScheduler.CONTINUE

    def __getstate__(self) -> dict[str, Any]:
        return {}
