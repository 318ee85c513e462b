"""What the upstream trials of a trial give it: outputs of teachers, and weights that its network begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import registry
from bench.core import PRETEXT, Record, RunAbortedError, Trial
from bench.experiments.plan import pretraining_of, teachers_of
from bench.method import Outputs
from bench.storage.record_store import Store
from bench.training.trial_data import RefusalError, TrialData, upstream_outputs


def teacher_outputs(trial: Trial, store: Store, data: TrialData) -> Sequence[Outputs]:
    """The outputs of the teachers' networks for every training scan, each through its own view."""
    return [upstream_outputs(needed, data, _finished(needed, store)[1]) for needed in teachers_of(trial)]


def with_pretraining(trial: Trial, store: Store, data: TrialData) -> tuple[TrialData, dict[str, Any]]:
    """The data with a method that begins with the weights of its pretraining, and facts on that for the record.

    RefusalError if the pretraining was refused. RunAbortedError if its data were prepared again since the plan.
    """
    begins = pretraining_of(trial)
    if begins is None:
        return data, {}
    if begins.key not in trial.upstream:
        raise RunAbortedError(
            f"{begins.data.name} was prepared again after the study was planned; run the same command again"
        )
    record, weights = _finished(begins, store)
    own = registry.make("datasets", begins.data.name, begins.data.params).task
    task = PRETEXT if begins.labels.kind == "none" else own
    method = data.method.begin_with(weights, task, f"the training on {begins.data.name}")
    return replace(data, method=method), {"pretraining": _facts(begins, record)}


def _facts(begins: Trial, record: Record) -> dict[str, Any]:
    sizes = record.sizes
    return {
        "key": begins.key,
        "data": begins.data.name,
        **({"labels": "none", "method": begins.method.name} if begins.labels.kind == "none" else {}),
        "scans": sizes["train"],
        "people": sizes["train_groups"],
        "validation_people": sizes["val_groups"],
        "steps": record.resolved["optimiser_steps"],
        "selected_step": record.resolved["selected_step"],
        "scores": dict(record.metrics.get("selected", {})),
    }


def _finished(needed: Trial, store: Store) -> tuple[Record, Path]:
    """The record and the weights of an upstream trial. An error that says why if it is not done."""
    record, weights = store.verified(needed.key, weights=True), store.weights(needed.key)
    if fault := store.damaged.get(needed.key):
        raise RunAbortedError(
            f"{fault}; run the same command again: the record is moved aside and the trial runs again"
        )
    if record is not None and record.status == "refused":
        learns = f"it begins with a pretraining on {needed.data.name}" if needed.held_out else "it learns from "
        learns += "" if needed.held_out else needed.method.name
        raise RefusalError(f"{learns}, which was refused: {record.error['message']}")
    if record is None or record.status != "done" or weights is None:
        state = (
            "is missing" if record is None else f"{record.status}: {record.error.get('message', 'no weights saved')}"
        )
        raise RuntimeError(f"the upstream trial {needed.key} ({needed.method.name}) {state}")
    return record, weights
