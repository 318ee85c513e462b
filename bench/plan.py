"""From a study to its trials: pure, without torch, and written down for the report and the status.

A cell is a trial with its place in the table. What the methods need beforehand (teachers) comes as cells of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import paths, registry
from bench.core import PROTOCOL, Arm, BenchError, Data, DataSpec, Labels, Recipe, Split, Study, Trial, plain
from bench.store import write_text

AGAIN = " (A/A)"  # behind the label of the arm that the A/A control repeats


@dataclass(frozen=True)
class Found:
    """A data set that a study runs on."""

    spec: DataSpec
    stand_in_for: str | None = None


@dataclass(frozen=True)
class Cell:
    """A trial and what it is for."""

    trial: Trial
    arm: str
    role: str  # arm, again, random_labels, upstream
    family: str


def check(study: Study, name: str) -> None:
    """BenchError where the study cannot be built: wrong methods, parameters, curricula, arms, contrasts, metrics."""
    _check_rows(study, name)
    arms = dict(study.rows())
    if not arms:
        raise BenchError(f"the study {name} has no arms")
    for label, arm in arms.items():
        try:
            registry.make("methods", arm.method, arm.params)
            registry.make("curricula", arm.curriculum, arm.curriculum_params)
        except BenchError as error:
            raise BenchError(f"arm {label!r} of the study {name}: {error}") from error
    named = [study.reference, *study.floors, *(label for pair in study.contrasts for label in pair)]
    named += [study.again] if study.again else []
    named += [study.random_labels.arm] if study.random_labels else []
    for label in named:
        if label not in arms:
            raise BenchError(f"the study {name} has no arm {label!r}; {registry.did_you_mean(label, arms)}")
    if study.missing not in ("stop", "skip"):
        raise BenchError(f"the study {name}: missing is 'stop' or 'skip', not {study.missing!r}")


def _check_rows(study: Study, name: str) -> None:
    """Factors with a base and a control among their levels, and no label twice."""
    for factor, levels in study.factors.items():
        if levels.control not in levels.levels:
            near = registry.did_you_mean(levels.control, levels.levels)
            raise BenchError(f"factor {factor!r} of the study {name} has no level {levels.control!r}; {near}")
    if study.factors and study.base is None:
        raise BenchError(f"the study {name} has factors and no base: give the arm that they vary")
    labels = [label for label, _ in study.rows()]
    if twice := {label for label in labels if labels.count(label) > 1}:
        raise BenchError(f"the study {name} has two arms {min(twice)!r}; rename one")


def chosen(study: Study, name: str, planned: Sequence[Cell], arms: Sequence[str]) -> list[Cell]:
    """The cells of some arms only, controls and what is upstream of them included; all where none are named."""
    known = dict(study.rows())
    for label in arms:
        if label not in known:
            raise BenchError(f"the study {name} has no arm {label!r}; {registry.did_you_mean(label, known)}")
    if not arms:
        return list(planned)
    kept = [cell for cell in planned if cell.arm.removesuffix(AGAIN) in arms]
    needed = {trial.key for cell in kept for trial in upstream_of(cell.trial)}
    return [cell for cell in planned if cell in kept or cell.trial.key in needed]


def contrasts(study: Study) -> list[tuple[str, str]]:
    """The declared contrasts; where there are none, every arm but the floors against the reference."""
    if study.contrasts:
        return [tuple(pair) for pair in study.contrasts]
    others = (label for label, _ in study.rows() if label != study.reference and label not in study.floors)
    return [(label, study.reference) for label in others]


def cells(study: Study, data: Iterable[DataSpec]) -> list[Cell]:
    """Every cell of the study on these data sets, each upstream trial once and before what needs it."""
    planned: dict[tuple[str, str], Cell] = {}
    for spec in data:
        for cell in _arm_cells(study, spec):
            for upstream in upstream_of(cell.trial):
                family = registry.member("methods", upstream.method.name).family
                planned.setdefault((upstream.key, ""), Cell(upstream, f"upstream of {cell.arm}", "upstream", family))
            planned[cell.trial.key, f"{cell.role} {cell.arm}"] = cell
    arms = {key for key, label in planned if label}
    return [cell for (key, label), cell in planned.items() if label or key not in arms]


def upstream_of(trial: Trial) -> list[Trial]:
    """What must be there before `trial`, the deepest first."""
    before: list[Trial] = []
    for needed in needed_by(trial):
        before += [*upstream_of(needed), needed]
    return before


def needed_by(trial: Trial) -> list[Trial]:
    """The trials that the method and the curriculum of `trial` learn from, whole, in their order."""
    method = registry.make("methods", trial.method.name, trial.method.params)
    curriculum = registry.make("curricula", trial.curriculum.name, trial.curriculum.params)
    asked = (*method.upstream(trial), *curriculum.upstream(trial))
    return [whole(replace(each, upstream=())) for each in asked]


def whole(trial: Trial) -> Trial:
    """The trial with the keys of those that it learns from: when they change, it is another trial."""
    needed = needed_by(trial)
    return replace(trial, upstream=tuple(each.key for each in needed)) if needed else trial


def _arm_cells(study: Study, data: DataSpec) -> Iterable[Cell]:
    rows = {label: _trial(study, data, arm) for label, arm in study.rows()}
    for partition in range(study.partitions):
        for fold in range(study.folds):
            place = {"partition": partition, "fold": fold}
            for label, (trial, family) in rows.items():
                for seed in range(study.seeds):
                    yield Cell(whole(replace(trial, **place, seed=seed)), label, "arm", family)
                if label == study.again:
                    for seed in range(study.seeds, 2 * study.seeds):
                        yield Cell(whole(replace(trial, **place, seed=seed)), label + AGAIN, "again", family)
                if study.random_labels and label == study.random_labels.arm:
                    for number in range(study.random_labels.permutations):
                        shuffled = replace(trial, **place, labels=Labels("permuted", number))
                        yield Cell(whole(shuffled), label, "random_labels", family)


def _trial(study: Study, data: DataSpec, arm: Arm) -> tuple[Trial, str]:
    method = registry.spec("methods", arm.method, arm.params)
    curriculum = registry.spec("curricula", arm.curriculum, arm.curriculum_params)
    trial = Trial(data, method, Split(folds=study.folds), Labels(), curriculum, recipe=study.recipe)
    return trial, registry.member("methods", arm.method).family


def locate(study: Study, fingerprint: Any, stand_ins: bool | None = None) -> tuple[list[Found], list[str]]:
    """The data sets that a study runs on, and notes about those that are missing.

    fingerprint: (name, params) -> str, or None where the set is not prepared. stand_ins: take the phantom twins of
    missing sets; None: where no data root is configured and none of the study's real sets is prepared. A phantom that
    is not there yet has an empty fingerprint: it can always be made.
    """
    there = {data.name: fingerprint(data.name, data.params) for data in study.datasets}
    real = [data for data in study.datasets if not registry.member("datasets", data.name).phantom]
    if stand_ins is None:
        stand_ins = not paths.data_root_is_configured() and not any(there[data.name] for data in real)
    found: list[Found] = []
    notes: list[str] = []
    for data in study.datasets:
        chosen, note = _locate(data, there[data.name], fingerprint, stand_ins, study.missing)
        found += [chosen] if chosen and chosen.spec not in [other.spec for other in found] else []
        notes += [note] if note else []
    names = [item.spec.name for item in found]
    if twice := {each for each in names if names.count(each) > 1}:
        raise BenchError(f"the data set {min(twice)} is here twice with other parameters; make it two studies")
    if not found:
        raise BenchError("no data set of this study is at hand: " + "; ".join(notes))
    return found, notes


def _locate(
    data: Data, mark: str | None, fingerprint: Any, stand_ins: bool, missing: str
) -> tuple[Found | None, str | None]:
    cls = registry.member("datasets", data.name)
    if mark or cls.phantom:
        return Found(_data_spec(data.name, data.params, mark or "")), None
    remedy = f"run: bench prepare {data.name} --from FOLDER"
    if stand_ins and cls.twin:
        note = f"{data.name} is not prepared: its phantom {cls.twin} stands in, and says nothing about real scans"
        return Found(_data_spec(cls.twin, {}, fingerprint(cls.twin, {}) or ""), data.name), note
    if stand_ins or missing == "skip":
        return None, f"{data.name} is not prepared and left out; {remedy}"
    raise BenchError(f"{data.name} is not prepared; {remedy} (or give --stand-ins for its phantom)")


def _data_spec(name: str, params: Mapping[str, Any], mark: str) -> DataSpec:
    return replace(registry.spec("datasets", name, params), fingerprint=mark)


def folder(name: str) -> Path:
    """Where the study's own results lie: rebuildable from its plan and the trials."""
    return paths.results_root() / name


