"""Search spaces and how a study requests a search: plain data, which the search checks."""

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
    """A range of real numbers.

    Attributes
    ----------
    low, high : float
        Ends of the range, both included.
    log : bool
        Sample evenly on the logarithmic scale.
    """

    low: float
    high: float
    log: bool = False

    def check(self, owner: str) -> None:
        """Check the range.

        Parameters
        ----------
        owner : str
            Name of the range in error messages.

        Raises
        ------
        BenchError
            If the range is empty, an end is not a finite number, or a logarithmic range does not begin above 0.
        """
        for end in (self.low, self.high):
            if not _is_number(end):
                raise BenchError(f"{owner}: the ends of a range must be finite numbers, not {end!r}")
        if not self.low < self.high:
            raise BenchError(f"{owner}: the range from {self.low:g} to {self.high:g} is empty")
        if self.log and self.low <= 0:
            raise BenchError(f"{owner}: a logarithmic range must begin above 0, not at {self.low:g}")

    @property
    def tried(self) -> tuple[Any, ...]:
        """Values that are tried to see whether the parameter accepts the range."""
        return (float(self.low), float(self.high))

    def holds(self, value: Any) -> bool:
        """Whether the range contains a value.

        Parameters
        ----------
        value : object
            Any value. A truth value is not a number.

        Returns
        -------
        bool
            True if it is in the range.
        """
        return isinstance(value, (int, float)) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Ints:
    """A range of whole numbers.

    Attributes
    ----------
    low, high : int
        Ends of the range, both included.
    log : bool
        Sample evenly on the logarithmic scale.
    """

    low: int
    high: int
    log: bool = False

    def check(self, owner: str) -> None:
        """Check the range.

        Parameters
        ----------
        owner : str
            Name of the range in error messages.

        Raises
        ------
        BenchError
            If the range is empty, an end is not a whole number, or a logarithmic range does not begin above 0.
        """
        if not (type(self.low) is int and type(self.high) is int):
            raise BenchError(f"{owner}: the ends of Ints must be integers, not {self.low!r} and {self.high!r}")
        Floats(self.low, self.high, self.log).check(owner)

    @property
    def tried(self) -> tuple[Any, ...]:
        """Values that are tried to see whether the parameter accepts the range."""
        return (self.low, self.high)

    def holds(self, value: Any) -> bool:
        """Whether the range contains a value.

        Parameters
        ----------
        value : object
            Any value. A truth value is not a number.

        Returns
        -------
        bool
            True if it is in the range.
        """
        return type(value) is int and self.low <= value <= self.high


@dataclass(frozen=True)
class Choices:
    """A list of values to choose from.

    Attributes
    ----------
    values : sequence
        At least two numbers, truth values or texts, as a command line would give them.
    """

    values: Sequence[Any]

    def check(self, owner: str) -> None:
        """Check the range.

        Parameters
        ----------
        owner : str
            Name of the range in error messages.

        Raises
        ------
        BenchError
            If there are fewer than two different values, or one cannot be stored.
        """
        if isinstance(self.values, str) or not isinstance(self.values, Sequence):
            raise BenchError(f"{owner}: choices must be a list of values, as in Choices((1, 2)), not {self.values!r}")
        if len({repr(value) for value in self.values}) < 2:
            raise BenchError(f"{owner}: Choices needs at least two different values")
        for value in self.values:
            if value is not None and not isinstance(value, (bool, int, float, str)):
                raise BenchError(f"{owner}: a choice must be a number, a bool, a string or None, not {value!r}")
            if isinstance(value, float) and not math.isfinite(value):
                raise BenchError(f"{owner}: a number among the choices must be finite, not {value!r}")

    @property
    def tried(self) -> tuple[Any, ...]:
        """Values that are tried to see whether the parameter accepts the range."""
        return tuple(self.values)

    def holds(self, value: Any) -> bool:
        """Whether the range contains a value.

        Parameters
        ----------
        value : object
            Any value. 1 and True are different values.

        Returns
        -------
        bool
            True if it is in the range.
        """
        return any(type(one) is type(value) and one == value for one in self.values)


Range = Floats | Ints | Choices


def check_space(space: Any, owner: str) -> None:
    """Check a search space.

    Parameters
    ----------
    space : object
        Should be a mapping of parameters to ranges.
    owner : str
        Name of the space in error messages.

    Raises
    ------
    BenchError
        If it is not a mapping, or a range is empty or malformed.
    """
    if not isinstance(space, Mapping):
        raise BenchError(f"{owner}: a search space must be a dict of parameters and their ranges, not {space!r}")
    for name, one in space.items():
        if not isinstance(one, Range):
            kinds = "Floats(low, high), Ints(low, high) or Choices(values)"
            raise BenchError(f"{owner}, {name}: a range must be {kinds}, not {one!r}")
        one.check(f"{owner}, {name}")


def _is_number(value: Any) -> bool:
    """Whether a value is a number that a float can store. A truth value is not a number."""
    most = sys.float_info.max
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -most <= value <= most


@dataclass(frozen=True)
class Tuning:
    """How a study searches parameters: the same way for all of its arms, on the validation part of each fold.

    Attributes
    ----------
    trials : int
        Number of trials of each search: the defaults, and what the sampler suggests.
    arms : sequence of str
        Labels of the arms to search. If empty, all except the floors and those with tuned parameters.
    spaces : mapping
        Label of an arm, then the search space that replaces that of its method.
    sampler : str
        A name in `bench.experiments.search.samplers`.
    pruner : str
        Another name in that module; `none` if there are several objectives.
    seed : int
        Seed of the sampler, at least 0.
    objectives : sequence of str
        Some of `OBJECTIVES`. With several, the search finds the Pareto front, and its point with the best score wins.
    """

    trials: int = 40
    arms: Sequence[str] = ()
    spaces: Mapping[str, Mapping[str, Range]] = field(default_factory=dict)
    sampler: str = "tpe"
    pruner: str = "median"
    seed: Annotated[int, AtLeast(0)] = 0
    objectives: Sequence[str] = ("validation",)
