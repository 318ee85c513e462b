"""A study: a question as a grid of arms, factors with levels, contrasts and controls."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from bench.core.errors import BenchError
from bench.core.factorial_design import Design, Factor, Levels, combinations, label
from bench.core.limits import AtLeast
from bench.core.search_space import Tuning
from bench.core.trial import where
from bench.core.trial_parts import SPLITS, Recipe


@dataclass(frozen=True)
class Arm:
    """A row of the results table: a method with parameters, and a curriculum.

    Attributes
    ----------
    method : str
        Name of the method.
    params : mapping of str to object
        Parameters that differ from the method's defaults.
    curriculum : str
        Name of the curriculum.
    curriculum_params : mapping of str to object
        Parameters that differ from the curriculum's defaults.
    tasks : sequence of str
        Kinds of task that the arm is for; empty for all.
    tuned : str
        Name of a file of `bench tune` in studies/tuned: each fold uses the parameters that were tuned on that fold.
    """

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    curriculum: str = "none"
    curriculum_params: Mapping[str, Any] = field(default_factory=dict)
    tasks: Sequence[str] = ()
    tuned: str = ""


@dataclass(frozen=True)
class Data:
    """A data set in a study, and how it is tested.

    Attributes
    ----------
    name : str
        Name of the data set.
    params : mapping of str to object
        Parameters that differ from its defaults.
    split : {"kfold", "site", "publisher"}
        Folds over groups; each site left out once; the publisher's own training and test parts.
    external : Data or None
        Data set to test on: train on the folds of this data set, and test on all scans of that one.
    labels : mapping of str to str
        Class of this data set, then class of the external one, if the names differ and the data sets do not map them.
    fraction : float
        Fraction of the training groups that is used, in (0, 1]. A smaller part lies within every larger one.
    noise : float
        Share of the training groups with a wrong class, in [0, 1]. A smaller part lies within every larger one.
    missing : float
        Share of the connected components of each training mask that are left out, in [0, 1). A smaller part lies within
        every larger one.
    leak : {"stop", "shown"}
        What happens if the publisher's split divides groups, so that people or copies of images are in both parts.
        "shown": the study runs because it measures that leak, and its report says so.
    label : str
        Name in tables instead of that of the data set, so that a study may have one set several times, with different
        parameters. Letters, digits and `._-`.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    split: str = "kfold"
    external: Data | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    fraction: float = 1.0
    noise: float = 0.0
    leak: str = "stop"
    label: str = ""
    missing: float = 0.0

    @property
    def where(self) -> str:
        """Name in tables: `x`, `x@site`, `x@publisher`, `x@y`, `x@25`, `x@missing50`; x is its label if any."""
        other = self.external.name if self.external else ""
        return where(self.label or self.name, self.split, other, self.fraction, self.noise, self.missing)

    @classmethod
    def parse(cls, text: str) -> Data:
        """Create data from a label as in `where`.

        Parameters
        ----------
        text : str
            A label, for example `x@site`.

        Returns
        -------
        Data
            The data set with its division.

        Raises
        ------
        BenchError
            If the label ends with the @.
        """
        name, at, rest = text.strip().partition("@")
        if at and not rest:
            raise BenchError(f"{text.strip()!r} has nothing after the @; give {', '.join(SPLITS[1:])} or a data set")
        if rest in SPLITS:
            return cls(name, split=rest)
        for prefix, part in (("noise", "noise"), ("missing", "missing"), ("", "fraction")):
            number = rest.removeprefix(prefix)
            if rest.startswith(prefix) and number.replace(".", "", 1).isdigit():
                return cls(name, **{part: float(number) / 100})
        return cls(name, external=cls(rest)) if rest else cls(name)


@dataclass(frozen=True)
class RandomLabels:
    """The control that should find nothing: arms that are trained on permuted labels of whole clusters.

    A cluster is a group, or several groups whose scans look like one person's.

    Attributes
    ----------
    arm : str or sequence of str
        Label of the arm or arms.
    permutations : int
        Number of permutations.
    """

    arm: str | Sequence[str]
    permutations: int = 20

    @property
    def arms(self) -> tuple[str, ...]:
        """Labels of the arms of the control."""
        return (self.arm,) if isinstance(self.arm, str) else tuple(self.arm)


