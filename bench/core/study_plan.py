"""The plan of a study as plan.json holds it: what is compared, on which data, and every cell with its trial's key.

The fields are the keys of the file, in its order. A plan is read by the report, the status and the analyses; it is
written when a study is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from bench.core.outside_arm import OUTSIDE, is_outside_label
from bench.core.plan_json import PlanPart, encode, make_decoder, optional_field
from bench.core.planned_data import DataEntry, ExternalData, PlantedLeak
from bench.core.planned_design import FactorLevels, PlannedDesign
from bench.core.study import RandomLabels
from bench.core.trial_parts import Recipe

__all__ = ["DataEntry", "ExternalData", "FactorLevels", "PlannedCell", "PlannedDesign", "PlantedLeak", "StudyPlan"]
Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class PlannedCell(PlanPart):
    """A trial of the study and its place in the tables.

    Attributes
    ----------
    key : str
        Key of the trial.
    data : str
        Name of its data entry.
    arm, role : str
        Label of the arm, and its role: arm, again (repeated for the A/A control), random_labels or upstream.
    family, method : str
        Family and name of the method; empty in old plans.
    partition, fold, seed : int
        Place of the trial, from 0.
    number : int
        Number of the permutation of labels, from 0; for the role random_labels only.
    upstream : tuple of str
        Keys of the trials that it learns from.
    tuning : mapping of str to float
        Cost of the search for its parameters; empty without a search.
    """

    key: str
    data: str
    arm: str
    role: str
    family: str = ""
    method: str = ""
    partition: int
    fold: int
    seed: int
    number: int = 0
    upstream: tuple[str, ...] = ()
    tuning: Mapping[str, float] = optional_field({})


@dataclass(frozen=True, kw_only=True)
class StudyPlan(PlanPart):
    """A study as it was planned when it was last run.

    Attributes
    ----------
    study, question : str
        Name of the study, and what it asks.
    protocol : int
        Version of the protocol.
    reference : str
        Arm that the others are compared with.
    contrasts : tuple of (str, str)
        Pairs: an arm, and the arm that it is compared with.
    split_contrasts : tuple of (str, str)
        Pairs of data entries: two splits of one data set, under which each arm is compared with itself.
    primary : tuple of (str, str)
        Contrasts, of splits too, and effects that share Holm's correction; empty if all do.
    floors : tuple of str
        Arms that every method should beat.
    blind : tuple of str
        Arms whose method does not use the images.
    margin : float or None
        Margin of equivalence, in the unit of the primary metric.
    again : (str, str) or None
        Arm that the A/A control repeats, and the label of the repetition.
    random_labels : RandomLabels or None
        Control that trains on permuted labels.
    planted_leak : PlantedLeak or None
        What the checks of the data did with a leak that the study planted.
    folds, partitions, seeds : int
        Numbers of folds, of partitions and of seeds.
    recipe : Recipe
        Training settings that all arms share.
    data : tuple of DataEntry
        The data sets.
    design : PlannedDesign or None
        Factorial design; None without factors.
    cards : mapping
        Kind -> name -> description of a member.
    cells : tuple of PlannedCell
        All trials; one that several tables use has several cells.
    late : tuple of (str, str)
        Contrasts that were declared when results of both arms were there: they are exploratory.
    notes : tuple of str
        Notes for the report, for example on data that are not prepared.
    command : str
        Command that runs the study again.
    """

    study: str
    question: str = ""
    protocol: int
    reference: str
    contrasts: tuple[tuple[str, str], ...] = ()
    split_contrasts: tuple[tuple[str, str], ...] = optional_field(())
    primary: tuple[tuple[str, str], ...] = optional_field(())
    floors: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()
    margin: float | None = None
    again: tuple[str, str] | None = None
    random_labels: RandomLabels | None = None
    planted_leak: PlantedLeak | None = optional_field()
    folds: int
    partitions: int
    seeds: int
    recipe: Recipe
    data: tuple[DataEntry, ...]
    design: PlannedDesign | None = None
    cards: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    cells: tuple[PlannedCell, ...]
    late: tuple[tuple[str, str], ...] = optional_field(())
    notes: tuple[str, ...] = ()
    command: str = ""

    def is_primary(self, arm: str, against: str) -> bool:
        """Tell whether a test shares Holm's correction.

        Parameters
        ----------
        arm, against : str
            The arms of a contrast, or `factor: level` and an empty text.

        Returns
        -------
        bool
            False if the test is exploratory, as one is that was declared after the results.
        """
        if (arm, against) in self.late:
            return False
        return (arm, against) in self.primary or not (self.primary or is_outside_label(arm))

    @property
    def trains(self) -> bool:
        """Whether any of its arms is trained here."""
        return not self.cells or any(cell.method != OUTSIDE for cell in self.cells)

    @classmethod
    def from_json(cls, entry: Json) -> Self:
        """Create a plan from the JSON of plan.json.

        Parameters
        ----------
        entry : mapping
            Content of the file. Unknown keys are ignored, and optional ones may be missing.

        Returns
        -------
        StudyPlan

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is not a plan.
        """
        return make_decoder(cls)(entry)

    def to_json(self) -> dict[str, Any]:
        """Convert the plan to the JSON of plan.json: plain values."""
        return encode(self)
