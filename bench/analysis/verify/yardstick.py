"""A number that others have published, and what this code computes for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

TINY = 1e-9  # of the last digit; the error of a number that lies half-way between two digits


@dataclass(frozen=True)
class Yardstick:
    """A published number.

    Attributes
    ----------
    name : str
        Short name, unique.
    what : str
        What was measured, in a phrase.
    published : str
        The number with the digits of the source: they say how far it was rounded.
    source : str
        Who published it, and where.
    ours : callable
        A function of the folder with the tables of others: the number that this code computes.
    table : str
        What is needed of the folder with the tables of others, for people; empty if the numbers are in this code or in
        a library that it requires.
    roundings : int
        How many rounded numbers the published one was computed from: a difference of two has two.
    """

    name: str
    what: str
    published: str
    source: str
    ours: Callable[[Path], float]
    table: str = ""
    roundings: int = 1

    @property
    def tolerance(self) -> float:
        """Half a unit of the last digit, for each rounding.

        Returns
        -------
        float
            In the unit of the number.
        """
        exponent = Decimal(self.published).as_tuple().exponent
        return 0.5 * 10.0 ** int(exponent) * (self.roundings + TINY)

    @property
    def decimals(self) -> int:
        """Digits after the point of the published number.

        Returns
        -------
        int
            From 0.
        """
        return max(0, -int(Decimal(self.published).as_tuple().exponent))

    def equals(self, number: float) -> bool:
        """Whether a number is the published one within rounding.

        Parameters
        ----------
        number : float
            The number, in the same unit.

        Returns
        -------
        bool
            False for NaN.
        """
        return abs(number - float(self.published)) <= self.tolerance


def in_code(number: Callable[[], float]) -> Callable[[Path], float]:
    """A number that needs no folder, as one of a folder.

    Parameters
    ----------
    number : callable
        A function of nothing.

    Returns
    -------
    callable
        The same, as a function of the folder.
    """
    return lambda folder: number()
