"""Finds the published numbers, one file for each subject, and computes each of them here."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.analysis.verify import yardsticks
from bench.analysis.verify.yardstick import Yardstick
from bench.core import BenchError
from bench.core.parameters import did_you_mean

EQUAL = "equal"  # within the rounding of the source
UNEQUAL = "not equal"
NOT_TRIED = "not tried"  # its table was not given


@dataclass(frozen=True)
class Measured:
    """A published number beside ours.

    Attributes
    ----------
    yardstick : Yardstick
        What was published.
    ours : float
        What this code computes; NaN if it was not tried.
    answer : str
        `EQUAL`, `UNEQUAL` or `NOT_TRIED`.
    """

    yardstick: Yardstick
    ours: float
    answer: str


def all_yardsticks() -> list[Yardstick]:
    """Every published number of every file of the folder `yardsticks`.

    Returns
    -------
    list of Yardstick
        Names are unique.
    """
    found = pkgutil.iter_modules(yardsticks.__path__)
    modules = [importlib.import_module(f"{yardsticks.__name__}.{info.name}") for info in found]
    return [one for module in modules for one in module.YARDSTICKS]


def choose_yardsticks(names: Sequence[str]) -> list[Yardstick]:
    """Some of the published numbers.

    Parameters
    ----------
    names : sequence of str
        Their names; empty: all of them.

    Returns
    -------
    list of Yardstick
        In the order of `all_yardsticks`.

    Raises
    ------
    BenchError
        If there is none of a name.
    """
    known = {one.name: one for one in all_yardsticks()}
    for name in names:
        if name not in known:
            raise BenchError(f"no published number {name!r}; {did_you_mean(name, known)}")
    return [one for name, one in known.items() if not names or name in names]


def measure_all(
    chosen: Sequence[Yardstick], folder: Path | None = None, progress: Callable[[Measured], None] = lambda each: None
) -> Iterator[Measured]:
    """Compute published numbers, one after the other.

    Parameters
    ----------
    chosen : sequence of Yardstick
        The numbers.
    folder : Path or None
        A folder with the tables of others. None: what needs one is not tried.
    progress : callable
        Called with each number.

    Yields
    ------
    Measured
        Each number.

    Raises
    ------
    BenchError
        If a table is not in the folder.
    """
    for one in chosen:
        measured = _measure(one, folder)
        progress(measured)
        yield measured


def _measure(one: Yardstick, folder: Path | None) -> Measured:
    if one.table and folder is None:
        return Measured(one, math.nan, NOT_TRIED)
    ours = float(one.ours(folder or Path()))
    return Measured(one, ours, EQUAL if one.equals(ours) else UNEQUAL)
