"""Measure two pieces of code alternately, and compare the result with a limit."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

Call = Callable[[], object]


@dataclass(frozen=True)
class Settings:
    """How thoroughly to measure. rounds: pairs of a benchmark, None for its own number.

    Of the group `gpu`: rehearse runs it small on a processor; budget: seconds, None for its own; out: its folder.
    """

    rounds: int | None = None
    rehearse: bool = False
    budget: float | None = None
    out: Path | None = None

    def pairs(self, usual: int) -> int:
        """The pairs of a benchmark that usually takes `usual`."""
        return usual if self.rounds is None else self.rounds


@dataclass(frozen=True)
class Result:
    """What came of a benchmark. values: ratios to the plain code, or seconds, or shares, one a round."""

    name: str
    values: Sequence[float] = ()
    limit: float | None = None  # of the median; None: reported, not judged
    better: str = "lower"  # lower: the limit is the most there may be; higher: the least
    unit: str = ""  # "" for ratios, else s or %
    compared: str = ""  # what with what
    skipped: str = ""  # why there are no values
    details: Mapping[str, float] = field(default_factory=dict)  # seconds of stages

    @property
    def median(self) -> float:
        """Of the values."""
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third; of one value, itself."""
        if len(self.values) < 2:
            return self.median, self.median
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return first, third

    @property
    def verdict(self) -> str:
        """`ok`, `over` where the limit is broken, `reported` where there is none, or `skipped`."""
        if self.skipped:
            return "skipped"
        if self.limit is None:
            return "reported"
        within = self.median <= self.limit if self.better == "lower" else self.median >= self.limit
        return "ok" if within else "over"


def paired(ours: Call, plain: Call, rounds: int, least: float = 0.02) -> list[float]:
    """Seconds of `ours` over those of `plain`, a ratio a round; who begins changes from round to round.

    Both are called as often as takes `plain` at least `least` seconds, after one call that is not counted.
    """
    ours()
    plain()
    calls = max(1, round(least / max(seconds(plain), 1e-9)))
    ratios = []
    for number in range(rounds):
        if number % 2:
            mine, other = seconds(ours, calls), seconds(plain, calls)
        else:
            other, mine = seconds(plain, calls), seconds(ours, calls)
        ratios.append(mine / other)
    return ratios


def seconds(call: Call, calls: int = 1) -> float:
    """How long some calls take together."""
    since = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - since


@contextmanager
def threads(count: int):
    """torch with so many threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