def write(name: str, study: Study, found: Sequence[Found], planned: Sequence[Cell], **more: Any) -> dict[str, Any]:
    """Write down what the report and the status need to know, and return it."""
    controls = study.random_labels
    entry = {
        "study": name,
        "question": study.question,
        "protocol": PROTOCOL,
        "reference": study.reference,
        "contrasts": contrasts(study),
        "floors": list(study.floors),
        "margin": study.margin,
        "again": [study.again, study.again + AGAIN] if study.again else None,
        "random_labels": plain(controls) if controls else None,
        "folds": study.folds,
        "partitions": study.partitions,
        "seeds": study.seeds,
        "recipe": plain(study.recipe),
        "data": [_data_entry(item) for item in found],
        "cells": [_cell_entry(cell) for cell in planned],
        **more,
    }
    write_text(folder(name) / "plan.json", json.dumps(plain(entry), indent=1) + "\n")
    return entry


def _data_entry(found: Found) -> dict[str, Any]:
    made = registry.make("datasets", found.spec.name, found.spec.params)
    return {
        "name": found.spec.name,
        "params": found.spec.params,
        "fingerprint": found.spec.fingerprint,
        "phantom": made.phantom,
        "stand_in_for": found.stand_in_for,
        "title": made.title,
        "task": plain(made.task),
        "shape": made.shape,
    }


