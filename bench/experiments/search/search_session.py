"""Ask and tell: the one way in which candidates are suggested, judged on their way, and remembered.

Whatever runs them, a candidate is asked for, reports its validation score at every evaluation point, and is told how it
ended. Processes that search the same share the candidates. A candidate belongs to the process that holds its claim; one
of a process that died is taken up again, with the same parameters and from its last checkpoint, and keeps its number,
so that a search that was to try 40 has tried 40.
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
from bench.experiments.search.optuna_storage import OptunaStorage, close, quiet
from bench.experiments.search.search_definition import Search
from bench.storage.atomic_io import clear, storing
from bench.storage.locks import Lock, claim, claimed

if TYPE_CHECKING:
    import optuna

MINUTE = 60.0  # seconds between two words about a candidate on its way
HOUR = 3600.0  # seconds without a word after which a candidate of another machine is taken up again
TRIALS = "trials"  # what is remembered of a search: how many candidates it was asked to try, the last time
_HERE = hashlib.sha256(platform.node().encode()).hexdigest()[:8]


@dataclass(frozen=True)
class CandidateJob:
    """A candidate to be trained."""

    number: int  # from 0, the defaults
    trial: Trial
    workplace: Path  # where its states are kept until it ends, and a killed process left its own


class SearchSession:
    """One search on its storage. Used in a `with`: what it holds at the end is free for others."""

    def __init__(self, search: Search, storage: OptunaStorage, trials: int, folder: Path) -> None:
        """trials: that the search is to try in all. folder: of claims and checkpoints, the same for all who share it.

        BenchError where the storage is that of another study; HaltError where it cannot be used.
        """
        self.search, self.storage, self.trials = search, storage, trials
        self.folder = folder / search.identity
        self.fault: BenchError | None = None  # what a person has to mend, where whoever asks cannot raise it
        recipe = search.trial.recipe
        self._points = min(recipe.points, recipe.steps)  # of a candidate that is not given up
        self._claims: dict[int, Lock] = {}
        self._on_their_way: dict[int, optuna.Trial] = {}
        storage.room()
        with storing(folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with storing(folder), claimed(folder / "open.claim"):  # two at once would both make the tables of a new file
            self._opened = storage.open()
        try:
            with storage.asking(), claimed(folder / "begin.claim"):
                _check_owner(self._opened, storage, search.study)
                self._number = self._begin()  # of the search in the storage
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> SearchSession:
        return self

    def __exit__(self, *_: object) -> None:
        for number in list(self._claims):
            self._let_go(number)
        self._close()

    def _close(self) -> None:
        close(self._opened)

    def ask(self) -> CandidateJob | None:
        """The next candidate; None where all are tried, or the rest are with other processes."""
        while (found := self._next()) is not None:
            number, params = found
            workplace = self.folder / str(number)
            try:
                with storing(self.folder):
                    workplace.mkdir(exist_ok=True)
                return CandidateJob(number, self.search.candidate(params), workplace)
            except BenchError as error:
                if error.status != 2:
                    raise
                self.tell(number, CandidateOutcome("failed", error=str(error)))  # values that do not go together
        return None

    def report(self, number: int, point: int, value: float) -> bool:
        """Keep the validation score of evaluation point `point`, from 1; True where the candidate is to be given up.

        Neither the defaults are, nor one that has come to its last point: nothing would be spared.
        """
        with self.storage.asking():
            trial = self._on_their_way[number]
            known = self._opened.get_trial(self._id_of(number)).intermediate_values
            if len(self.search.tuning.objectives) > 1:
                return False
            if point not in known:  # a process that was killed may have kept it
                trial.report(value, point)
            if time.time() - trial.user_attrs["at"][1] > MINUTE:
                trial.set_user_attr("at", [_HERE, time.time()])
            return number > 0 and point < self._points and trial.should_prune()

    def tell(self, number: int, outcome: CandidateOutcome) -> None:
        """Remember how a candidate ended."""
        import optuna

        with self.storage.asking():
            trial = self._on_their_way.pop(number)
            trial.set_user_attr("outcome", outcome.told())
            values = [outcome.values.get(name) for name in self.search.tuning.objectives]
            states = {"done": optuna.trial.TrialState.COMPLETE, "pruned": optuna.trial.TrialState.PRUNED}
            state = states.get(outcome.state, optuna.trial.TrialState.FAIL)
            trial.study.tell(trial, values if outcome.state == "done" else None, state, skip_if_finished=True)
        clear(self.folder / str(number))
        self._let_go(number)

    def tried(self) -> list[optuna.trial.FrozenTrial]:
        """Every candidate of the search that was begun, in order."""
        with self.storage.asking():
            trials = self._opened.get_all_trials(self._number, deepcopy=False)
        return begun(trials, self.trials)

    @property
    def versions(self) -> dict[str, str]:
        """Of the programs that began the search."""
        with self.storage.asking():
            return dict(self._opened.get_study_user_attrs(self._number)["versions"])

    @property
    def states(self) -> Counter:
        """How many candidates there are of each state, as Optuna names them."""
        return Counter(trial.state.name for trial in self.tried())

    def finished(self) -> bool:
        """Whether as many candidates as asked for have come to an end."""
        return sum(trial.state.is_finished() for trial in self.tried()) >= self.trials

    def _begin(self) -> int:
        """Make the search, or find it; the first candidate is the arm as it is."""
        import optuna

        search = self.search
        study = optuna.create_study(
            storage=self._opened, study_name=search.name, directions=search.directions, load_if_exists=True
        )
        if "search" not in study.user_attrs:
            for name, value in _described(search).items():
                study.set_user_attr(name, value)
        if study.user_attrs.get(TRIALS) != self.trials:
            study.set_user_attr(TRIALS, self.trials)
        if not study.get_trials(deepcopy=False):
            study.enqueue_trial(search.defaults)
        return self._opened.get_study_id_from_name(search.name)

    def _study(self, seed: int) -> optuna.Study:
        import optuna

        tuning = self.search.tuning
        with quiet():
            return optuna.load_study(
                study_name=self.search.name, storage=self._opened,
                sampler=samplers.sampler(tuning, seed), pruner=samplers.pruner(tuning),
            )  # fmt: skip

    def _next(self) -> tuple[int, dict[str, Any]] | None:
        """Number and parameters of a candidate: one of a process that died, else a new one."""
        with self.storage.asking(), claimed(self.folder / "ask.claim"):
            trial = self._orphan() or self._new()
            if trial is None:
                return None
            self._on_their_way[trial.number] = trial
            trial.set_user_attr("at", [_HERE, time.time()])
            return trial.number, self._suggested(trial)

    def _suggested(self, trial: optuna.Trial) -> dict[str, Any]:
        """The parameters of a candidate. Each has a seed of its own: a process may be killed between two of them."""
        _ = trial.relative_params  # of samplers that choose all at once
        found = {}
        for name, one in sorted(self.search.space.items()):
            trial.study.sampler = samplers.sampler(self.search.tuning, self._seed(trial.number, name))
            found[name] = _suggested(trial, name, one)
        return found

    def _orphan(self) -> optuna.Trial | None:
        import optuna

        for trial in self.tried():
            if trial.state != optuna.trial.TrialState.RUNNING or trial.number in self._claims or elsewhere(trial):
                continue
            if self._hold(trial.number):
                return optuna.Trial(self._study(self._seed(trial.number)), self._id_of(trial.number))
        return None

    def _new(self) -> optuna.Trial | None:
        begun = len(self.tried())
        if begun >= self.trials:
            return None
        trial = self._study(self._seed(begun)).ask()
        if trial.number < self.trials and self._hold(trial.number):
            return trial
        trial.study.tell(trial, state=_failed())  # beyond the number: it is not counted
        return None

    def _id_of(self, number: int) -> int:
        """What the storage calls a candidate."""
        return self._opened.get_trial_id_from_study_id_trial_number(self._number, number)

    def _seed(self, number: int, name: str = "") -> int:
        return seed_of("search", self.search.identity, self.search.tuning.seed, number, name)

    def _hold(self, number: int) -> bool:
        held = claim(self.folder / f"{number}.claim")
        if held is not None:
            self._claims[number] = held
        return held is not None

    def _let_go(self, number: int) -> None:
        if held := self._claims.pop(number, None):
            held.release()


def begun(trials: Sequence[optuna.trial.FrozenTrial], number: int) -> list[optuna.trial.FrozenTrial]:
    """The candidates of a search that was to try so many, as far as they were begun."""
    return [trial for trial in trials if trial.number < number and trial.state.name != "WAITING"]


def _described(search: Search) -> Mapping[str, Any]:
    """What is recorded of a search beside its candidates."""
    names = ("optuna", "ray", "torch", "numpy")
    return {
        "study": search.study,
        "search": search.identity,
        "arm": search.arm,
        "trial": plain(search.trial),
        "space": {name: [type(one).__name__, plain(one)] for name, one in search.space.items()},
        "objectives": list(search.tuning.objectives),
        **samplers.told(search.tuning),
        "versions": {"bench": __version__, **{name: version(name) for name in names}},
    }


def _check_owner(opened: optuna.storages.BaseStorage, storage: OptunaStorage, study: str) -> None:
    """BenchError where the storage holds anything else than searches of this study."""
    for one in opened.get_all_studies():
        owner = one.user_attrs.get("study")
        if owner != study and (owner or one.user_attrs or one.study_name):
            whose = f"searches of the study {owner}" if owner else f"{one.study_name!r}, which is no search of bench"
            raise BenchError(f"the storage {storage.shown} holds {whose}, not of {study}; give another with --storage")


def elsewhere(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether another machine has it, which said a word within the hour: its claims may not be seen from here."""
    machine, spoke = trial.user_attrs.get("at", (_HERE, 0.0))
    return machine != _HERE and time.time() - spoke < HOUR


def _suggested(trial: optuna.Trial, name: str, one: Range) -> Any:
    if isinstance(one, Choices):
        return trial.suggest_categorical(name, list(one.values))
    suggest = trial.suggest_int if isinstance(one, Ints) else trial.suggest_float
    return suggest(name, one.low, one.high, log=one.log)


def _failed() -> optuna.trial.TrialState:
    import optuna

    return optuna.trial.TrialState.FAIL
