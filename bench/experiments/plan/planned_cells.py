"""The cells of a study: its trials, each with its place in the table, in an order that respects dependencies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench import registry
from bench.core import Arm, BenchError, DataSpec, Labels, Split, Study, Trial, canonical
from bench.experiments.plan.dependencies import DependencyResolver
from bench.experiments.plan.resolve_data import ResolvedData
from bench.experiments.plan.tuned_params import fitted

AGAIN = " (A/A)"  # suffix of the arm that the A/A control repeats


@dataclass(frozen=True)
class Cell:
    """A trial and its role in the study."""

    trial: Trial
    arm: str
    role: str  # arm, again, random_labels, upstream
    family: str
    before: tuple[Trial, ...] = ()  # upstream trials, the deepest first
    tuning: Mapping[str, float] = field(default_factory=dict)  # cost of the search for its parameters, if there was one
    data: str = ""  # the data entry that it belongs to; empty: as `Trial.where` names it

    @property
    def where(self) -> str:
        """The data entry that it belongs to."""
        return self.data or self.trial.where


def cells(study: Study, data: Iterable[ResolvedData | DataSpec]) -> list[Cell]:
    """Every cell of the study on these data sets.

    Each upstream trial occurs once for a data set, before the trials that need it.
    """
    planned: dict[tuple[str, str, str], Cell] = {}
    lineage = DependencyResolver()
    for each in data:
        resolved = ResolvedData(each) if isinstance(each, DataSpec) else each
        for cell in _arm_cells(study, resolved, lineage):
            for upstream in cell.before:
                if (upstream.key, "", cell.where) not in planned:
                    planned[upstream.key, "", cell.where] = _upstream_cell(upstream, cell, lineage)
            planned[cell.trial.key, f"{cell.role} {cell.arm}", cell.where] = cell
    arms = {key for key, label, _ in planned if label}
    return [cell for (key, label, _), cell in planned.items() if label or key not in arms]


def _upstream_cell(upstream: Trial, needs: Cell, lineage: DependencyResolver) -> Cell:
    label = f"pretraining of {needs.arm}" if upstream.held_out else f"upstream of {needs.arm}"
    family = registry.member("methods", upstream.method.name).family
    return Cell(upstream, label, "upstream", family, lineage.before(upstream), data=needs.where)


def _arm_cells(study: Study, found: ResolvedData, lineage: DependencyResolver) -> Iterable[Cell]:
    split = found.division(study.folds)
    same = repeated_arms(study, found)
    meant = [(label, arm) for label, arm in study.rows() if label not in same]
    meant = [(label, arm) for label, arm in meant if not arm.tasks or _kind(found) in arm.tasks]
    rows = {label: _trial(study, found, split, arm) for label, arm in meant}
    tuned = {label: arm.tuned for label, arm in meant}
    for partition in range(found.partitions(study.partitions)):
        for fold in range(split.folds):
            place = {"partition": partition, "fold": fold}
            for label, (trial, family) in rows.items():
                for again, role, changes in _repeats(study, label, partition):
                    fold_trial, tuning = replace(trial, **place, **changes), {}
                    if name := tuned[label]:
                        fold_trial, tuning = fitted(fold_trial, name)
                    one = lineage.resolve(fold_trial)
                    yield Cell(one, again, role, family, lineage.before(one), tuning, found.where)


def repeated_arms(study: Study, found: ResolvedData) -> dict[str, str]:
    """Left-out arms on images -> the arm that they would repeat: they differ only in the view of volumes."""
    if len(registry.make("datasets", found.spec.name, found.spec.params).shape) == 4:
        return {}
    first = [study.reference, study.again, *(study.random_labels.arms if study.random_labels else ())]
    rows = sorted(study.rows(), key=lambda row: row[0] not in first)  # arms that others are compared with stay
    labels, repeated = {}, {}
    for label, arm in rows:
        method = registry.spec("methods", arm.method, arm.params)
        params = {name: value for name, value in method.params.items() if name != "view"}
        curriculum = registry.spec("curricula", arm.curriculum, arm.curriculum_params)
        whole = (
            dict(method.params.get("view") or {}).get("kind") == "volume"
        )  # a volume view is refused on images, not a repetition
        other = labels.setdefault(canonical([method.name, params, curriculum, whole, arm.tuned]), label)
        if other != label:
            repeated[label] = other
    return repeated


def _kind(found: ResolvedData) -> str:
    return registry.make("datasets", found.spec.name, found.spec.params).task.kind


def _repeats(study: Study, label: str, partition: int) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """(label, role, changes to the trial) of an arm on one fold: its seeds, and the controls that repeat it.

    Random labels are trained in the first partition only: their permutations are what its spread is taken over.
    """
    for seed in range(study.seeds):
        yield label, "arm", {"seed": seed}
    if label == study.again:
        for seed in range(study.seeds, 2 * study.seeds):
            yield label + AGAIN, "again", {"seed": seed}
    if partition == 0 and study.random_labels and label in study.random_labels.arms:
        for number in range(study.random_labels.permutations):
            yield label, "random_labels", {"labels": Labels("permuted", number)}


def _trial(study: Study, found: ResolvedData, split: Split, arm: Arm) -> tuple[Trial, str]:
    method = registry.spec("methods", arm.method, arm.params)
    curriculum = registry.spec("curricula", arm.curriculum, arm.curriculum_params)
    trial = Trial(found.spec, method, split, found.labels, curriculum, recipe=study.recipe, external=found.external)
    return trial, registry.member("methods", arm.method).family


def select_arms(study: Study, name: str, planned: Sequence[Cell], arms: Sequence[str]) -> list[Cell]:
    """The cells of the given arms, with their controls and upstream trials; all cells where no arm is given."""
    known = dict(study.rows())
    for label in arms:
        if label not in known:
            raise BenchError(f"the study {name} has no arm {label!r}; {registry.did_you_mean(label, known)}")
    if not arms:
        return list(planned)
    selected = {label for arm in arms for label in (arm, arm + AGAIN)}
    needed = {trial.key for cell in planned if cell.arm in selected for trial in cell.before}
    return [cell for cell in planned if cell.arm in selected or cell.trial.key in needed]


def waves(planned: Sequence[Cell]) -> list[list[Trial]]:
    """The distinct trials in waves: each wave depends only on earlier waves."""
    trials = {trial.key: trial for cell in planned for trial in (*cell.before, cell.trial)}
    depth: dict[str, int] = {}
    for key, trial in trials.items():  # the upstream trials of a trial precede it
        depth[key] = 1 + max((depth[other] for other in trial.upstream), default=-1)
    levels: list[list[Trial]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for key, level in depth.items():
        levels[level].append(trials[key])
    return levels
