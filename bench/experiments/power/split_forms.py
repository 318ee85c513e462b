"""The answers of the power planner on comparisons of splits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.core import plural


@dataclass(frozen=True)
class SplitPower:
    """What a comparison of two splits could show, arm by arm.

    Attributes
    ----------
    data, over : str
        Names of the splits in tables.
    metric, unit : str
    people, shared : int or None
        People who are tested under the first split, and under both.
    tests : int
        Primary tests that share Holm's correction, on all data sets of its kind; those of this comparison are among
        them if it is primary.
    primary : bool
    sources : sequence of str
        Where the noise of each arm is from.
    detectable : mapping of str to float
        Arm, then the true difference that 80 % of such studies show, in the unit of the metric.
    floor : mapping of str to float
        The same with any number of partitions; empty where their number cannot be chosen.
    room : float
        The largest difference that the metric allows.
    problem : str
        Why nothing can be said; empty otherwise.
    """

    data: str
    over: str
    metric: str
    unit: str
    people: int | None
    shared: int | None
    tests: int
    primary: bool
    sources: Sequence[str] = ()
    detectable: dict[str, float] | None = None
    floor: dict[str, float] | None = None
    room: float = math.inf
    problem: str = ""

    def lines(self, difference: float | None = None) -> list[str]:
        """The answer in words.

        Parameters
        ----------
        difference : float or None
            Say also whether it can show this difference.

        Returns
        -------
        list of str
        """
        from bench.experiments.power.power_lines import size

        head = f"power of {self.data} against {self.over}, arm by arm"
        if self.problem:
            return [head, f"  cannot tell: {self.problem}"]
        kind = f"{plural(self.tests, 'primary test')}" if self.primary else "exploratory"
        people = f"{plural(self.people, 'person', 'people')}, {self.shared:,} of them under both"
        unit = f" {self.unit}" if self.unit else ""
        found = [f"{head}: {people}; {kind}", *(f"  noise from {source}" for source in dict.fromkeys(self.sources))]
        each = ", ".join(f"{arm} {size(value)}{unit}" for arm, value in self.detectable.items())
        found.append(f"  {self.metric}: detectable in 80 % of studies: {each}")
        if self.floor:
            limits = ", ".join(f"{arm} {size(value)}" for arm, value in self.floor.items())
            found.append(f"  with any number of partitions: not below {limits}{unit}")
        if max(self.detectable.values(), default=0.0) > self.room:
            found.append(
                f"  this study cannot decide its question: {self.metric} allows {size(self.room)}{unit} at most"
            )
        if difference is not None:
            found.append(f"  a difference of {size(difference)}{unit}: {self._answer(difference)}")
        return found

    def _answer(self, difference: float) -> str:
        enough = all(value <= difference for value in self.detectable.values())
        if enough:
            return "the planned design is enough"
        if self.floor and all(value <= difference for value in self.floor.values()):
            return "the planned design cannot show it; more partitions or seeds would"
        return "the planned design cannot show it, and no number of partitions would; several seeds may"

    def summary(self) -> dict[str, Any]:
        """The same for scripts."""
        return asdict(self)