def _cell_entry(cell: Cell) -> dict[str, Any]:
    trial = cell.trial
    entry = {"key": trial.key, "data": trial.data.name, "arm": cell.arm, "role": cell.role, "family": cell.family}
    place = {"partition": trial.partition, "fold": trial.fold, "seed": trial.seed, "number": trial.labels.number}
    return {**entry, "method": trial.method.name, **place, "upstream": [each.key for each in upstream_of(trial)]}


def read(name: str) -> dict[str, Any]:
    """The plan of a study that was run here. BenchError where none was."""
    path = folder(name) / "plan.json"
    if not path.is_file():
        registry.study(name)  # a wrong name is told the nearest one
        raise BenchError(f"the study {name} has not been run here; run: bench run --study {name}")
    return json.loads(path.read_text())


def waves(planned: Sequence[Cell]) -> list[list[Trial]]:
    """The distinct trials in the order they can run: each wave needs only those before it."""
    depth: dict[str, int] = {}
    trials: dict[str, Trial] = {}
    for cell in planned:
        _place(cell.trial, depth, trials)
    levels = [[trials[key] for key, level in depth.items() if level == at] for at in range(max(depth.values()) + 1)]
    return [level for level in levels if level]


def _place(trial: Trial, depth: dict[str, int], trials: dict[str, Trial]) -> int:
    key = trial.key
    if key not in depth:
        depth[key] = 1 + max((_place(other, depth, trials) for other in needed_by(trial)), default=-1)
        trials[key] = trial
    return depth[key]


SMOKE = Recipe(steps=2, batch_size=2, points=2, scans=4)


def smoke(study: Study) -> Study:
    """The study at its smallest: one fold, one seed, a dozen scans, two steps of two of them, one permutation."""
    controls = replace(study.random_labels, permutations=1) if study.random_labels else None
    return replace(study, partitions=1, seeds=1, random_labels=controls, recipe=SMOKE)
