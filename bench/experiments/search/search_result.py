"""Results of a search, read from its storage: candidates, winner, cost, and a digest of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bench.core import canonical, digest, plain
from bench.experiments.search.objective import CandidateOutcome
from bench.experiments.search.optuna_storage import OptunaStorage
from bench.experiments.search.search_definition import Search
from bench.experiments.search.search_session import TRIALS, SearchSession, started_candidates

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage


@dataclass(frozen=True)
class Candidate:
    """One candidate as it is stored."""

    number: int  # 0: the defaults
    state: str  # done, pruned, failed, refused; running if no outcome is stored
    params: Mapping[str, Any]
    values: Mapping[str, float]  # objective -> value; empty unless done
    intermediate_values: Mapping[int, float]  # evaluation point, from 1 -> validation score
    seconds: float
    steps: int
    error: str = ""
    node: str = ""  # machine of a cluster that trained it


@dataclass(frozen=True)
class SearchResult:
    """The state of a search; it may be incomplete."""

    search: Search
    trials: int  # number of candidates of the complete search
    candidates: Sequence[Candidate]
    optuna_trials: Sequence[optuna.trial.FrozenTrial]
    versions: Mapping[str, str]  # of the packages that created the search

    @property
    def complete(self) -> bool:
        """Whether all candidates of the search have ended."""
        return sum(candidate.state != "running" for candidate in self.candidates) >= self.trials

    @property
    def states(self) -> Counter:
        """Number of candidates by state."""
        return Counter(candidate.state for candidate in self.candidates)

    @property
    def done(self) -> list[Candidate]:
        """The candidates that were trained to the end."""
        return [candidate for candidate in self.candidates if candidate.state == "done"]

    @cached_property
    def pareto_front(self) -> list[Candidate]:
        """The candidates that no other one dominates; of one objective, those with the best score."""
        scores = {candidate.number: self._scores(candidate) for candidate in self.done}
        return [
            candidate
            for candidate in self.done
            if not any(_dominates(other, scores[candidate.number]) for other in scores.values())
        ]

    @cached_property
    def winner(self) -> Candidate | None:
        """The candidate with the best validation score, of equal ones the first: the defaults win a tie."""
        return max(self.pareto_front, key=lambda candidate: (self._scores(candidate), -candidate.number), default=None)

    @property
    def defaults(self) -> Candidate | None:
        """The candidate with the arm's own parameters."""
        return next((candidate for candidate in self.candidates if candidate.number == 0), None)

    @property
    def seconds(self) -> float:
        """Seconds of training and validation of all candidates."""
        return sum(candidate.seconds for candidate in self.candidates)

    @property
    def steps(self) -> int:
        """Optimiser steps of all candidates."""
        return sum(candidate.steps for candidate in self.candidates)

    @property
    def digest(self) -> str:
        """Hash of the finished candidates and their scores: equal for equal searches in any storage."""
        rows = [
            [one.number, one.state, one.params, one.values, sorted(one.intermediate_values.items())]
            for one in self.done
        ]
        return digest([self.search.identity, canonical(plain(rows))])

    def verdict(self) -> str:
        """Whether the winner beats the defaults on the validation part, in one line."""
        usual, best, title = self.defaults, self.winner, self.search.metric.title
        if best is None:
            return f"none of {len(self.candidates)} candidates came to its end"
        score = f"{best.values['validation']:.4g}"
        if usual is None or usual.state != "done":
            reason = usual.error if usual and usual.error else usual.state if usual else "not tried"
            return f"candidate {best.number} has {title} {score} on validation; the defaults have no score: {reason}"
        default_score = f"{usual.values['validation']:.4g}"
        if self._scores(best)[0] > self._scores(usual)[0]:
            return f"candidate {best.number} beats the defaults on validation: {title} {score} against {default_score}"
        return (
            f"no candidate of {len(self.candidates)} beats the defaults on validation ({title} {default_score}): they"
            " stay"
        )

    def _scores(self, candidate: Candidate) -> tuple[float, ...]:
        """The objectives with their signs changed so that more is better."""
        return tuple(
            candidate.values[name] if direction == "maximize" else -candidate.values[name]
            for name, direction in zip(self.search.tuning.objectives, self.search.directions, strict=True)
        )


def read_session(session: SearchSession) -> SearchResult:
    """The state of an open search."""
    return _result(session.search, session.trials, session.candidates(), session.versions)


def read_results(searches: Sequence[Search], storage: OptunaStorage) -> dict[str, SearchResult]:
    """Results by search identity, of those searches that the storage holds."""
    with storage.opened() as backend:
        attributes = {study.study_name: study.user_attrs for study in backend.get_all_studies()}
        stored = [search for search in searches if search.name in attributes]
        return {search.identity: _read(search, attributes[search.name], backend) for search in stored}


def _read(search: Search, attributes: Mapping[str, Any], backend: BaseStorage) -> SearchResult:
    """attributes: user attributes of the search in the storage."""
    raw = backend.get_all_trials(backend.get_study_id_from_name(search.name), deepcopy=False)
    trials = attributes.get(TRIALS, len(raw))
    return _result(search, trials, started_candidates(raw, trials), attributes.get("versions", {}))


def _result(
    search: Search, trials: int, raw: Sequence[optuna.trial.FrozenTrial], versions: Mapping[str, str]
) -> SearchResult:
    return SearchResult(search, trials, [_candidate(search, trial) for trial in raw], raw, versions)


def _candidate(search: Search, trial: optuna.trial.FrozenTrial) -> Candidate:
    completed = trial.state.name == "COMPLETE"
    values = dict(zip(search.tuning.objectives, trial.values, strict=True)) if completed else {}
    outcome = CandidateOutcome.from_dict(trial.user_attrs.get("outcome", {}), values)
    states = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": outcome.state}
    return Candidate(
        trial.number, states.get(trial.state.name, "running"), dict(trial.params), values,
        dict(trial.intermediate_values), outcome.seconds, outcome.steps, outcome.error, outcome.node,
    )  # fmt: skip


def _dominates(other: Sequence[float], one: Sequence[float]) -> bool:
    pairs = list(zip(other, one, strict=True))
    return all(theirs >= mine for theirs, mine in pairs) and any(theirs > mine for theirs, mine in pairs)
