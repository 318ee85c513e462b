"""Limits of a field, beside its annotation: `folds: Annotated[int, AtLeast(2)]`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AtLeast:
    """The smallest whole number that a field of a study takes; without it, 1."""

    number: int
