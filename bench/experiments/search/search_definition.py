"""Definition of the searches of a study: one for each arm on each fold, complete before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from bench import registry
from bench.core import (
    OBJECTIVES,
    PROTOCOL,
    Arm,
    BenchError,
    Labels,
    Range,
    Study,
    Trial,
    Tuning,
    check_space,
    digest,
    plain,
)
from bench.evaluation import metrics
from bench.experiments.plan import ResolvedData, needed_by
from bench.experiments.search import samplers
from bench.method import why_refused


class UnsearchableError(BenchError):
    """The study can be run, but not searched."""


@dataclass(frozen=True)
class Search:
    """The search of one arm's parameters on one fold."""

    study: str
    arm: str
    trial: Trial  # the arm with its own parameters on this fold, without external tests
    params: Mapping[str, Any]  # of the arm that differ from the method's defaults
    space: Mapping[str, Range]
    tuning: Tuning
    data: str = ""  # label of the data set in the study; empty: its name

    @property
    def where(self) -> str:
        """The data set and its division as tables name them."""
        return self.data or self.trial.where

    @property
    def label(self) -> str:
        """Arm, data set, partition and fold, for messages."""
        return f"{self.arm} on {self.where}, partition {self.trial.partition}, fold {self.trial.fold}"

    @property
    def name(self) -> str:
        """Name of the Optuna study in the storage, which dashboards show."""
        return f"{self.label} [{self.identity[:8]}]"

    @cached_property
    def identity(self) -> str:
        """Hash of the definition, without the number of candidates: more of them resume the same search."""
        definition = {
            "protocol": PROTOCOL,
            "trial": self.trial,
            "space": [[name, type(values).__name__, plain(values)] for name, values in sorted(self.space.items())],
            "sampler": samplers.settings_dict(self.tuning),
            "objectives": list(self.tuning.objectives),
        }
        return digest(definition)

    @property
    def directions(self) -> list[str]:
        """Optuna's direction of each objective."""
        return [
            "maximize" if name == "validation" and self.metric.better == "higher" else "minimize"
            for name in self.tuning.objectives
        ]

    @property
    def metric(self) -> metrics.Metric:
        """The primary metric of the task, computed on the validation part."""
        return metrics.metric(registry.make("datasets", self.trial.data.name, self.trial.data.params).task.primary)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The arm's own value of every searched parameter: the first candidate. BenchError if a range excludes it."""
        return {name: self._default(name, values) for name, values in self.space.items()}

    def candidate(self, params: Mapping[str, Any]) -> Trial:
        """The trial with these parameters of its method. BenchError if the method rejects the combination."""
        method = registry.spec("methods", self.trial.method.name, {**self.params, **params})
        return replace(self.trial, method=method)

    def check(self) -> None:
        """BenchError if the method rejects a value of the space, or the arm cannot be searched."""
        if not self.space:
            raise UnsearchableError(
                f"arm {self.arm!r}: the method {self.trial.method.name} declares no search space; give one in the"
                f" study, Tuning(spaces={{{self.arm!r}: {{'lr': Floats(1e-4, 1e-2, log=True)}}}}), where Floats is from"
                " bench.core, or name the other arms with Tuning(arms=...)"
            )
        for name, values in self.space.items():
            for value in values.tried:
                self._check_value(name, value)
        _ = self.defaults
        if needed := needed_by(self.trial):
            raise UnsearchableError(
                f"arm {self.arm!r} learns from another trial ({needed[0].method.name}), whose record has scores of the"
                " test part, which a search must not read; tune that method, and give the result as the teacher's"
                " parameters"
            )

    def _check_value(self, name: str, value: Any) -> None:
        try:
            self.candidate({name: value})
        except BenchError as error:
            raise BenchError(f"arm {self.arm!r}, {name}={value!r} of its space: {error}") from error

    def _default(self, name: str, values: Range) -> Any:
        usual = self.trial.method
        for value in values.tried:
            if self.candidate({name: value}).method == usual:
                return value
        default: Any = usual.params
        for part in name.split("."):
            default = default[part]
        if not values.holds(default):
            raise BenchError(
                f"arm {self.arm!r}: its default {name}={default!r} is outside of {values}; every search begins with the"
                " defaults, so the space must contain them: widen it, or change the arm's parameters"
            )
        return default


def define_searches(
    name: str, study: Study, data: Sequence[ResolvedData], arms: Sequence[str] = (), folds: Sequence[int] = (),
    labels: Labels | None = None,
) -> tuple[list[Search], list[str]]:  # fmt: skip
    """The searches of a study on prepared data, and notes on what cannot be searched.

    arms, folds: only these, folds counted from 0; empty: all. labels: instead of the true ones.
    BenchError if a search is not valid, before anything is trained.
    """
    defined: list[Search] = []
    notes: list[str] = []
    selected = _searched_arms(name, study, arms)
    for item in data:
        for label, arm in selected.items():
            if reason := _why_unsupported(arm, item):
                notes += [f"{label} is not searched on {item.where}: {reason}"]
                continue
            search = _search(name, study, label, arm, item, labels)
            search.check()
            defined += [replace(search, trial=replace(search.trial, **fold)) for fold in _folds(study, item, folds)]
    if not defined:
        raise BenchError(f"no arm of the study {name} can be searched: {'; '.join(notes)}")
    return defined, notes


