"""The plan of a study as plan.json holds it: what is compared, on which data, and every cell with its trial's key.

The fields are the keys of the file, in its order. A plan is read by the report, the status and the analyses; it is
written when a study is run.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self, Union

from bench.core.data import Task
from bench.core.serialization import plain
from bench.core.study import RandomLabels
from bench.core.trial_parts import DataSpec, Recipe

Json = Mapping[str, Any]


def _optional(default: Any = None) -> Any:
    """A field that plan.json omits if it has its default."""
    made = {"default_factory": dict} if default == {} else {"default": default}
    return field(**made, metadata={"omitted": default})


class _Part:
    """A part of a plan. All fields are written, except optional ones that have their default."""


@dataclass(frozen=True, kw_only=True)
class PlannedCell(_Part):
    """A trial of the study and its place in the tables."""

    key: str  # of the trial
    data: str  # the name of its data entry
    arm: str
    role: str  # arm, again, random_labels, upstream
    family: str = ""
    method: str = ""
    partition: int
    fold: int
    seed: int
    number: int = 0  # of the permutation of labels
    upstream: tuple[str, ...] = ()  # keys of the trials that it learns from
    tuning: Mapping[str, float] = _optional({})  # what finding its parameters cost


@dataclass(frozen=True, kw_only=True)
class ExternalData(_Part):
    """Other data that the models of a data entry are tested on."""

    data: DataSpec
    labels: Mapping[str, str] = field(default_factory=dict)  # class learnt -> class there, where they differ
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class DataEntry(_Part):
    """A data set of the study, its division, and its description."""

    name: str  # as tables name it: the data set and its division
    data: str = ""  # the data set; empty in old plans, where it is the name
    params: Json = field(default_factory=dict)
    fingerprint: str | None = None
    phantom: bool
    stand_in_for: str | None = None
    title: str = ""
    task: Task
    shape: tuple[int, ...] = ()
    split: str = "kfold"
    fraction: float = 1.0  # of the training groups
    noise: float = 0.0  # share of the training groups under a wrong class
    folds: int | None = None  # None in old plans: those of the study
    partitions: int | None = None  # None in old plans: those of the study
    oracle: float | None = _optional()  # what the best possible reader of a phantom scores
    external: ExternalData | None = _optional()
    alike: Mapping[str, str] = field(default_factory=dict)  # arm that is left out -> the arm that it would repeat

    @property
    def set_name(self) -> str:
        """The registered name of the data set."""
        return self.data or self.name


@dataclass(frozen=True, kw_only=True)
class FactorLevels(_Part):
    """The levels of a factor and the one that the others are compared with."""

    control: str
    levels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PlannedDesign(_Part):
    """Which combinations of the levels of factors are run, and which effects cannot be separated."""

    kind: str
    factors: Mapping[str, FactorLevels]
    combinations: Mapping[str, Mapping[str, str]]  # arm -> factor -> level
    interactions: tuple[tuple[str, str], ...] = ()
    generators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    resolution: int | None = None
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StudyPlan(_Part):
    """A study as it was planned when it was last run."""

    study: str
    question: str = ""
    protocol: int
    reference: str
    contrasts: tuple[tuple[str, str], ...] = ()  # (arm, the arm that it is compared with)
    floors: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()  # arms whose method sees no image
    margin: float | None = None  # of equivalence
    again: tuple[str, str] | None = None  # the arm that the A/A control repeats, and the label of the repetition
    random_labels: RandomLabels | None = None
    folds: int
    partitions: int
    seeds: int
    recipe: Recipe
    data: tuple[DataEntry, ...]
    design: PlannedDesign | None = None
    cards: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)  # kind -> name -> description of a member
    cells: tuple[PlannedCell, ...]
    notes: tuple[str, ...] = ()
    command: str = ""

    @classmethod
    def from_json(cls, entry: Json) -> Self:
        """Create a plan from the JSON of plan.json.

        Parameters
        ----------
        entry : mapping
            Content of the file. Unknown keys are ignored and optional ones may be missing: older versions wrote fewer.

        Returns
        -------
        StudyPlan
            The plan.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is not a plan.
        """
        return _decoder(cls)(entry)

    def to_json(self) -> dict[str, Any]:
        """Convert the plan to the JSON of plan.json.

        Returns
        -------
        dict
            Plain values.
        """
        return _encoded(self)


def _encoded(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_encoded(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _encoded(item) for name, item in value.items()}
    if not isinstance(value, _Part):
        return plain(value)
    values = {each: getattr(value, each.name) for each in dataclasses.fields(value)}
    return {
        each.name: _encoded(item)
        for each, item in values.items()
        if "omitted" not in each.metadata or item != each.metadata["omitted"]
    }


@cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    """A function that creates a value of an annotated type from its JSON. Scalars are returned unchanged."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass_decoder(kind)
    if origin in (Union, types.UnionType) and type(None) in args and len(args) == 2:
        inner = _decoder(next(each for each in args if each is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        inner = _decoder(args[0])
        return lambda value: tuple(inner(item) for item in value)
    if origin is Mapping and args[1] is not Any:
        inner = _decoder(args[1])
        return lambda value: {name: inner(item) for name, item in value.items()}
    return lambda value: value


def _dataclass_decoder(kind: type) -> Callable[[Json], Any]:
    hints = typing.get_type_hints(kind)
    decoders = {each.name: _decoder(hints[each.name]) for each in dataclasses.fields(kind)}
    needed = [
        each.name
        for each in dataclasses.fields(kind)
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    ]

    def decode(entry: Json) -> Any:
        if lacking := [name for name in needed if name not in entry]:
            raise KeyError(f"no {lacking[0]!r}")
        return kind(**{name: item(entry[name]) for name, item in decoders.items() if name in entry})

    return decode
