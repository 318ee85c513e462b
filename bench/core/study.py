"""A question as a grid: arms, factors with levels, contrasts and controls."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from bench.core.errors import BenchError
from bench.core.factorial_design import Design, Factor, Levels, combinations, label
from bench.core.limits import AtLeast
from bench.core.search_space import Tuning
from bench.core.trial import SPLITS, Recipe, where


@dataclass(frozen=True)
class Arm:
    """A row of the table: a method, its parameters where they are not the defaults, and a curriculum."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    curriculum: str = "none"
    curriculum_params: Mapping[str, Any] = field(default_factory=dict)
    tasks: Sequence[str] = ()  # kinds of task that the arm is for, in a study of several; none: of all
    tuned: str = ""  # a file of `bench tune` in studies/tuned: on each fold, the parameters found on that fold


@dataclass(frozen=True)
class Data:
    """A data set as a study asks for it, and how it is tested.

    split: `kfold`; `site`, each site left out in turn; `publisher`, the publisher's own training and test parts.
    external: train on the folds of this set, and test on all scans of that one. labels: class of this set -> class of
    the other, where they have other names and the sets do not say so themselves. fraction: of the training groups that
    are learnt from; a smaller one lies within every larger one. noise: share of those under a wrong class, in training
    alone; a smaller one, too, lies within every larger one.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    split: str = "kfold"
    external: Data | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    fraction: float = 1.0
    noise: float = 0.0

    @property
    def where(self) -> str:
        """As tables name it: `x`, `x@site`, `x@publisher`, `x@y`, `x@25`, `x@noise40`."""
        return where(self.name, self.split, self.external.name if self.external else "", self.fraction, self.noise)

    @classmethod
    def parse(cls, text: str) -> Data:
        """The data that a text as `where` gives it names. BenchError where it ends with the @."""
        name, at, rest = text.strip().partition("@")
        if at and not rest:
            raise BenchError(
                f"{text.strip()!r} does not say what comes after the @: {', '.join(SPLITS[1:])}, a data set"
            )
        if rest in SPLITS:
            return cls(name, split=rest)
        if rest.removeprefix("noise").replace(".", "", 1).isdigit():
            share = float(rest.removeprefix("noise")) / 100
            return cls(name, noise=share) if rest.startswith("noise") else cls(name, fraction=share)
        return cls(name, external=cls(rest)) if rest else cls(name)


@dataclass(frozen=True)
class RandomLabels:
    """The control that must find nothing: each arm on `permutations` permutations of the labels of whole groups."""

    arm: str | Sequence[str]  # one, or several
    permutations: int = 20

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that the control is made with."""
        return (self.arm,) if isinstance(self.arm, str) else tuple(self.arm)


def arm_label(arm: str, role: str) -> str:
    """What a person reads for an arm in its role in a plan: its runs with random labels are not those of the arm."""
    return f"{arm} (random labels)" if role == "random_labels" else arm


@dataclass(frozen=True)
class Light:
    """What a study costs where phantoms stand in for all of its data: a recipe and a design that fit a laptop."""

    recipe: Recipe
    folds: Annotated[int, AtLeast(2)] = 2
    seeds: int = 1


@dataclass(frozen=True)
class Study:
    """A question as a grid. Give `arms`, or `base` and `factors`: an arm for every combination of their `design`."""

    question: str
    datasets: Sequence[Data]
    reference: str = "control"  # the arm that contrasts are against, where none are declared
    arms: Mapping[str, Arm] = field(default_factory=dict)
    base: Arm | None = None
    factors: Mapping[str, Factor] = field(default_factory=dict)
    design: Design = Design()  # which combinations of levels are run; as it stands, one factor at a time
    contrasts: Sequence[tuple[str, str]] = ()  # (arm, arm it is compared with); none: see `plan.contrasts`
    floors: Sequence[str] = ()  # arms that any method must beat
    again: str | None = None  # the arm that the A/A control repeats with other seeds
    random_labels: RandomLabels | None = None
    margin: float | None = None  # of equivalence, in units of the primary metric, declared beforehand
    folds: Annotated[int, AtLeast(2)] = 5
    partitions: int = 1
    seeds: int = 1
    recipe: Recipe = Recipe()
    cost: str = ""  # what a run has been seen to cost, for whoever starts one
    light: Light | None = None  # instead of recipe and folds, where phantoms stand in for all data sets
    tuning: Tuning | None = None  # how `bench tune` searches the arms' parameters
    missing: str = "stop"  # a data set that is not prepared: `stop`, or `skip` (left out, and said so)

    def rows(self) -> Iterator[tuple[str, Arm]]:
        """(label, arm) of every arm, those of the factors first."""
        for name, levels in self.combinations().items():
            yield name, self._with(levels)
        yield from self.arms.items()

    def combinations(self) -> dict[str, Levels]:
        """label -> factor -> level of every arm that the factors make; none without a base."""
        if self.base is None:
            return {}
        return {label(levels, self.factors): levels for levels in combinations(self.factors, self.design)}

    def _with(self, levels: Levels) -> Arm:
        params = dict(self.base.params)
        for name, level in levels.items():
            params.update(self.factors[name].levels[level])
        return dataclasses.replace(self.base, params=params)
