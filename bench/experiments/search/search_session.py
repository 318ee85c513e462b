"""An ask-and-tell session of one search on its storage: suggest candidates, prune them, record how they ended.

Serial and parallel runs use the same three calls: `ask` for a candidate, `report` its validation score at every
evaluation point, `tell` its outcome. Processes that run the same search share its candidates. The process that holds a
candidate's lock owns it. If that process dies, the next one resumes the candidate with the same number and parameters
from its last checkpoint, so the number of candidates stays exact.
"""

from __future__ import annotations

import hashlib
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import __version__
from bench.core import BenchError, Choices, Ints, Range, Trial, plain, seed_of
from bench.experiments.search import samplers
from bench.experiments.search.objective import CandidateOutcome
from bench.experiments.search.optuna_storage import OptunaStorage, close_storage, no_experimental_warnings
from bench.experiments.search.search_definition import Search
from bench.storage.atomic_io import disk_errors, remove_tree
from bench.storage.locks import Lock, acquire_lock, locked

if TYPE_CHECKING:
    import optuna

HEARTBEAT = 60.0  # seconds between two time stamps of a running candidate
HEARTBEAT_TIMEOUT = 3600.0  # seconds after which a candidate of another host without a new time stamp is resumed
TRIALS = "trials"  # user attribute of a search: number of candidates at its last run
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]


@dataclass(frozen=True)
class CandidateJob:
    """A candidate to train."""

    number: int  # from 0, the defaults
    trial: Trial
    checkpoints: Path  # its folder until it ends; may hold the checkpoint of a killed process


