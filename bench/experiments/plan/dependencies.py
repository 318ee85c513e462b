"""Upstream trials: the teachers of a trial and its pretraining, and theirs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bench import registry
from bench.core import BenchError, Spec, Trial
from bench.experiments.plan.pretraining_trials import pretraining_trial


class DependencyResolver:
    """Resolves upstream trials. It builds each method and curriculum once, and resolves each trial once."""

    def __init__(self) -> None:
        self._built: dict[tuple[str, str], Any] = {}
        self._before: dict[str, tuple[Trial, ...]] = {}

    def resolve(self, trial: Trial) -> Trial:
        """The trial with the keys of its upstream trials, which are part of its own key."""
        needed = self.needed_by(trial)
        resolved = replace(trial, upstream=tuple(each.key for each in needed)) if needed else trial
        self._before[resolved.key] = tuple(other for each in needed for other in (*self.before(each), each))
        return resolved

    def before(self, trial: Trial) -> tuple[Trial, ...]:
        """The trials that must run before a resolved trial, the deepest first."""
        return self._before[trial.key]

    def needed_by(self, trial: Trial) -> list[Trial]:
        """The teachers of a trial, in their order, then its pretraining if there is one; all resolved."""
        begins = self.pretraining_of(trial)
        return [*self.teachers(trial), *([begins] if begins else [])]

    def pretraining_of(self, trial: Trial) -> Trial | None:
        """The trial whose weights begin the network of `trial`, resolved; None if there is none."""
        wanted = self._make("methods", trial.method).pretraining(trial.method)
        return self.resolve(pretraining_trial(trial, wanted)) if wanted else None

    def teachers(self, trial: Trial) -> list[Trial]:
        """The trials whose outputs the method and the curriculum of `trial` learn from, resolved, in their order."""
        method, curriculum = self._make("methods", trial.method), self._make("curricula", trial.curriculum)
        upstream = (*method.upstream(trial), *curriculum.upstream(trial))
        for each in upstream:
            _check_same_data(each, trial)
        return [self.resolve(replace(each, upstream=())) for each in upstream]

    def _make(self, kind: str, spec: Spec) -> Any:
        if (kind, spec.text) not in self._built:
            self._built[kind, spec.text] = registry.make(kind, spec.name, spec.params)
        return self._built[kind, spec.text]


def _check_same_data(teacher: Trial, trial: Trial) -> None:
    """BenchError if a teacher has other data, folds or labels: it could be trained on tested people."""
    for name in ("data", "split", "partition", "fold", "labels", "held_out"):
        theirs, ours = getattr(teacher, name), getattr(trial, name)
        if theirs != ours:
            raise BenchError(
                f"{trial.method.name} would learn from {teacher.method.name} trained on another {name} ({theirs}, not"
                f" {ours}); an upstream trial has the data, split, partition, fold and labels of the trial itself"
            )


def upstream_of(trial: Trial) -> list[Trial]:
    """The trials that must run before `trial`, the deepest first."""
    resolver = DependencyResolver()
    return list(resolver.before(resolver.resolve(trial)))


def needed_by(trial: Trial) -> list[Trial]:
    """The teachers of a trial, in their order, then its pretraining if there is one; all resolved."""
    return DependencyResolver().needed_by(trial)


def teachers_of(trial: Trial) -> list[Trial]:
    """The trials whose outputs the method and the curriculum of `trial` learn from, resolved, in their order."""
    return DependencyResolver().teachers(trial)


def pretraining_of(trial: Trial) -> Trial | None:
    """The trial whose weights begin the network of `trial`, resolved; None if there is none."""
    return DependencyResolver().pretraining_of(trial)
