"""From a request to a planned study: which study, on which data sets, in which form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from bench import registry
from bench.core import Arm, BenchError, Data, Study
from bench.data.audit.pretraining_people import check_people_files
from bench.data.prepare import fingerprint
from bench.experiments import plan
from bench.experiments.plan import ResolvedData
from bench.experiments.plan.method_answers import remembered
from bench.experiments.planned_study import PlannedStudy, plan_cells
from bench.experiments.study_settings import ChangedStudy, change_study


@dataclass(frozen=True)
class StudyRequest:
    """A study as the command line or a program asks for it."""

    study: str
    datasets: Sequence[str] = ()  # instead of the study's own, as `Data.parse` reads them, separated by commas
    stand_ins: bool | None = None
    phantoms: bool = False
    built: Study | None = None  # the study itself, if the caller has built it
    settings: Mapping[str, Any] = field(default_factory=dict)  # see `study_settings`

    @property
    def definition(self) -> Study:
        """The study, before its data sets and settings are replaced. BenchError for an unknown name."""
        return registry.study(self.study) if self.built is None else self.built

    @cached_property
    def changed(self) -> ChangedStudy:
        """The study with the data sets and the settings that were asked for. BenchError for a wrong one."""
        leak = None if self.datasets else self.definition.planted_leak  # it belongs to the data sets of the study
        asked = replace(self.definition, datasets=list(self._named_data()), planted_leak=leak)
        return change_study(asked, self.settings)

    @property
    def data(self) -> Sequence[Data]:
        """The data sets to run on."""
        return self.changed.study.datasets

    def _named_data(self) -> Sequence[Data]:
        """The data sets by name. One that the study itself names is used as the study describes it."""
        own = self.definition.datasets
        names = [name.strip() for text in self.datasets for name in text.split(",")]
        if not all(names):
            raise BenchError(f"--datasets has an empty name: {', '.join(self.datasets)!r}; separate names by one comma")
        named = [Data.parse(name) for name in names]
        return [each for one in named for each in [same for same in own if same.where == one.where] or [one]] or own

    @property
    def name(self) -> str:
        """The name of its folder of results: with other data sets or settings it has another one."""
        own = f"{self.study}-on-{'+'.join(each.where for each in self.data)}" if self.datasets else self.study
        return self.changed.name(own)


def plan_study(request: StudyRequest, smoke: bool = False, root: Path | None = None) -> PlannedStudy:
    """Plan a study. root: of the results; $BENCH_RESULTS if None.

    BenchError if the study cannot be built or its data are not prepared.
    """
    study = request.changed.study
    plan.check(study, request.study)
    plan.check_splits(request.definition, request.study)
    data, notes = plan.locate(study, fingerprint, request.stand_ins, request.phantoms)
    own = request.changed.notes(request.study)
    chosen, more = (plan.smoke(study), []) if smoke else plan.lightened(study, data)
    planned = plan_cells(request.name, chosen, data, [*own, *notes, *more, *_repeats(chosen, data)], smoke, root)
    return replace(planned, declared=study)


def _repeats(study: Study, data: list[ResolvedData]) -> list[str]:
    """Notes on arms that are left out because they would repeat another arm on images."""
    notes = []
    for item in data:
        same: dict[str, list[str]] = {}
        for label, other in plan.repeated_arms(study, item).items():
            same.setdefault(other, []).append(label)
        notes += [
            f"{item.where} holds images, where nothing is pooled; left out, the same as {other}: {', '.join(labels)}"
            for other, labels in same.items()
        ]
    return notes


def check_arms(name: str, study: Study, again: bool = True) -> None:
    """BenchError if an arm names a network, a file of weights or one of people that does not exist or is not valid.

    again: check also what an earlier plan has found to be valid.
    """
    for label, arm in study.rows():
        try:
            check = partial(_checked, arm)
            check() if again else remembered("check", arm, check)
            check_people_files(registry.spec("methods", arm.method, arm.params).params)
        except BenchError as error:
            raise BenchError(f"arm {label!r} of the study {name}: {error}") from error


def _checked(arm: Arm) -> str:
    """An empty text if the method of an arm is valid, else BenchError."""
    registry.make("methods", arm.method, arm.params).check()
    return ""