class SearchSession:
    """One search on its storage, used in a `with` statement. Its end releases the locks of unfinished candidates."""

    def __init__(self, search: Search, storage: OptunaStorage, trials: int, folder: Path) -> None:
        """Open the storage, and create the search in it or load it.

        trials: number of candidates in all. folder: of locks and checkpoints, the same for all processes of the search.
        BenchError if the storage belongs to another study; RunAbortedError if it cannot be used.
        """
        self.search, self.storage, self.trials = search, storage, trials
        self.folder = folder / search.identity
        self.error: BenchError | None = None  # of a callback that cannot raise it, as those of Ray Tune
        recipe = search.trial.recipe
        self._points = min(recipe.points, recipe.steps)  # of a candidate that is not pruned
        self._locks: dict[int, Lock] = {}
        self._running: dict[int, optuna.Trial] = {}
        storage.check_writable()
        with disk_errors(folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with disk_errors(folder), locked(folder / "open.claim"):  # two processes must not create the tables of one file
            self._backend = storage.open()
        try:
            with storage.translate_errors(), locked(folder / "begin.claim"):
                _check_owner(self._backend, storage, search.study)
                self._study_id = self._create_or_load()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> SearchSession:
        return self

    def __exit__(self, *_: object) -> None:
        for number in list(self._locks):
            self._unlock(number)
        self._close()

    def _close(self) -> None:
        close_storage(self._backend)

    def ask(self) -> CandidateJob | None:
        """The next candidate; None if all have ended, or other processes train the rest."""
        while (suggested := self._next()) is not None:
            number, params = suggested
            checkpoints = self.folder / str(number)
            try:
                with disk_errors(self.folder):
                    checkpoints.mkdir(exist_ok=True)
                return CandidateJob(number, self.search.candidate(params), checkpoints)
            except BenchError as error:
                if error.status != 2:
                    raise
                self.tell(number, CandidateOutcome("failed", error=str(error)))  # an invalid combination of values
        return None

    def report(self, number: int, point: int, value: float) -> bool:
        """Store the validation score of evaluation point `point`, from 1. True if the candidate is pruned.

        The defaults are never pruned, and no candidate is pruned at its last point, where pruning saves nothing.
        """
        with self.storage.translate_errors():
            trial = self._running[number]
            known = self._backend.get_trial(self._trial_id(number)).intermediate_values
            if len(self.search.tuning.objectives) > 1:
                return False
            if point not in known:  # a resumed candidate may have reported this point before
                trial.report(value, point)
            if time.time() - trial.user_attrs["at"][1] > HEARTBEAT:
                trial.set_user_attr("at", [_HOST, time.time()])
            return number > 0 and point < self._points and trial.should_prune()

    def tell(self, number: int, outcome: CandidateOutcome) -> None:
        """Store the outcome of a candidate and release its lock."""
        import optuna

        with self.storage.translate_errors():
            trial = self._running.pop(number)
            trial.set_user_attr("outcome", outcome.to_dict())
            values = [outcome.values.get(name) for name in self.search.tuning.objectives]
            states = {"done": optuna.trial.TrialState.COMPLETE, "pruned": optuna.trial.TrialState.PRUNED}
            state = states.get(outcome.state, optuna.trial.TrialState.FAIL)
            trial.study.tell(trial, values if outcome.state == "done" else None, state, skip_if_finished=True)
        remove_tree(self.folder / str(number))
        self._unlock(number)

    def candidates(self) -> list[optuna.trial.FrozenTrial]:
        """All candidates that were started, in the order of their numbers."""
        with self.storage.translate_errors():
            trials = self._backend.get_all_trials(self._study_id, deepcopy=False)
        return started_candidates(trials, self.trials)

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that created the search."""
        with self.storage.translate_errors():
            return dict(self._backend.get_study_user_attrs(self._study_id)["versions"])

    @property
    def states(self) -> Counter:
        """Number of candidates by Optuna's state names."""
        return Counter(trial.state.name for trial in self.candidates())

    def finished(self) -> bool:
        """Whether all candidates of the search have ended."""
        return sum(trial.state.is_finished() for trial in self.candidates()) >= self.trials

    def _create_or_load(self) -> int:
        """The id of the search in the storage. The first candidate of a new search is the arm with its defaults."""
        import optuna

        search = self.search
        study = optuna.create_study(
            storage=self._backend, study_name=search.name, directions=search.directions, load_if_exists=True
        )
        if "search" not in study.user_attrs:
            for name, value in _study_attributes(search).items():
                study.set_user_attr(name, value)
        if study.user_attrs.get(TRIALS) != self.trials:
            study.set_user_attr(TRIALS, self.trials)
        if not study.get_trials(deepcopy=False):
            study.enqueue_trial(search.defaults)
        return self._backend.get_study_id_from_name(search.name)

    def _study(self, seed: int) -> optuna.Study:
        import optuna

        tuning = self.search.tuning
        with no_experimental_warnings():
            return optuna.load_study(
                study_name=self.search.name, storage=self._backend,
                sampler=samplers.make_sampler(tuning, seed), pruner=samplers.make_pruner(tuning),
            )  # fmt: skip

    def _next(self) -> tuple[int, dict[str, Any]] | None:
        """Number and parameters of the next candidate: first those of processes that died, then new ones."""
        with self.storage.translate_errors(), locked(self.folder / "ask.claim"):
            trial = self._orphan() or self._new()
            if trial is None:
                return None
            self._running[trial.number] = trial
            trial.set_user_attr("at", [_HOST, time.time()])
            return trial.number, self._suggest(trial)

    def _suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Parameters of a candidate. Each has its own seed, because a process may be killed between two of them."""
        _ = trial.relative_params  # of samplers that choose all at once
        params = {}
        for name, values in sorted(self.search.space.items()):
            trial.study.sampler = samplers.make_sampler(self.search.tuning, self._seed(trial.number, name))
            params[name] = _suggest_value(trial, name, values)
        return params

    def _orphan(self) -> optuna.Trial | None:
        """A running candidate whose process died; None if there is none."""
        import optuna

        for trial in self.candidates():
            if (
                trial.state != optuna.trial.TrialState.RUNNING
                or trial.number in self._locks
                or runs_on_other_host(trial)
            ):
                continue
            if self._lock(trial.number):
                if self._is_running(trial.number):
                    return optuna.Trial(self._study(self._seed(trial.number)), self._trial_id(trial.number))
                self._unlock(trial.number)  # its process ended it after its state was read
        return None

    def _is_running(self, number: int) -> bool:
        return any(trial.number == number and trial.state.name == "RUNNING" for trial in self.candidates())

    def _new(self) -> optuna.Trial | None:
        started = len(self.candidates())
        if started >= self.trials:
            return None
        trial = self._study(self._seed(started)).ask()
        if trial.number < self.trials and self._lock(trial.number):
            return trial
        trial.study.tell(trial, state=_failed())  # one too many, started by two processes at once: it is not counted
        return None

    def _trial_id(self, number: int) -> int:
        """Id of a candidate in the storage."""
        return self._backend.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _seed(self, number: int, name: str = "") -> int:
        return seed_of("search", self.search.identity, self.search.tuning.seed, number, name)

    def _lock(self, number: int) -> bool:
        """Lock a candidate for this process. False if another process holds it."""
        lock = acquire_lock(self.folder / f"{number}.claim")
        if lock is not None:
            self._locks[number] = lock
        return lock is not None

    def _unlock(self, number: int) -> None:
        if lock := self._locks.pop(number, None):
            lock.release()


def started_candidates(trials: Sequence[optuna.trial.FrozenTrial], number: int) -> list[optuna.trial.FrozenTrial]:
    """The first `number` candidates of a search, without those that wait in Optuna's queue."""
    return [trial for trial in trials if trial.number < number and trial.state.name != "WAITING"]


def _study_attributes(search: Search) -> Mapping[str, Any]:
    """User attributes of the search in the storage."""
    names = ("optuna", "ray", "torch", "numpy")
    return {
        "study": search.study,
        "search": search.identity,
        "arm": search.arm,
        "trial": plain(search.trial),
        "space": {name: [type(values).__name__, plain(values)] for name, values in search.space.items()},
        "objectives": list(search.tuning.objectives),
        **samplers.settings_dict(search.tuning),
        "versions": {"bench": __version__, **{name: version(name) for name in names}},
    }


def _check_owner(backend: optuna.storages.BaseStorage, storage: OptunaStorage, study: str) -> None:
    """BenchError if the storage holds anything but searches of this study."""
    for other in backend.get_all_studies():
        owner = other.user_attrs.get("study")
        if owner != study and (owner or other.user_attrs or other.study_name):
            content = (
                f"searches of the study {owner}" if owner else f"{other.study_name!r}, which is not a search of bench"
            )
            raise BenchError(
                f"the storage {storage.safe_name} holds {content}, not of {study}; give another with --storage"
            )


def runs_on_other_host(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether another host reported on this candidate within the last hour; its locks may be invisible here."""
    host, reported = trial.user_attrs.get("at", (_HOST, 0.0))
    return host != _HOST and time.time() - reported < HEARTBEAT_TIMEOUT


def _suggest_value(trial: optuna.Trial, name: str, values: Range) -> Any:
    if isinstance(values, Choices):
        return trial.suggest_categorical(name, list(values.values))
    suggest = trial.suggest_int if isinstance(values, Ints) else trial.suggest_float
    return suggest(name, values.low, values.high, log=values.log)


def _failed() -> optuna.trial.TrialState:
    import optuna

    return optuna.trial.TrialState.FAIL
