"""The factorial design of a study as plan.json holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.core.plan_json import PlanPart


@dataclass(frozen=True, kw_only=True)
class FactorLevels(PlanPart):
    """The levels of a factor and the one that the others are compared with.

    Attributes
    ----------
    control : str
        The level to compare with.
    levels : tuple of str
        All levels, in the order of the study.
    """

    control: str
    levels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PlannedDesign(PlanPart):
    """Which combinations of the levels of factors are run, and which effects cannot be separated.

    Attributes
    ----------
    kind : str
        single, full or fractional.
    factors : mapping of str to FactorLevels
        The factors by name.
    combinations : mapping of str to mapping
        Arm -> factor -> level.
    interactions : tuple of (str, str)
        Pairs of factors whose interaction is reported.
    generators : mapping of str to tuple of str
        Fractional designs: factor -> the factors of which it is the product.
    resolution : int or None
        Resolution of a fractional design.
    aliases : mapping of str to tuple of str
        Effect -> the effects that cannot be separated from it.
    """

    kind: str
    factors: Mapping[str, FactorLevels]
    combinations: Mapping[str, Mapping[str, str]]
    interactions: tuple[tuple[str, str], ...] = ()
    generators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    resolution: int | None = None
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
