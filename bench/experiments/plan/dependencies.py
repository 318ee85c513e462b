"""What trials learn from: their teachers, and the teachers of those."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bench import registry
from bench.core import BenchError, Spec, Trial


class DependencyResolver:
    """What trials learn from. Methods and curricula are built once, and each trial is asked once, while this lives."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Any] = {}
        self._before: dict[str, tuple[Trial, ...]] = {}

    def resolve(self, trial: Trial) -> Trial:
        """The trial with the keys of those that it learns from: when they change, it is another trial."""
        needed = self.needed_by(trial)
        found = replace(trial, upstream=tuple(each.key for each in needed)) if needed else trial
        self._before[found.key] = tuple(other for each in needed for other in (*self.before(each), each))
        return found

    def before(self, trial: Trial) -> tuple[Trial, ...]:
        """What must be there before a trial that `resolve` gave, the deepest first."""
        return self._before[trial.key]

    def needed_by(self, trial: Trial) -> list[Trial]:
        """The trials that the method and the curriculum of `trial` learn from, whole, in their order."""
        method, curriculum = self._make("methods", trial.method), self._make("curricula", trial.curriculum)
        asked = (*method.upstream(trial), *curriculum.upstream(trial))
        for each in asked:
            _check_alike(each, trial)
        return [self.resolve(replace(each, upstream=())) for each in asked]

    def _make(self, kind: str, spec: Spec) -> Any:
        if (kind, spec.text) not in self._made:
            self._made[kind, spec.text] = registry.make(kind, spec.name, spec.params)
        return self._made[kind, spec.text]


def _check_alike(teacher: Trial, trial: Trial) -> None:
    """BenchError where a trial would learn from one of other scans: of other classes, or of people who are tested."""
    for name in ("data", "split", "partition", "fold", "labels"):
        theirs, ours = getattr(teacher, name), getattr(trial, name)
        if theirs != ours:
            raise BenchError(
                f"{trial.method.name} would learn from {teacher.method.name} trained on another {name} ({theirs}, not"
                f" {ours}); an upstream trial has the data, split, partition, fold and labels of the trial itself"
            )


def upstream_of(trial: Trial) -> list[Trial]:
    """What must be there before `trial`, the deepest first."""
    lineage = DependencyResolver()
    return list(lineage.before(lineage.resolve(trial)))


def needed_by(trial: Trial) -> list[Trial]:
    """The trials that the method and the curriculum of `trial` learn from, whole, in their order."""
    return DependencyResolver().needed_by(trial)
