"""Results of studies that never ran: a plan, records and predictions with known answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from bench.core import DataSpec, Labels, Recipe, Record, Spec, Split, Task, Trial, plain
from bench.core.study_plan import DataEntry, PlannedCell, StudyPlan
from bench.evaluation import metrics
from bench.storage.record_store import Store
from bench.storage.stored_plan import write_plan

CLASSES = Task("classification", "auc", ("CDR 0", "CDR > 0"))
AGE = Task("regression", "mae", (), "years")
MASKS = Task("segmentation", "dice", ("rest", "artery"))
PROVENANCE = {"bench": "0.1.0", "python": "3.11.2", "torch": "2.13.0", "processor": "AVX2", "seconds": 2.0}


@dataclass(frozen=True)
class ArmSpec:
    """An arm as it shall look. scores: the primary metric, fold by fold (of every partition and seed); else `skill`."""

    skill: float = 0.5  # how far the classes lie apart, or 1 / the error of numbers
    scores: Sequence[float] = ()
    family: str = "2d"
    failed: Mapping[int, str] = field(default_factory=dict)  # fold -> message
    refused: str = ""
    missing: Sequence[int] = ()  # folds without a record
    view_note: str = ""
    covariates: Sequence[str] = ()
    device: str = "cpu"
    followed: bool = False  # whether its records have a curve
    watched: bool = False  # and whether that tells of a curriculum
    cost: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)  # of the method, beside the learning rate


@dataclass(frozen=True)
class DataSetSpec:
    """A data set as it shall look."""

    name: str = "ad_toy"
    task: Task = CLASSES
    phantom: bool = False
    stand_in_for: str | None = None
    people: int = 100


def write(
    root: Path, arms: Mapping[str, ArmSpec], data: Sequence[DataSetSpec] = (DataSetSpec(),), **plan: Any
) -> StudyPlan:
    """Write a study named `toy` under `root` and return its plan. plan: entries that are not the defaults."""
    reference = next(iter(arms))
    defaults = {
        "study": "toy", "question": "Does any arm help?", "protocol": 2, "reference": reference,
        "contrasts": tuple((arm, reference) for arm in list(arms)[1:]), "folds": 5, "partitions": 1, "seeds": 1,
        "recipe": Recipe(), "command": "bench run --study toy",
    }  # fmt: skip
    entry = StudyPlan.from_json(plain({**defaults, **plan, "data": [_data(made) for made in data], "cells": []}))
    entry = replace(entry, cells=tuple(cell for made in data for cell in _cells(Store(root), entry, made, arms)))
    store_plan(root, entry)
    return entry


def store_plan(root: Path, plan: StudyPlan) -> None:
    """Write the plan.json of a study under a results root."""
    write_plan(root / plan.study / "plan.json", plan)


def with_data(plan: StudyPlan, number: int, **changes: Any) -> StudyPlan:
    """The plan with other values in one of its data entries."""
    entries = [replace(entry, **changes) if at == number else entry for at, entry in enumerate(plan.data)]
    return replace(plan, data=tuple(entries))


def _data(made: DataSetSpec) -> DataEntry:
    return DataEntry(
        name=made.name, fingerprint="f", phantom=made.phantom, stand_in_for=made.stand_in_for,
        title=f"The {made.name} set", task=made.task, shape=(1, 20, 24, 20),
    )  # fmt: skip


def _cells(store: Store, plan: StudyPlan, made: DataSetSpec, arms: Mapping[str, ArmSpec]) -> list[PlannedCell]:
    found = []
    for partition in range(plan.partitions):
        for fold in range(plan.folds):
            place = {"data": made.name, "partition": partition, "fold": fold}
            for arm, values in arms.items():
                for role, label, seed, number in _roles(plan, arm):
                    cell = {**place, "arm": label, "role": role, "seed": seed, "number": number}
                    found.append(_run(store, plan, made, values, cell, method=arm))
    return found


def _roles(plan: StudyPlan, arm: str) -> list[tuple[str, str, int, int]]:
    seeds = plan.seeds
    roles = [("arm", arm, seed, 0) for seed in range(seeds)]
    if plan.again and plan.again[0] == arm:
        roles += [("again", plan.again[1], seed, 0) for seed in range(seeds, 2 * seeds)]
    if plan.random_labels and arm in plan.random_labels.arms:
        roles += [("random_labels", arm, 0, number) for number in range(plan.random_labels.permutations)]
    return roles


def _run(
    store: Store, plan: StudyPlan, made: DataSetSpec, spec: ArmSpec, cell: dict[str, Any], method: str
) -> PlannedCell:
    permuted = cell["role"] == "random_labels"
    trial = Trial(
        DataSpec(made.name, fingerprint="f"), Spec(method, 1, {"rate": 0.001, **spec.params}), Split(folds=plan.folds),
        Labels("permuted", cell["number"]) if permuted else Labels(),
        partition=cell["partition"], fold=cell["fold"], seed=cell["seed"], recipe=plan.recipe,
    )  # fmt: skip
    cell |= {"key": trial.key, "method": method, "family": spec.family}
    if cell["fold"] not in spec.missing:
        store.put(*_record(trial, plan, made, spec, cell, permuted))
    return PlannedCell(**cell)


def _record(trial: Trial, plan: StudyPlan, made: DataSetSpec, spec: ArmSpec, cell: Mapping, permuted: bool) -> tuple:
    if spec.refused:
        return Record(trial, "refused", error={"kind": "refused", "message": spec.refused, "traceback": ""}), {}
    if cell["fold"] in spec.failed:
        error = {"kind": "RuntimeError", "message": spec.failed[cell["fold"]], "traceback": "Traceback ..."}
        return Record(trial, "failed", error=error), {}
    scored = bool(spec.scores) and not permuted
    who = "everybody" if scored else f"{trial.method.name} {cell['role']} {cell['number']}"
    skill = _skill(made.task, spec.scores[cell["fold"]]) if scored else spec.skill
    y, result, ids = _predictions(
        np.random.default_rng(trial.seed_for(who)), trial, plan, made, 0.0 if permuted else skill
    )
    if made.task.kind == "segmentation":
        known = {"scan_scores": result}
        scores = {"dice": float(result.mean()), "cldice": float("nan"), "hd95": float("nan")}
    else:
        known = {"y": y, "selected": result, "last": result}
        scores = metrics.evaluate(made.task, y, result)
    if spec.scores and not permuted:
        scores[made.task.primary] = spec.scores[cell["fold"]]
    record = _done(trial, made, spec, scores, len(y))
    return record, {"ids": ids, "groups": ids, **known}


def _skill(task: Task, score: float) -> float:
    """The skill whose predictions score about as given; arms with given scores err on the same people alike."""
    if math.isnan(score):
        return 0.0
    if task.kind == "regression":
        return math.sqrt(2 / math.pi) / max(score, 1e-6)
    inside = min(max(score, 0.001), 0.999)
    return (
        NormalDist().inv_cdf(inside) / math.sqrt(2)
        if task.kind == "classification"
        else math.log(inside / (1 - inside))
    )


def _predictions(rng: np.random.Generator, trial: Trial, plan: StudyPlan, made: DataSetSpec, skill: float) -> tuple:
    rows = np.arange(made.people)[trial.fold :: max(2, plan.folds)]  # one fold is a publisher's test part
    people = made.name.partition("@")[0].upper()  # splits of one data set have the same people
    ids = np.array([f"sub-{people}{row:04d}" for row in rows])
    if made.task.kind == "segmentation":
        return rows, 1 / (1 + np.exp(-skill - rng.normal(0, 1, len(rows)))), ids
    if made.task.kind == "regression":
        y = 20 + (rows * 37 % 60).astype(float)
        known = y if skill else rng.permutation(y)  # without skill the numbers are those of others
        return y, known + rng.normal(0, 1 / max(skill, 1), len(y)), ids
    y = (rows // max(2, plan.folds)) % 2
    logit = skill * (2 * y - 1) + rng.normal(0, 1, len(y))
    high = 1 / (1 + np.exp(-logit))
    return y, np.stack([1 - high, high], axis=1), ids


def _done(trial: Trial, made: DataSetSpec, spec: ArmSpec, scores: dict[str, float], tested: int) -> Record:
    primary, rest = made.task.primary, made.people - tested
    gain = 0.02 if metrics.metric(primary).better == "higher" else -0.5
    audit = {
        "last_five": scores[primary] - gain,
        "best_of_last": scores[primary] + gain,
        "best_of_all": scores[primary] + 2 * gain,
    }
    found = {"selected": scores, "last": scores, "validation": {primary: scores[primary] + gain}, "audit": audit}
    cost = {
        "parameters": 8060630, "forward_flops": 580_400_000, "train_seconds": 123.4, "step_seconds": 0.0312,
        "inference_seconds": 0.004, "peak_memory_mb": None, "data_seconds": 1.0,
    }  # fmt: skip
    resolved = {"method": {"rate": 0.001}, "view": {"kind": "dynamic"}, "view_note": spec.view_note}
    resolved |= {"covariates": list(spec.covariates)} if spec.covariates else {}
    precision = "fp32" if spec.device == "cpu" else "bf16"
    resolved |= {"device": spec.device, "precision": precision, "selected_step": 900, "optimiser_steps": 1000}
    sizes = {"train": rest * 4 // 5, "val": rest - rest * 4 // 5, "test": tested}
    sizes |= {f"{part}_groups": count for part, count in sizes.items()}
    curve = _curve(trial, spec, scores[primary]) if spec.followed or spec.watched else []
    return Record(trial, "done", found, curve, resolved, sizes, {**cost, **spec.cost}, PROVENANCE)


def _curve(trial: Trial, spec: ArmSpec, score: float) -> list[dict[str, Any]]:
    """A loss that falls to a tenth, a score that comes near its end, and Cur sets that grow from stage to stage."""
    rng, points = np.random.default_rng(trial.seed_for("curve")), []
    for step in range(50, 1001, 50):
        done = 1 - 0.1 ** (step / 1000)
        point = {"step": step, "train_loss": 1.01 - done, "val_loss": 1.1 - 0.8 * done + rng.normal(0, 0.03)}
        point |= {"val": score * (0.6 + 0.4 * done) + rng.normal(0, 0.02), "test": score * (0.6 + 0.4 * done)}
        if spec.watched:
            sizes = {stage: done * (0.7 + 0.1 * n) for n, stage in enumerate(("S1", "S4", "S6", "C1"))}
            point["watched"] = {f"cur {stage}": size for stage, size in sizes.items()}
            point["watched"] |= {f"complexity {stage}": 1 - size for stage, size in sizes.items()}
            point["watched"] |= {f"weight {stage}": 0.25 + 0.1 * n * done for n, stage in enumerate(sizes)}
            point["watched"] |= {"groups dgm.S1": 4.0 if step < 500 else 8.0, "groups dgm.S4": 4.0, "empty masks": 0.0}
        points.append(point)
    return points
