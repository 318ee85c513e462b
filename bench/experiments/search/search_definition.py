"""What is searched: one search for each arm on each fold, fully determined before anything is trained."""

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
from bench.experiments.plan import ResolvedData as Located
from bench.experiments.plan import needed_by
from bench.experiments.search import samplers


class UnsearchableError(BenchError):
    """The study can be run, and not be searched."""


@dataclass(frozen=True)
class Search:
    """The search for one arm's parameters on one fold."""

    study: str
    arm: str
    trial: Trial  # of the defaults: the arm's own parameters, on this fold, tested on nothing
    params: Mapping[str, Any]  # of the arm, where they are not the method's defaults
    space: Mapping[str, Range]
    tuning: Tuning

    @property
    def place(self) -> str:
        """Where it is, in words."""
        return f"{self.arm} on {self.trial.where}, partition {self.trial.partition}, fold {self.trial.fold}"

    @property
    def name(self) -> str:
        """In the storage, as dashboards show it."""
        return f"{self.place} [{self.identity[:8]}]"

    @cached_property
    def identity(self) -> str:
        """What tells it from every other search; the number of trials is no part of it, so that it can go on."""
        told = {
            "protocol": PROTOCOL,
            "trial": self.trial,
            "space": [[name, type(one).__name__, plain(one)] for name, one in sorted(self.space.items())],
            "sampler": samplers.told(self.tuning),
            "objectives": list(self.tuning.objectives),
        }
        return digest(told)

    @property
    def directions(self) -> list[str]:
        """Of each objective, as Optuna names them."""
        return [
            "maximize" if name == "validation" and self.metric.better == "higher" else "minimize"
            for name in self.tuning.objectives
        ]

    @property
    def metric(self) -> metrics.Metric:
        """The primary metric, on the validation part."""
        return metrics.metric(registry.make("datasets", self.trial.data.name, self.trial.data.params).task.primary)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The arm's own value of every parameter of the space: the first candidate. BenchError where it holds none."""
        return {name: self._default(name, one) for name, one in self.space.items()}

    def candidate(self, params: Mapping[str, Any]) -> Trial:
        """The trial with other parameters of its method. BenchError where the method does not take them together."""
        method = registry.spec("methods", self.trial.method.name, {**self.params, **params})
        return replace(self.trial, method=method)

    def check(self) -> None:
        """BenchError where the method does not take what the space holds, or the search cannot be carried out."""
        if not self.space:
            raise UnsearchableError(
                f"arm {self.arm!r}: the method {self.trial.method.name} declares no space to search; give one in the"
                f" study, Tuning(spaces={{{self.arm!r}: {{'lr': Floats(1e-4, 1e-2, log=True)}}}}), or name the other"
                " arms with Tuning(arms=...)"
            )
        for name, one in self.space.items():
            for value in one.tried:
                self._takes(name, value)
        _ = self.defaults
        if needed := needed_by(self.trial):
            raise UnsearchableError(
                f"arm {self.arm!r} learns from another trial ({needed[0].method.name}), whose record scores the test"
                " part, which no search may read; tune that method, and give what is found as the teacher's parameters"
            )

    def _takes(self, name: str, value: Any) -> None:
        try:
            self.candidate({name: value})
        except BenchError as error:
            raise BenchError(f"arm {self.arm!r}, {name}={value!r} of its space: {error}") from error

    def _default(self, name: str, one: Range) -> Any:
        usual = self.trial.method
        for value in one.tried:
            if self.candidate({name: value}).method == usual:
                return value
        held: Any = usual.params
        for part in name.split("."):
            held = held[part]
        if not one.holds(held):
            raise BenchError(
                f"arm {self.arm!r}: its own {name}={held!r} lies outside of {one}; every search begins with the"
                " defaults, so the space holds them: widen it, or change the arm's parameters"
            )
        return held


def searches(
    name: str, study: Study, found: Sequence[Located], arms: Sequence[str] = (), folds: Sequence[int] = (),
    labels: Labels | None = None,
) -> tuple[list[Search], list[str]]:  # fmt: skip
    """Every search of a study on data that are prepared, and notes on what is left out.

    arms, folds: these alone, folds counted from 0; all where none are given. labels: instead of the true ones.
    BenchError where something cannot be searched: told before anything is trained.
    """
    made: list[Search] = []
    notes: list[str] = []
    chosen = _chosen(name, study, arms)
    for item in found:
        for label, arm in chosen.items():
            if reason := _left_out(arm, item):
                notes += [f"{label} is not searched on {item.where}: {reason}"]
                continue
            own = _search(name, study, label, arm, item, labels)
            own.check()
            made += [replace(own, trial=replace(own.trial, **place)) for place in _places(study, item, folds)]
    if not made:
        raise BenchError(f"nothing of the study {name} can be searched: {'; '.join(notes)}")
    return made, notes


