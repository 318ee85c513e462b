"""What a search found, read back from its storage: candidates, winner, cost, and a digest of all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bench.core import canonical, digest, plain
from bench.experiments.search.optuna_storage import OptunaStorage
from bench.experiments.search.search_definition import Search
from bench.experiments.search.search_session import TRIALS, SearchSession, begun

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage


@dataclass(frozen=True)
class Candidate:
    """One candidate as it was remembered."""

    number: int  # 0: the defaults
    state: str  # done, pruned, failed, refused; running where nobody has told its end
    params: Mapping[str, Any]
    values: Mapping[str, float]  # objective -> what was reached; empty unless done
    on_its_way: Mapping[int, float]  # evaluation point, from 1 -> validation score
    seconds: float
    steps: int
    error: str = ""


@dataclass(frozen=True)
class SearchResult:
    """A search as far as it has come."""

    search: Search
    trials: int  # asked for
    candidates: Sequence[Candidate]
    raw: Sequence[optuna.trial.FrozenTrial]
    versions: Mapping[str, str]  # of the programs that began the search

    @property
    def complete(self) -> bool:
        """Whether as many as asked for have come to an end."""
        return sum(one.state != "running" for one in self.candidates) >= self.trials

    @property
    def states(self) -> Counter:
        """How many there are of each state."""
        return Counter(one.state for one in self.candidates)

    @property
    def done(self) -> list[Candidate]:
        """Those that were trained to the end."""
        return [one for one in self.candidates if one.state == "done"]

    @cached_property
    def front(self) -> list[Candidate]:
        """Those that no other one is as good as in everything and better in something; of one objective, the best."""
        merits = {one.number: self._merits(one) for one in self.done}
        return [one for one in self.done if not any(_dominates(other, merits[one.number]) for other in merits.values())]

    @cached_property
    def winner(self) -> Candidate | None:
        """The best score on validation, of equals the first: the defaults win over what only equals them."""
        return max(self.front, key=lambda one: (self._merits(one), -one.number), default=None)

    @property
    def defaults(self) -> Candidate | None:
        """The arm as it is."""
        return next((one for one in self.candidates if one.number == 0), None)

    @property
    def seconds(self) -> float:
        """Of training and validation, all candidates together."""
        return sum(one.seconds for one in self.candidates)

    @property
    def steps(self) -> int:
        """Of the optimiser, all candidates together."""
        return sum(one.steps for one in self.candidates)

    @property
    def digest(self) -> str:
        """Of all candidates with what became of them: equal for equal searches, in whatever storage they lie."""
        told = [[one.number, one.state, one.params, one.values, sorted(one.on_its_way.items())] for one in self.done]
        return digest([self.search.identity, canonical(plain(told))])

    def verdict(self) -> str:
        """Whether the search gained anything over the defaults, on the part that it chose by."""
        usual, best, title = self.defaults, self.winner, self.search.metric.title
        if best is None:
            return f"none of {len(self.candidates)} candidates came to its end"
        score = f"{best.values['validation']:.4g}"
        if usual is None or usual.state != "done":
            why = usual.error if usual and usual.error else usual.state if usual else "not tried"
            return f"candidate {best.number} has {title} {score} on validation; the defaults have no score: {why}"
        theirs = f"{usual.values['validation']:.4g}"
        if self._merits(best)[0] > self._merits(usual)[0]:
            return f"candidate {best.number} beats the defaults on validation: {title} {score} against {theirs}"
        return f"no candidate of {len(self.candidates)} beats the defaults on validation ({title} {theirs}): they stay"

    def _merits(self, one: Candidate) -> tuple[float, ...]:
        """The objectives, turned so that more is better."""
        return tuple(
            one.values[name] if direction == "maximize" else -one.values[name]
            for name, direction in zip(self.search.tuning.objectives, self.search.directions, strict=True)
        )


def found(asking: SearchSession) -> SearchResult:
    """What a search has found so far."""
    return _found(asking.search, asking.trials, asking.tried(), asking.versions)


def remembered(searches: Sequence[Search], storage: OptunaStorage) -> dict[str, SearchResult]:
    """What a storage holds of some searches, by their identity: of those that were begun there."""
    with storage.opened() as opened:
        noted = {one.study_name: one.user_attrs for one in opened.get_all_studies()}
        there = [search for search in searches if search.name in noted]
        return {search.identity: _looked_at(search, noted[search.name], opened) for search in there}


def _looked_at(search: Search, noted: Mapping[str, Any], opened: BaseStorage) -> SearchResult:
    """noted: what is recorded of the search beside its candidates."""
    raw = opened.get_all_trials(opened.get_study_id_from_name(search.name), deepcopy=False)
    trials = noted.get(TRIALS, len(raw))
    return _found(search, trials, begun(raw, trials), noted.get("versions", {}))


def _found(
    search: Search, trials: int, raw: Sequence[optuna.trial.FrozenTrial], versions: Mapping[str, str]
) -> SearchResult:
    return SearchResult(search, trials, [_candidate(search, one) for one in raw], raw, versions)


def _candidate(search: Search, one: optuna.trial.FrozenTrial) -> Candidate:
    told = one.user_attrs.get("outcome", {})
    states = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": told.get("state", "failed")}
    values = dict(zip(search.tuning.objectives, one.values, strict=True)) if one.state.name == "COMPLETE" else {}
    return Candidate(
        one.number, states.get(one.state.name, "running"), dict(one.params), values, dict(one.intermediate_values),
        float(told.get("seconds", 0.0)), int(told.get("steps", 0)), str(told.get("error", "")),
    )  # fmt: skip


def _dominates(other: Sequence[float], one: Sequence[float]) -> bool:
    pairs = list(zip(other, one, strict=True))
    return all(theirs >= mine for theirs, mine in pairs) and any(theirs > mine for theirs, mine in pairs)
