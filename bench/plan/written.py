"""The plan of a study on disk, for the report and the status."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import paths, registry
from bench.core import PROTOCOL, BenchError, Study, plain
from bench.disk import write_text
from bench.plan.about import cards
from bench.plan.cells import AGAIN, Cell, alike
from bench.plan.levels import described
from bench.plan.located import Found
from bench.plan.study import contrasts
from bench.plan.tuned import SEARCHES


def folder(name: str) -> Path:
    """Where the study's own results lie: rebuildable from its plan and the trials."""
    return paths.results_root() / name


def write(name: str, study: Study, found: Sequence[Found], planned: Sequence[Cell], **more: Any) -> dict[str, Any]:
    """Write down what the report and the status need to know, and return it.

    BenchError where the study's folder is that of another protocol: it is left alone.
    """
    if (folder(name) / "plan.json").is_file():
        parsed(folder(name) / "plan.json")
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
        "cards": cards(found, planned),
        "cells": [_cell_entry(cell) for cell in planned],
        **more,
    }
    write_text(folder(name) / "plan.json", json.dumps(plain(entry), indent=1) + "\n")
    return entry


def _data_entry(found: Found, study: Study) -> dict[str, Any]:
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


def _oracle(found: Found) -> float | None:
    """What the best possible reader of a phantom scores; None for real scans, and where it is not made yet."""
    from bench.datasets._oracle import oracle_score
    from bench.prepare import open_prepared

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


def read(name: str) -> dict[str, Any]:
    """The plan of a study that was run here. BenchError where none was."""
    path = folder(name) / "plan.json"
    if not path.is_file():
        registry.study(name)  # a wrong name is told the nearest one
        raise absent(name, path.parent)
    return parsed(path)


def absent(name: str, place: Path) -> BenchError:
    """That a study was not run here, and whether it was searched; place: the folder that its results would lie in."""
    if not (place / SEARCHES).is_file():
        return BenchError(f"the study {name} has not been run here; run: bench run --study {name}")
    return BenchError(
        f"of the study {name} nothing but a search was begun here: bench status --study {name} tells how far it is, and"
        f" bench tune --study {name} goes on and leaves {place}/tuning/report.md. For trials and their report run:"
        f" bench run --study {name}"
    )


def parsed(path: Path) -> dict[str, Any]:
    """The plan in a file. BenchError where it cannot be read, or was made under another protocol."""
    try:
        entry = json.loads(path.read_bytes())
        made_under = entry["protocol"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        again = "remove it: `bench run` writes it anew, and the records stay"
        raise BenchError(f"{path} cannot be read ({error}); {again}") from error
    if made_under != PROTOCOL:
        raise BenchError(
            f"{path.parent} was made under protocol {made_under}, this is protocol {PROTOCOL}: its numbers do not"
            " compare with new ones, and it is left as it is. Rename that folder to run the study anew beside it; its"
            f" records in {path.parents[1] / 'trials'} stay, and are not used"
        )
    return entry
