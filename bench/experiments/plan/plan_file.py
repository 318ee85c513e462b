"""The plan of a study on disk, for the report and the status."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench import registry
from bench.core import PROTOCOL, Study, paths, plain
from bench.experiments.plan.factors import described
from bench.experiments.plan.planned_cells import AGAIN, Cell, alike
from bench.experiments.plan.resolve_data import ResolvedData
from bench.experiments.plan.validate import contrasts
from bench.storage.atomic_io import write_text
from bench.storage.plan_reader import not_run, read_plan


def folder(name: str, root: Path | None = None) -> Path:
    """The study's own folder under a results root: plan, search and report. root: $BENCH_RESULTS if None."""
    return (root or paths.results_root()) / name


def write(
    name: str,
    study: Study,
    found: Sequence[ResolvedData],
    planned: Sequence[Cell],
    root: Path | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Write plan.json, which the report and the status read, and return it. root: of the results.

    BenchError if the study's folder was made under another protocol: it is left unchanged.
    """
    path = folder(name, root) / "plan.json"
    if path.is_file():
        read_plan(path)
    controls = study.random_labels
    entry = {
        "study": name,
        "question": study.question,
        "protocol": PROTOCOL,
        "reference": study.reference,
        "contrasts": contrasts(study),
        "floors": list(study.floors),
        "blind": [arm for arm, made in study.rows() if registry.member("methods", made.method).blind],
        "margin": study.margin,
        "again": [study.again, study.again + AGAIN] if study.again else None,
        "random_labels": plain(controls) if controls else None,
        "folds": study.folds,
        "partitions": study.partitions,
        "seeds": study.seeds,
        "recipe": plain(study.recipe),
        "data": [{**_data_entry(item, study), "alike": alike(study, item)} for item in found],
        "design": described(study),
        "cards": _cards(found, planned),
        "cells": [_cell_entry(cell) for cell in planned],
        **more,
    }
    write_text(path, json.dumps(plain(entry), indent=1) + "\n")
    return entry


def _cards(found: Sequence[ResolvedData], planned: Iterable[Cell]) -> dict[str, dict[str, Any]]:
    """kind -> name -> what `bench describe` would say of every data set, method and curriculum of a plan."""
    trials = [cell.trial for cell in planned]
    return registry.descriptions(
        [spec.name for item in found for spec in item.specs],
        [trial.method.name for trial in trials],
        [trial.curriculum.name for trial in trials],
    )


def _data_entry(found: ResolvedData, study: Study) -> dict[str, Any]:
    made = registry.make("datasets", found.spec.name, found.spec.params)
    entry = {
        "name": found.where,
        "data": found.spec.name,
        "params": found.spec.params,
        "fingerprint": found.spec.fingerprint,
        "phantom": made.phantom,
        "stand_in_for": found.stand_in_for,
        "title": made.title,
        "task": plain(made.task),
        "shape": made.shape,
        "split": found.split,
        "fraction": found.fraction,
        "noise": found.noise,
        "folds": found.division(study.folds).folds,
        "partitions": found.partitions(study.partitions),
    }
    if (best := _oracle(found)) is not None:
        entry["oracle"] = best
    if found.external is None:
        return entry
    other = registry.make("datasets", found.external.data.name, found.external.data.params)
    return {**entry, "task": plain(other.task), "external": {**plain(found.external), "title": other.title}}


def _oracle(found: ResolvedData) -> float | None:
    """What the best possible reader of a phantom scores; None for real scans, and where it is not made yet."""
    from bench.data.prepare import open_prepared
    from bench.datasets._oracle import oracle_score

    if not registry.member("datasets", found.spec.name).phantom or not found.spec.fingerprint:
        return None
    prepared = open_prepared(found.spec.name, found.spec.params)
    return None if prepared is None or "oracle" not in prepared.covariates else oracle_score(prepared)


def _cell_entry(cell: Cell) -> dict[str, Any]:
    trial = cell.trial
    entry = {"key": trial.key, "data": trial.where, "arm": cell.arm, "role": cell.role, "family": cell.family}
    place = {"partition": trial.partition, "fold": trial.fold, "seed": trial.seed, "number": trial.labels.number}
    entry |= {"method": trial.method.name, **place, "upstream": [each.key for each in cell.before]}
    return {**entry, "tuning": dict(cell.tuning)} if cell.tuning else entry


def read(name: str, root: Path | None = None) -> dict[str, Any]:
    """The plan of a study that was run under a results root. BenchError if it was not run there."""
    path = folder(name, root) / "plan.json"
    if not path.is_file():
        registry.study(name)  # a misspelt name gets the nearest one
        raise not_run(name, path.parent)
    return read_plan(path)