def every(name: str, study: Study, found: Sequence[Located]) -> list[Search]:
    """All searches of a study, in its order; those of an arm that cannot be searched are left out."""
    made: list[Search] = []
    for label in _chosen(name, study, ()):
        with suppress(BenchError):
            made += searches(name, study, found, [label])[0]
    sets = [item.where for item in found]
    return sorted(made, key=lambda one: sets.index(one.trial.where))


def check_tuning(name: str, study: Study) -> Tuning:
    """How the study searches. BenchError where it does not say so, or in a way that does not exist."""
    tuning = study.tuning
    if tuning is None:
        raise BenchError(f"the study {name} does not say how it is searched; give it tuning=Tuning(trials=40)")
    if type(tuning.trials) is not int or tuning.trials < 1:
        raise BenchError(f"the study {name}: a search has 1 trial at least, not {tuning.trials!r}")
    for objective in tuning.objectives:
        if objective not in OBJECTIVES:
            raise BenchError(f"no objective {objective!r}; {registry.did_you_mean(objective, OBJECTIVES)}")
    if not tuning.objectives or tuning.objectives[0] != "validation":
        raise BenchError(f"the first objective of a search is 'validation', not {list(tuning.objectives)}")
    if len(set(tuning.objectives)) < len(tuning.objectives):
        raise BenchError(f"an objective is there twice: {list(tuning.objectives)}")
    samplers.check(tuning)
    _check_arms(name, study, tuning)
    return tuning


def _check_arms(name: str, study: Study, tuning: Tuning) -> None:
    arms = dict(study.rows())
    if not isinstance(tuning.spaces, Mapping):
        raise BenchError(
            f"tuning of the study {name}: spaces are a dict of arms and their spaces, not {tuning.spaces!r}"
        )
    for label in (*tuning.arms, *tuning.spaces):
        if label not in arms:
            raise BenchError(f"tuning of the study {name}: no arm {label!r}; {registry.did_you_mean(label, arms)}")
    for label, space in tuning.spaces.items():
        check_space(space, f"arm {label!r}")


def _chosen(name: str, study: Study, asked: Sequence[str]) -> dict[str, Arm]:
    """The arms that are searched."""
    tuning, arms = check_tuning(name, study), dict(study.rows())
    free = [label for label, arm in arms.items() if label not in study.floors and not arm.tuned]
    searched = list(tuning.arms) or free
    for label in asked:
        if label not in searched:
            near = registry.did_you_mean(label, searched)
            raise BenchError(f"the study {name} searches no arm {label!r}; {near}")
    return {label: arms[label] for label in searched if not asked or label in asked}


def _left_out(arm: Arm, item: Located) -> str:
    """Why an arm is not searched on a data set, in words."""
    made = registry.make("datasets", item.spec.name, item.spec.params)
    if arm.tasks and made.task.kind not in arm.tasks:
        return f"it is for {', '.join(arm.tasks)}"
    return registry.make("methods", arm.method, arm.params).refuses(made.task, tuple(made.shape)) or ""


def _search(name: str, study: Study, label: str, arm: Arm, item: Located, labels: Labels | None) -> Search:
    """The search on the first fold."""
    method = registry.spec("methods", arm.method, arm.params)
    trial = Trial(
        item.spec, method, item.division(study.folds), labels or Labels.noisy(item.noise),
        registry.spec("curricula", arm.curriculum, arm.curriculum_params), recipe=study.recipe,
    )  # fmt: skip
    space = study.tuning.spaces.get(label, registry.member("methods", arm.method).space)
    check_space(space, f"arm {label!r}")
    return Search(name, label, trial, dict(arm.params), dict(space), study.tuning)


def _places(study: Study, item: Located, asked: Sequence[int]) -> list[dict[str, int]]:
    """Every (partition, fold) that is asked for."""
    folds = range(item.division(study.folds).folds)
    if wrong := [fold for fold in asked if fold not in folds]:
        raise BenchError(f"{item.where} has no fold {wrong[0]}; there are {len(folds)}, from 0")
    return [
        {"partition": partition, "fold": fold}
        for partition in range(study.partitions)
        for fold in folds
        if not asked or fold in asked
    ]
