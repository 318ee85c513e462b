"""Estimate of a study's search for `bench plan`: how many candidates it trains, and how long that takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core import Study, plural
from bench.experiments.plan import ResolvedData
from bench.experiments.plan.estimate import estimate, in_words
from bench.experiments.search.search_definition import Search, UnsearchableError, define_searches


@dataclass(frozen=True)
class SearchEstimate:
    """Cost of a study's searches. seconds: if every candidate takes as long as the defaults; None if unknown."""

    searches: Sequence[Search]
    seconds: float | None
    error: str = ""  # why the study cannot be searched

    @property
    def trials(self) -> int:
        """Candidates of all searches together."""
        return sum(search.tuning.trials for search in self.searches)

    def line(self) -> str:
        """The estimate in one line."""
        if self.error:
            return f"bench tune cannot search it: {self.error}"
        pruned = self.searches[0].tuning.pruner != "none"
        most = ", at most (pruning stops some early)" if pruned else ""
        duration = "the time is not known; bench plan --measure estimates it"
        if self.seconds is not None:
            duration = f"{in_words(self.seconds)} run one by one, if each takes as long as the defaults"
        return f"bench tune would train {self._product()} = {self.trials} trials{most}; {duration}"

    def _product(self) -> str:
        """Arms x folds x candidates, if each arm is searched everywhere; else searches x candidates."""
        candidates = f"{self.searches[0].tuning.trials} candidates"
        places = {(one.arm, one.where, one.trial.partition, one.trial.fold) for one in self.searches}
        arms, sets, partitions, folds = ({place[index] for place in places} for index in range(4))
        if len(arms) * len(sets) * len(partitions) * len(folds) != len(self.searches):
            return f"{plural(len(self.searches), 'search', 'searches')} x {candidates}"
        parts = [(arms, "arm"), (sets, "data set"), (partitions, "partition"), (folds, "fold")]
        factors = [(len(part), word) for part, word in parts if len(part) > 1 or word in ("arm", "fold")]
        return " x ".join([*(f"{count} {word}{'s' * (count > 1)}" for count, word in factors), candidates])

    def to_dict(self) -> dict[str, Any]:
        """The estimate as `bench plan --json` prints it."""
        seconds = None if self.seconds is None else round(self.seconds, 1)
        entry = {"searches": len(self.searches), "trials": self.trials, "seconds": seconds}
        return {**entry, "fault": self.error} if self.error else entry


def estimate_searches(name: str, study: Study, data: Sequence[ResolvedData], root: Path) -> SearchEstimate | None:
    """Estimate the searches of a study on prepared data from records under `root`; None if the study has no search.

    BenchError if the definition of the search is not valid.
    """
    if study.tuning is None:
        return None
    try:
        searches, _ = define_searches(name, study, data)
    except UnsearchableError as error:
        return SearchEstimate((), None, str(error))
    cost = estimate([search.trial for search in searches], root)
    return SearchEstimate(searches, None if cost.unknown else cost.seconds * study.tuning.trials)
