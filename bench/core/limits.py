"""Limits of a field, beside its annotation: `folds: Annotated[int, AtLeast(2)]`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AtLeast:
    """The smallest whole number that a field of a study accepts. Without it, the smallest is 1.

    Attributes
    ----------
    number : int
        The smallest value.
    """

    number: int