def arm_label(arm: str, role: str) -> str:
    """Label an arm for a reader.

    Parameters
    ----------
    arm : str
        Label of the arm.
    role : str
        Role of its trials in a plan: "arm", "again", "random_labels" or "upstream".

    Returns
    -------
    str
        The label, marked if the labels were random.
    """
    return f"{arm} (random labels)" if role == "random_labels" else arm


@dataclass(frozen=True)
class Light:
    """A smaller form of a study that fits a laptop. It is used if phantoms replace all data sets of the study.

    Attributes
    ----------
    recipe : Recipe
        Training budget.
    folds : int
        Number of folds, at least 2.
    seeds : int
        Number of seeds.
    partitions : int
        Number of random divisions into folds.
    """

    recipe: Recipe
    folds: Annotated[int, AtLeast(2)] = 2
    seeds: int = 1
    partitions: int = 1


@dataclass(frozen=True)
class Study:
    """A question as a grid. Set `arms`, or `base` and `factors`: each combination of their `design` is an arm.

    Attributes
    ----------
    question : str
        The question that the study answers.
    datasets : sequence of Data
        Data sets, at least one.
    reference : str
        Label of the arm that contrasts compare with, if `contrasts` is empty.
    arms : mapping of str to Arm
        Arms by label.
    base : Arm or None
        Arm that the factors vary.
    factors : mapping of str to Factor
        Factors by name.
    design : Design
        Which combinations of levels are run; one factor at a time by default.
    contrasts : sequence of pairs of str
        (arm, arm that it is compared with). If empty, the harness derives them.
    split_contrasts : sequence of pairs of str
        (data, data that it is compared with), as `Data.where` labels them: two splits of one data set, under which
        each arm is compared with itself. Arms that see no scan are left out.
    primary : sequence of pairs of str, or of str
        Contrasts, also of splits, and factors by name, that answer the question: they share Holm's correction. The
        others are exploratory. If empty, all are primary.
    floors : sequence of str
        Labels of the arms that every method should outperform.
    again : str or None
        Label of the arm that the A/A control repeats with other seeds.
    random_labels : RandomLabels or None
        Control with random labels.
    planted_leak : Data or None
        Phantom with a leak that the checks of the data must refuse before training; the report has what they did.
    margin : float or None
        Margin of equivalence, in units of the primary metric, declared before the run.
    folds : int
        Number of folds, at least 2.
    partitions : int
        Number of random divisions into folds. More of them show smaller differences than as many seeds or folds do.
    seeds : int
        Number of seeds of each cell.
    recipe : Recipe
        Training budget of all arms.
    cost : str
        Measured cost of a run, for users who plan one.
    light : Light or None
        Replaces recipe and folds if phantoms replace all data sets.
    tuning : Tuning or None
        How `bench tune` searches the parameters of the arms.
    missing : {"stop", "skip"}
        What happens if a data set is not prepared. "skip" leaves it out and reports that.
    """

    question: str
    datasets: Sequence[Data]
    reference: str = "control"
    arms: Mapping[str, Arm] = field(default_factory=dict)
    base: Arm | None = None
    factors: Mapping[str, Factor] = field(default_factory=dict)
    design: Design = Design()
    contrasts: Sequence[tuple[str, str]] = ()
    split_contrasts: Sequence[tuple[str, str]] = ()
    primary: Sequence[tuple[str, str] | str] = ()
    floors: Sequence[str] = ()
    again: str | None = None
    random_labels: RandomLabels | None = None
    planted_leak: Data | None = None
    margin: float | None = None
    folds: Annotated[int, AtLeast(2)] = 5
    partitions: int = 4
    seeds: int = 1
    recipe: Recipe = Recipe()
    cost: str = ""
    light: Light | None = None
    tuning: Tuning | None = None
    missing: str = "stop"

    def rows(self) -> Iterator[tuple[str, Arm]]:
        """Iterate over the arms.

        Yields
        ------
        str
            Label of the arm. The arms of the factors come first.
        Arm
            The arm.
        """
        for name, levels in self.combinations().items():
            yield name, self._with(levels)
        yield from self.arms.items()

    def combinations(self) -> dict[str, Levels]:
        """List the combinations of factor levels that are run.

        Returns
        -------
        dict
            Label of each arm, then factor to level. Empty if the study has no base.
        """
        if self.base is None:
            return {}
        return {label(levels, self.factors): levels for levels in combinations(self.factors, self.design)}

    def _with(self, levels: Levels) -> Arm:
        params = dict(self.base.params)
        for name, level in levels.items():
            params.update(self.factors[name].levels[level])
        return dataclasses.replace(self.base, params=params)
