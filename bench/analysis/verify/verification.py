"""Finds the planted faults, one file for each family, and records the answer to each."""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.analysis.verify import faults
from bench.analysis.verify.planted_fault import CAUGHT, CONTROL, FALSE_ALARM, MISSED, PREVENTED, PlantedFault
from bench.analysis.verify.sandbox import sandbox
from bench.core import BenchError
from bench.core.parameters import did_you_mean
from bench.storage.anonymise import clean

LONGEST = 240  # letters of an answer that are shown


@dataclass(frozen=True)
class VerifiedFault:
    """A fault and the answer to it.

    Attributes
    ----------
    fault : PlantedFault
        What was planted.
    answer : str
        One of the answers of `planted_fault`.
    words : str
        Words of the harness, shortened; for a miss, why.
    seconds : float
        Time of both runs, with the fault and without it.
    """

    fault: PlantedFault
    answer: str
    words: str
    seconds: float

    @property
    def as_expected(self) -> bool:
        """Whether the answer is the known one."""
        return self.answer == self.fault.answer


def all_faults() -> list[PlantedFault]:
    """Every fault of every file of the folder `faults`, by family.

    Returns
    -------
    list of PlantedFault
        Names are unique.
    """
    modules = [
        importlib.import_module(f"{faults.__name__}.{info.name}") for info in pkgutil.iter_modules(faults.__path__)
    ]
    return [fault for module in modules for fault in module.FAULTS]


def choose(names: Sequence[str], slow: bool = True) -> list[PlantedFault]:
    """Some of the faults.

    Parameters
    ----------
    names : sequence of str
        Their names; empty: all of them.
    slow : bool
        Whether those for which networks are trained are among them, if no names are given.

    Returns
    -------
    list of PlantedFault
        In the order of `all_faults`.

    Raises
    ------
    BenchError
        If there is no fault of a name.
    """
    known = {fault.name: fault for fault in all_faults()}
    for name in names:
        if name not in known:
            raise BenchError(f"no fault {name!r}; {did_you_mean(name, known)}")
    return [fault for name, fault in known.items() if name in names or (not names and (slow or not fault.slow))]


def verify(fault: PlantedFault) -> VerifiedFault:
    """Plant a fault, and run the same program without it.

    Parameters
    ----------
    fault : PlantedFault
        The fault.

    Returns
    -------
    VerifiedFault
        The answer of the harness.
    """
    since = time.perf_counter()
    answers = []
    for faulty in (False, True):
        with sandbox() as place:
            answers.append(fault.plant(place, faulty))
    sound, words = answers
    answer = FALSE_ALARM if sound else fault.answer if words else MISSED
    if words and not sound and fault.answer == MISSED:
        answer = CAUGHT
    said = fault.why if answer == MISSED else sound or words
    return VerifiedFault(fault, answer, _shortened(said), time.perf_counter() - since)


def verify_all(
    chosen: Sequence[PlantedFault], progress: Callable[[VerifiedFault], None] = lambda verified: None
) -> Iterator[VerifiedFault]:
    """Plant faults one after the other.

    Parameters
    ----------
    chosen : sequence of PlantedFault
        The faults.
    progress : callable
        Called with each answer.

    Yields
    ------
    VerifiedFault
        Each answer.
    """
    for fault in chosen:
        verified = verify(fault)
        progress(verified)
        yield verified


def counts(verified: Sequence[VerifiedFault]) -> dict[str, int]:
    """How often each answer was given.

    Parameters
    ----------
    verified : sequence of VerifiedFault
        The answers.

    Returns
    -------
    dict of str to int
        Answers that do not occur are left out.
    """
    answers = [each.answer for each in verified]
    return {name: answers.count(name) for name in (CAUGHT, CONTROL, PREVENTED, MISSED, FALSE_ALARM) if name in answers}


def _shortened(text: str) -> str:
    text = " ".join(clean(text).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3].rsplit(' ', 1)[0]} ..."
