"""What the search of a study would train, and how long that takes: told by `bench plan` before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core import Study, plural
from bench.experiments.plan import ResolvedData
from bench.experiments.plan.estimate import estimate, in_words
from bench.experiments.search.search_definition import Search, UnsearchableError, searches


@dataclass(frozen=True)
class Forecast:
    """The searches of a study. seconds: of all candidates as of the defaults; None where not known of all."""

    searches: Sequence[Search]
    seconds: float | None
    fault: str = ""  # why nothing can be searched

    @property
    def trials(self) -> int:
        """Candidates of all searches together."""
        return sum(one.tuning.trials for one in self.searches)

    def line(self) -> str:
        """All of it in words."""
        if self.fault:
            return f"bench tune would not search it: {self.fault}"
        pruned = self.searches[0].tuning.pruner != "none"
        most = ", at most (pruning stops some early)" if pruned else ""
        long = "how long that takes is not known; bench plan --measure finds out"
        if self.seconds is not None:
            long = f"{in_words(self.seconds)} run one by one, if each takes as long as the defaults"
        return f"bench tune would train {self._product()} = {self.trials} trials{most}; {long}"

    def _product(self) -> str:
        """Arms x folds x candidates, where each arm is searched everywhere; else the number of searches."""
        candidates = f"{self.searches[0].tuning.trials} candidates"
        found = {(one.arm, one.trial.where, one.trial.partition, one.trial.fold) for one in self.searches}
        arms, sets, partitions, folds = ({place[at] for place in found} for at in range(4))
        if len(arms) * len(sets) * len(partitions) * len(folds) != len(self.searches):
            return f"{plural(len(self.searches), 'search', 'searches')} x {candidates}"
        parts = [(arms, "arm"), (sets, "data set"), (partitions, "partition"), (folds, "fold")]
        told = [(len(part), word) for part, word in parts if len(part) > 1 or word in ("arm", "fold")]
        return " x ".join([*(f"{count} {word}{'s' * (count > 1)}" for count, word in told), candidates])

    def summary(self) -> dict[str, Any]:
        """The same for scripts."""
        seconds = None if self.seconds is None else round(self.seconds, 1)
        told = {"searches": len(self.searches), "trials": self.trials, "seconds": seconds}
        return {**told, "fault": self.fault} if self.fault else told


def forecast(name: str, study: Study, found: Sequence[ResolvedData], root: Path) -> Forecast | None:
    """The searches of a study on data that are found; None where it declares none. root: of the records.

    BenchError where a range, or anything else of the search, is not as it has to be.
    """
    if study.tuning is None:
        return None
    try:
        ones, _ = searches(name, study, found)
    except UnsearchableError as error:
        return Forecast((), None, str(error))
    told = estimate([one.trial for one in ones], root)
    return Forecast(ones, None if told.unknown else told.seconds * study.tuning.trials)
