"""The answers of the power planner: for a study, its data sets, their contrasts, and other designs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bench.evaluation.design_power import SamplingDesign, partitions_needed, people_needed
from bench.evaluation.noise_model import NoiseModel
from bench.experiments.power import power_lines
from bench.experiments.power.split_forms import SplitPower


@dataclass(frozen=True)
class ContrastPower:
    """What a primary contrast could show with the planned design.

    Attributes
    ----------
    arm, against : str
        As in the table of contrasts.
    source : str
        Where its noise is from: earlier records, of the same or similar arms, or assumptions.
    noise : NoiseModel
    se, df : float
        Expected standard error and degrees of freedom of the test; NaN where no test is possible.
    detectable : float
        The true difference that 80 % of such studies show, after Holm's correction, in the unit of the metric.
    floor : float
        The same with any number of partitions.
    """

    arm: str
    against: str
    source: str
    noise: NoiseModel
    se: float
    df: float
    detectable: float
    floor: float


@dataclass(frozen=True)
class Alternative:
    """Another design on the same data set, or the planned one.

    Attributes
    ----------
    people, folds, partitions, seeds : int
    planned : bool
    trainings : int
        Trainings of each arm.
    hours : float
        Of all arms, one by one, without controls; NaN if the time of an arm is unknown.
    low, high : float
        Smallest and largest detectable difference of the primary contrasts.
    """

    people: int
    folds: int
    partitions: int
    seeds: int
    planned: bool
    trainings: int
    hours: float
    low: float
    high: float


@dataclass(frozen=True)
class Requirement:
    """What it takes that every primary contrast shows a difference in 80 % of studies.

    Attributes
    ----------
    data : str
    difference : float
    enough : bool
        Whether the planned design is enough.
    people : int or None
        People that are needed at the planned design; None if no number is enough.
    partitions : int or None
        Partitions that are needed with the people of the data set; None if no number is enough.
    people_at_most_partitions : int or None
        People that are needed with 20 partitions; None if no number is enough, or partitions cannot be chosen.
    """

    data: str
    difference: float
    enough: bool
    people: int | None
    partitions: int | None
    people_at_most_partitions: int | None


@dataclass(frozen=True)
class DataPower:
    """What the contrasts of a study could show on one data set.

    Attributes
    ----------
    data : str
        Name in tables.
    runs : bool
        Whether the plan runs on it; False for a data set that is not prepared, so that a phantom stands in for it or it
        is left out.
    metric, unit : str
        Title of the primary metric, and its unit.
    people : int or None
    people_source : str
        Where the number of people is from, or why it is unknown.
    tests : int
        Primary tests that share Holm's correction, on all data sets of its kind.
    exploratory : int
        Other tests on this data set.
    folds, partitions, seeds : int
    contrasts : tuple of ContrastPower
        The primary ones; empty if the problem says why.
    alternatives : tuple of Alternative
    room : float
        The largest improvement that the metric leaves over chance; NaN if it is unknown.
    margin : float
        Margin of equivalence; NaN without one.
    problem : str
        Why no contrast can be judged; empty otherwise.
    design : SamplingDesign or None
    repeats : bool
        Whether the number of partitions can be chosen.
    class_people : tuple of int
        People of each class; empty where there are no classes, or they are unknown.
    counted : str
        What `people` counts, in words: people, or couples of people.
    """

    data: str
    runs: bool
    metric: str
    unit: str
    people: int | None
    people_source: str
    tests: int
    exploratory: int
    folds: int
    partitions: int
    seeds: int
    contrasts: tuple[ContrastPower, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    room: float = math.nan
    margin: float = math.nan
    problem: str = ""
    design: SamplingDesign | None = None
    repeats: bool = True
    class_people: tuple[int, ...] = ()
    counted: str = "people"

    def between(self, name: str = "detectable") -> tuple[float, float]:
        """The smallest and the largest `detectable` or `floor` of the contrasts."""
        values = [getattr(each, name) for each in self.contrasts] or [math.nan]
        return min(values), max(values)

    def required(self, difference: float) -> Requirement | None:
        """What it takes to show a difference.

        Parameters
        ----------
        difference : float
            In the unit of the metric, above 0.

        Returns
        -------
        Requirement or None
            None where no contrast can be judged.
        """
        if not self.contrasts:
            return None
        enough = max(each.detectable for each in self.contrasts) <= difference
        people, partitions, most = self._needed(people_needed, difference), None, None
        if self.repeats:
            partitions = self._needed(partitions_needed, difference)
            most = self._needed(people_needed, difference, partitions=power_lines.MOST_PARTITIONS)
        return Requirement(self.data, difference, enough, people, partitions, most)

    def _needed(self, number: Callable[..., int | None], difference: float, **changes: int) -> int | None:
        """The number that is enough for every contrast."""
        design = replace(self.design, **changes)
        counts = [number(noise, design, difference, self.tests) for noise in {each.noise for each in self.contrasts}]
        return None if None in counts else max(counts)

    def summary(self) -> dict[str, Any]:
        """The same for scripts; None where a number is unknown."""
        shown = {key: value for key, value in asdict(self).items() if key != "design"}
        return _json({**shown, "warnings": power_lines.warnings(self)})


@dataclass(frozen=True)
class StudyPower:
    """What a study could show as it is planned, and what other designs could.

    Attributes
    ----------
    data : tuple of DataPower
        Its data sets; those that are not prepared come last.
    splits : tuple of SplitPower
        Its comparisons of splits.
    """

    data: tuple[DataPower, ...]
    splits: tuple[SplitPower, ...] = ()

    def required(self, difference: float) -> list[Requirement]:
        """What it takes on each data set to show a difference.

        Parameters
        ----------
        difference : float
            In the unit of the metric, above 0.

        Returns
        -------
        list of Requirement
            Data sets where no contrast can be judged are left out.
        """
        found = (each.required(difference) for each in self.data)
        return [each for each in found if each is not None]

    def lines(self, difference: float | None = None) -> list[str]:
        """The answers in words.

        Parameters
        ----------
        difference : float or None
            Say also what it takes to show this difference.

        Returns
        -------
        list of str
        """
        found = [line for each in self.data for line in power_lines.data_lines(each, difference)]
        return found + [line for each in self.splits for line in each.lines(difference)]

    def summary(self, difference: float | None = None) -> dict[str, Any]:
        """The answers for scripts; None where a number is unknown.

        Parameters
        ----------
        difference : float or None
            As for `lines`.

        Returns
        -------
        dict
        """
        asked = {} if difference is None else {"required": [_json(asdict(each)) for each in self.required(difference)]}
        splits = {"splits": [_json(each.summary()) for each in self.splits]} if self.splits else {}
        return {"data": [each.summary() for each in self.data], **splits, **asked}


def _json(value: Any) -> Any:
    """Plain values with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: _json(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_json(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
