"""A fault that a small program plants, and how the harness is expected to answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.analysis.verify.sandbox import Sandbox
from bench.core import BenchError

CAUGHT = "caught"  # stopped, refused or marked by name
CONTROL = "shown in a control"  # the tables run on, and a control or a caution shows it
PREVENTED = "without effect"  # it was planted, and could not change a score
MISSED = "missed"  # nothing in the answer differs from that to a sound program
FALSE_ALARM = "false alarm"  # the same program without the fault gets the answer too


@dataclass(frozen=True)
class PlantedFault:
    """A fault of method.

    Attributes
    ----------
    name : str
        Short name, unique.
    planted : str
        What the program does, in a sentence.
    answer : str
        `CAUGHT`, `CONTROL`, `PREVENTED` or `MISSED`: what the harness answers as far as is known.
    plant : callable
        A function (sandbox, faulty) that runs the program with or without the fault and returns the words of the
        answer; empty if there is none.
    why : str
        For a miss: why it is one, and what to do.
    slow : bool
        Whether networks are trained for it.
    """

    name: str
    planted: str
    answer: str
    plant: Callable[[Sandbox, bool], str]
    why: str = ""
    slow: bool = False


def refusal(action: Callable[[], object], *words: str) -> str:
    """The message with which an action is refused.

    Parameters
    ----------
    action : callable
        What is tried.
    *words : str
        Words of the message that is meant; another refusal is an error of the program, not an answer.

    Returns
    -------
    str
        The message; empty if the action succeeds.
    """
    try:
        action()
    except BenchError as error:
        if all(word in str(error) for word in words):
            return str(error)
        raise
    return ""


def sentence_with(texts: Sequence[str], *words: str) -> str:
    """The first text that has all of some words; empty if there is none.

    Parameters
    ----------
    texts : sequence of str
        Cautions, notes or verdicts.
    *words : str
        Words to look for.

    Returns
    -------
    str
        The text.
    """
    return next((text for text in texts if all(word in text for word in words)), "")
