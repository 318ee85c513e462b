"""What a search may try, and how a study asks for one: plain data, checked by whoever searches."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from bench.core.errors import BenchError
from bench.core.limits import AtLeast

OBJECTIVES = ("validation", "parameters", "forward_flops", "train_seconds")  # of a search; the first is the score


@dataclass(frozen=True)
class Floats:
    """Any number from `low` to `high`; log: evenly over its logarithm."""

    low: float
    high: float
    log: bool = False

    def check(self, owner: str) -> None:
        """BenchError where nothing lies in the range, it has no logarithm, or its ends are no finite numbers."""
        for end in (self.low, self.high):
            if not _is_number(end):
                raise BenchError(f"{owner}: the ends of a range are finite numbers, not {end!r}")
        if not self.low < self.high:
            raise BenchError(f"{owner}: the range from {self.low:g} to {self.high:g} is empty")
        if self.log and self.low <= 0:
            raise BenchError(f"{owner}: a logarithmic range begins above 0, not at {self.low:g}")

    @property
    def tried(self) -> tuple[Any, ...]:
        """Values that show whether the parameter takes what is in the range."""
        return (float(self.low), float(self.high))

    def holds(self, value: Any) -> bool:
        """Whether a value lies in the range."""
        return isinstance(value, (int, float)) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Ints:
    """Any whole number from `low` to `high`, both included; log: evenly over its logarithm."""

    low: int
    high: int
    log: bool = False

    def check(self, owner: str) -> None:
        """BenchError where nothing lies in the range, it has no logarithm, or its ends are no whole numbers."""
        if not (type(self.low) is int and type(self.high) is int):
            raise BenchError(f"{owner}: the ends of Ints are whole numbers, not {self.low!r} and {self.high!r}")
        Floats(self.low, self.high, self.log).check(owner)

    @property
    def tried(self) -> tuple[Any, ...]:
        """Values that show whether the parameter takes what is in the range."""
        return (self.low, self.high)

    def holds(self, value: Any) -> bool:
        """Whether a value lies in the range."""
        return type(value) is int and self.low <= value <= self.high


@dataclass(frozen=True)
class Choices:
    """One of some values, each a number, a truth value or a text as a command line would give it; two at least."""

    values: Sequence[Any]

    def check(self, owner: str) -> None:
        """BenchError where there is nothing to choose between, or a value is none that a storage can hold."""
        if isinstance(self.values, str) or not isinstance(self.values, Sequence):
            raise BenchError(f"{owner}: choices are several values, as Choices((1, 2)), not {self.values!r}")
        if len({repr(value) for value in self.values}) < 2:
            raise BenchError(f"{owner}: the range is empty: there are two different choices at least")
        for value in self.values:
            if value is not None and not isinstance(value, (bool, int, float, str)):
                raise BenchError(f"{owner}: a choice is a number, a truth value or a text, not {value!r}")
            if isinstance(value, float) and not math.isfinite(value):
                raise BenchError(f"{owner}: a choice that is a number is finite, not {value!r}")

    @property
    def tried(self) -> tuple[Any, ...]:
        """Values that show whether the parameter takes what is in the range."""
        return tuple(self.values)

    def holds(self, value: Any) -> bool:
        """Whether a value is one of the choices, 1 and True apart."""
        return any(type(one) is type(value) and one == value for one in self.values)


Range = Floats | Ints | Choices


def check_space(space: Any, owner: str) -> None:
    """BenchError where a space is no mapping of names to ranges, or a range is malformed or empty."""
    if not isinstance(space, Mapping):
        raise BenchError(f"{owner}: a space is a dict of parameters and their ranges, not {space!r}")
    for name, one in space.items():
        if not isinstance(one, Range):
            kinds = "Floats(low, high), Ints(low, high) or Choices(values)"
            raise BenchError(f"{owner}, {name}: a range is {kinds}, not {one!r}")
        one.check(f"{owner}, {name}")


def _is_number(value: Any) -> bool:
    """Whether a value is a number that a float can hold; no truth value is."""
    most = sys.float_info.max
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -most <= value <= most


@dataclass(frozen=True)
class Tuning:
    """How a study searches parameters: the same for all of its arms, on each fold's validation part."""

    trials: int = 40  # of each search: the defaults, and what the sampler suggests
    arms: Sequence[str] = ()  # that are searched; none: all but the floors and those that are tuned already
    spaces: Mapping[str, Mapping[str, Range]] = field(default_factory=dict)  # arm -> instead of its method's own
    sampler: str = "tpe"  # a name in `bench.experiments.search.samplers`
    pruner: str = "median"  # another one there; `none` where there are several objectives
    seed: Annotated[int, AtLeast(0)] = 0  # of the sampler
    objectives: Sequence[str] = ("validation",)  # of OBJECTIVES; several: the Pareto front, the best score of it wins
