"""The data of a study as plan.json holds them: its data sets, external test sets, and a leak that was planted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.core.data import Task
from bench.core.plan_json import PlanPart, optional_field
from bench.core.trial_parts import DataSpec

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class PlantedLeak(PlanPart):
    """What the checks of the data did with a leak that the study planted to test them.

    Attributes
    ----------
    data : str
        Name of the data in the study.
    refused : str
        Why the checks refused the data, without names of scans; empty if they did not.
    """

    data: str
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class ExternalData(PlanPart):
    """Other data that the models of a data entry are tested on.

    Attributes
    ----------
    data : DataSpec
        The data set.
    labels : mapping of str to str
        Class in training -> class in this set, where they differ.
    title : str
        Title of the data set in tables.
    """

    data: DataSpec
    labels: Mapping[str, str] = field(default_factory=dict)
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class DataEntry(PlanPart):
    """A data set of the study, its division, and its description.

    Attributes
    ----------
    name : str
        Name in tables: the data set and its division.
    data : str
        Registered name of the data set; empty in old plans, where it is `name`.
    params : mapping
        Parameters of the data set.
    fingerprint : str or None
        Checksum of the prepared scans; empty or None if they were not prepared yet.
    phantom : bool
        True if a program made the scans.
    stand_in_for : str or None
        Name of the real data set that this phantom replaces.
    title : str
        Title in tables.
    task : Task
        Kind, classes and primary metric.
    shape : tuple of int
        Channels and voxels of a scan, (C, D, H, W) or (C, H, W); empty in old plans.
    split : str
        Kind of split: kfold, site or publisher.
    fraction : float
        Share of the training groups that are used, in (0, 1].
    noise : float
        Share of the training groups with a wrong class, in [0, 1).
    missing : float
        Share of the connected components of each training mask that are left out, in [0, 1).
    folds, partitions : int or None
        Number of folds and of partitions; None in old plans: those of the study.
    oracle : float or None
        Score of the best possible predictions for a phantom, in the unit of the primary metric.
    external : ExternalData or None
        Other data to test on.
    alike : mapping of str to str
        Arm that is left out -> the arm that it would repeat.
    label : str
        Name of the data set in this study, without its division; empty if it has none.
    changed : mapping
        Of labelled data: the parameters that differ from the defaults of the data set.
    pretraining : tuple of DataSpec
        Data sets that networks are pretrained on, without the people of the validation and test parts.
    example : bool
        Whether the data set that is tested has too few people for any claim, so that no contrast is tested.
    """

    name: str
    data: str = ""
    params: Json = field(default_factory=dict)
    fingerprint: str | None = None
    phantom: bool
    stand_in_for: str | None = None
    title: str = ""
    task: Task
    shape: tuple[int, ...] = ()
    split: str = "kfold"
    fraction: float = 1.0
    noise: float = 0.0
    missing: float = optional_field(0.0)
    folds: int | None = None
    partitions: int | None = None
    oracle: float | None = optional_field()
    external: ExternalData | None = optional_field()
    alike: Mapping[str, str] = field(default_factory=dict)
    pretraining: tuple[DataSpec, ...] = optional_field(())
    label: str = optional_field("")
    changed: Json = optional_field({})
    example: bool = optional_field(False)

    @property
    def set_name(self) -> str:
        """The registered name of the data set."""
        return self.data or self.name