def all_searches(name: str, study: Study, data: Sequence[ResolvedData]) -> list[Search]:
    """All searches of a study in its order, without the arms that cannot be searched."""
    defined: list[Search] = []
    for label in _searched_arms(name, study, ()):
        with suppress(BenchError):
            defined += define_searches(name, study, data, [label])[0]
    sets = [item.where for item in data]
    return sorted(defined, key=lambda search: sets.index(search.where))


def check_tuning(name: str, study: Study) -> Tuning:
    """How the study is searched. BenchError if it has no `tuning`, or an invalid one."""
    tuning = study.tuning
    if tuning is None:
        raise BenchError(f"the study {name} has no search; give it tuning=Tuning(trials=40)")
    if type(tuning.trials) is not int or tuning.trials < 1:
        raise BenchError(f"the study {name}: a search needs at least 1 trial, not {tuning.trials!r}")
    for objective in tuning.objectives:
        if objective not in OBJECTIVES:
            raise BenchError(f"no objective {objective!r}; {registry.did_you_mean(objective, OBJECTIVES)}")
    if not tuning.objectives or tuning.objectives[0] != "validation":
        raise BenchError(f"the first objective of a search must be 'validation', not {list(tuning.objectives)}")
    if len(set(tuning.objectives)) < len(tuning.objectives):
        raise BenchError(f"an objective is given twice: {list(tuning.objectives)}")
    samplers.check_samplers(tuning)
    _check_arms(name, study, tuning)
    return tuning


def _check_arms(name: str, study: Study, tuning: Tuning) -> None:
    arms = dict(study.rows())
    if not isinstance(tuning.spaces, Mapping):
        raise BenchError(
            f"tuning of the study {name}: spaces must be a dict of arms and their spaces, not {tuning.spaces!r}"
        )
    for label in (*tuning.arms, *tuning.spaces):
        if label not in arms:
            raise BenchError(f"tuning of the study {name}: no arm {label!r}; {registry.did_you_mean(label, arms)}")
    for label, space in tuning.spaces.items():
        check_space(space, f"arm {label!r}")


def _searched_arms(name: str, study: Study, only: Sequence[str]) -> dict[str, Arm]:
    """The arms that the study searches; `only`: these of them, empty: all."""
    tuning, arms = check_tuning(name, study), dict(study.rows())
    free = [label for label, arm in arms.items() if label not in study.floors and not arm.tuned]
    searched = list(tuning.arms) or free
    for label in only:
        if label not in searched:
            near = registry.did_you_mean(label, searched)
            raise BenchError(f"the study {name} searches no arm {label!r}; {near}")
    return {label: arms[label] for label in searched if not only or label in only}


def _why_unsupported(arm: Arm, item: ResolvedData) -> str:
    """Why an arm cannot be searched on a data set; empty if it can."""
    dataset = registry.make("datasets", item.spec.name, item.spec.params)
    if arm.tasks and dataset.task.kind not in arm.tasks:
        return f"it is for {', '.join(arm.tasks)}"
    return why_refused(registry.make("methods", arm.method, arm.params), dataset.task, tuple(dataset.shape)) or ""


def _search(name: str, study: Study, label: str, arm: Arm, item: ResolvedData, labels: Labels | None) -> Search:
    """The search on the first fold."""
    method = registry.spec("methods", arm.method, arm.params)
    trial = Trial(
        item.spec, method, item.division(study.folds), labels or item.labels,
        registry.spec("curricula", arm.curriculum, arm.curriculum_params), recipe=study.recipe,
    )  # fmt: skip
    space = study.tuning.spaces.get(label, registry.member("methods", arm.method).space)
    check_space(space, f"arm {label!r}")
    return Search(name, label, trial, dict(arm.params), dict(space), study.tuning, item.where)


def _folds(study: Study, item: ResolvedData, only: Sequence[int]) -> list[dict[str, int]]:
    """Every partition and fold; `only`: these folds, empty: all."""
    folds = range(item.division(study.folds).folds)
    if missing := [fold for fold in only if fold not in folds]:
        raise BenchError(f"{item.where} has no fold {missing[0]}; there are {len(folds)}, from 0")
    return [
        {"partition": partition, "fold": fold}
        for partition in range(item.partitions(study.partitions))
        for fold in folds
        if not only or fold in only
    ]
