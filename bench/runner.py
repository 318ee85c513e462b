"""One trial in, one record out: the only place where data, method, training, metrics and store meet."""

from __future__ import annotations

import math
import os
import platform
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from bench import __version__, cost, inference, registry, scores, splits, train
from bench.core import NO_CURRICULUM, BenchError, Record, Trial, plain
from bench.curriculum import Curriculum
from bench.loader import Normaliser, Part, view_array
from bench.method import Method, Outputs
from bench.plan import needed_by
from bench.prepare import Prepared, open_prepared
from bench.splits import Fold
from bench.store import WEIGHTS, Store
from bench.views import Image, View, effective

Progress = Callable[[float], None]


class RefusalError(Exception):
    """The method cannot do this task on this data: a record of its own kind, no failure."""


@dataclass(frozen=True)
class Table:
    """A trial laid out: the fold, the labels, and the scans as one method's view shows them."""

    prepared: Prepared
    fold: Fold
    targets: np.ndarray
    view: View
    array: np.ndarray  # (N, *shape after the view)
    normaliser: Normaliser
    device: torch.device

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape[1:])

    def part(self, rows: np.ndarray) -> Part:
        return Part(self.array, rows, self.targets[rows], self.normaliser, self.device)


def run(trial: Trial, store: Store, keep: bool = False, progress: Progress = lambda fraction: None) -> Record:
    """Carry out a trial and keep its record, whatever comes of it. keep: the selected weights too.

    The author's faults (BenchError) and interrupts pass through; everything else becomes part of the record.
    """
    started = time.time()
    with store.scratch() as scratch:
        arrays: dict[str, np.ndarray] = {}
        try:
            with threadpool_limits(trial.recipe.threads):  # of BLAS and OpenMP; torch has a number of its own
                record, arrays = _done(trial, store, scratch, keep, progress)
        except BenchError:
            raise
        except RefusalError as refusal:
            record = Record(trial, "refused", error={"kind": "refused", "message": str(refusal), "traceback": ""})
        except Exception as error:  # a run's fault is a record, and the sweep goes on
            record = failed(trial, error)
        record = replace(record, provenance=_provenance(started))
        weights = scratch / WEIGHTS
        store.put(record, arrays, weights if weights.is_file() else None)
    return record


def failed(trial: Trial, error: BaseException) -> Record:
    """The record of a trial that an error ended."""
    text = str(error)
    starved = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in text
    kind = "out of memory" if starved else type(error).__name__
    trace = "".join(traceback.format_exception(error))
    return Record(trial, "failed", error={"kind": kind, "message": text, "traceback": trace})


def device_of() -> torch.device:
    """Where trials run: the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _done(
    trial: Trial, store: Store, scratch: Path, keep: bool, progress: Progress
) -> tuple[Record, dict[str, np.ndarray]]:
    device = device_of()
    _be_deterministic(trial.recipe.threads)
    method: Method = registry.make("methods", trial.method.name, trial.method.params)
    curriculum: Curriculum = registry.make("curricula", trial.curriculum.name, trial.curriculum.params)
    table = _lay_out(trial, method, device)
    cost.reset_peak_memory(device)
    setup = train.Setup(
        trial, method, curriculum, table.prepared.task, table.part(table.fold.train), table.part(table.fold.val),
        device, scratch, table.view.left_right(), _upstream(trial, store, table), table.prepared.spacing, progress,
    )  # fmt: skip
    with _listening() as not_deterministic:
        fit = train.fit(setup, table.shape)
    test = table.part(table.fold.test)
    said, seconds = _said_of_test(fit, setup, test)
    record = Record(
        trial,
        "done",
        metrics=scores.metrics(fit, setup.task, said, test.y, setup.spacing),
        curve=scores.curve(fit, setup.task, said, test.y, setup.spacing),
        resolved={**_resolved(setup, table, fit), "not_deterministic": sorted(not_deterministic)},
        sizes=_sizes(table),
        cost=_cost(fit, table, seconds / max(1, len(test)), device),
    )
    if keep:
        fit.points[fit.selected].state.rename(scratch / WEIGHTS)
    rows = table.fold.test
    arrays = {"ids": np.array(table.prepared.ids)[rows], "groups": np.array(table.prepared.groups)[rows]}
    if setup.task.kind != "segmentation":
        arrays |= {"y": test.y, "selected": said[fit.selected], "last": said[-1]}
    return record, arrays


def _lay_out(trial: Trial, method: Method, device: torch.device) -> Table:
    prepared = open_prepared(trial.data.name, trial.data.params)
    if prepared is None or prepared.fingerprint != trial.data.fingerprint:
        state = "is not prepared any more" if prepared is None else "was prepared anew since the study was planned"
        raise BenchError(f"{trial.data.name} {state}; start the study again")
    if reason := method.refuses(prepared.task, prepared.shape):
        raise RefusalError(reason)
    if prepared.task.kind == "segmentation" and method.augment != "none":
        raise RefusalError("augmentation changes scans and not their masks; set augment to none")
    fold = _limited(splits.fold(prepared, trial.split, trial.partition, trial.fold), prepared, trial.recipe.scans)
    targets = _targets(trial, prepared)
    view = effective(method.view, prepared.shape)
    array = view_array(prepared, view)
    if prepared.task.kind == "segmentation" and array.shape[2:] != tuple(prepared.shape[1:]):
        raise RefusalError(f"the view {view.kind_name} changes the grid, and the masks stay on theirs")
    channels = Normaliser.fit(array, fold.train) if method.normalise == "train" else Normaliser.none(array.shape[1])
    return Table(prepared, fold, targets, view, array, channels, device)


def _targets(trial: Trial, prepared: Prepared) -> np.ndarray:
    """(N,) class indices or numbers, permuted where the trial says so; (N, ...) masks."""
    if prepared.task.kind == "segmentation":
        return prepared.masks()
    targets = prepared.targets
    if trial.labels.kind == "permuted":
        targets = splits.permuted(targets, prepared.groups, trial.labels.number)
    return targets.astype(np.int64) if prepared.task.kind == "classification" else targets


def _limited(fold: Fold, prepared: Prepared, most: int) -> Fold:
    """At most `most` scans of each part, the strata in turn; 0: all of them."""
    if not most:
        return fold

    def some(rows: np.ndarray) -> np.ndarray:
        seen: dict[str, int] = {}
        turns = []
        for row in rows:
            stratum = prepared.strata[row]
            turns.append(seen.setdefault(stratum, 0))
            seen[stratum] += 1
        return np.sort(rows[np.argsort(turns, kind="stable")[:most]])

    return Fold(some(fold.train), some(fold.val), some(fold.test))


def _upstream(trial: Trial, store: Store, table: Table) -> Sequence[Outputs]:
    """What the networks of the upstream trials say of every training scan, each through its own view."""
    return [_outputs_of(needed, store, table) for needed in needed_by(trial)]


def _outputs_of(needed: Trial, store: Store, table: Table) -> Outputs:
    from safetensors.torch import load_model

    record, weights = store.get(needed.key), store.weights(needed.key)
    if record is None or record.status != "done" or weights is None:
        state = "is missing" if record is None else f"{record.status}: {record.error.get('message', 'no weights kept')}"
        raise RuntimeError(f"the upstream trial {needed.key} ({needed.method.name}) {state}")
    method: Method = registry.make("methods", needed.method.name, needed.method.params)
    view = effective(method.view, table.prepared.shape)
    array = view_array(table.prepared, view)
    rows = table.fold.train
    channels = Normaliser.fit(array, rows) if method.normalise == "train" else Normaliser.none(array.shape[1])
    part = Part(array, rows, table.targets[rows], channels, table.device)
    model = method.build(table.prepared.task, tuple(array.shape[1:])).to(table.device)
    load_model(model, weights, device=str(table.device))
    mixed = train.autocast(needed.recipe, table.device)
    return inference.upstream_outputs(model, part, 2 * needed.recipe.batch_size, mixed)


def _said_of_test(fit: train.Fit, setup: train.Setup, test: Part) -> tuple[list[np.ndarray], float]:
    """Predictions on the test part at every evaluation point, and the seconds that one pass took."""
    said: list[np.ndarray] = []
    shortest = math.inf
    for point in range(len(fit.points)):
        model = fit.load(point)
        start = time.perf_counter()
        mixed = train.autocast(setup.recipe, setup.device)
        raw = inference.logits(model, test, 2 * setup.recipe.batch_size, mixed)
        said.append(inference.predictions(raw, setup.task, fit.scale))
        shortest = min(shortest, time.perf_counter() - start)
    return said, shortest


def _resolved(setup: train.Setup, table: Table, fit: train.Fit) -> dict[str, Any]:
    skipped = isinstance(table.view, Image) and not isinstance(setup.method.view, Image)
    return {
        "method": plain(setup.method),
        "curriculum": plain(setup.curriculum) if setup.trial.curriculum != NO_CURRICULUM else {},
        "view": plain(table.view),
        "view_note": "an image data set: the view is the image, the encoding is skipped" if skipped else "",
        "shape": list(table.shape),
        "device": setup.device.type,
        "precision": train.precision(setup.recipe, setup.device),
        "selected_step": fit.points[fit.selected].step,
        "optimiser_steps": 0 if setup.method.solves else setup.recipe.steps,
    }


def _sizes(table: Table) -> dict[str, int]:
    parts = {"train": table.fold.train, "val": table.fold.val, "test": table.fold.test}
    sizes = {name: len(rows) for name, rows in parts.items()}
    return sizes | {f"{name}_groups": len({table.prepared.groups[row] for row in rows}) for name, rows in parts.items()}


def _cost(fit: train.Fit, table: Table, inference_seconds: float, device: torch.device) -> dict[str, float | None]:
    steps = fit.points[-1].step
    return {
        "parameters": cost.parameters(fit.model),
        "forward_flops": cost.forward_flops(fit.model, table.shape),
        "train_seconds": sum(fit.seconds.values()),
        "step_seconds": fit.seconds.get("steps", 0.0) / steps if steps else None,
        "data_seconds": fit.seconds.get("data", 0.0),
        "evaluation_seconds": fit.seconds.get("evaluation", 0.0),
        "inference_seconds": inference_seconds,
        "peak_memory_mb": cost.peak_memory_mb(device),
    }


@contextmanager
def _listening() -> Iterator[set[str]]:
    """The names of the operations that had no deterministic form, filled in at the end; other warnings pass on."""
    names: set[str] = set()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        yield names
    for warning in heard:
        text = str(warning.message)
        if "deterministic" in text:
            names.add(text.split(" ")[0])
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _be_deterministic(threads: int) -> None:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs to give equal sums
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # fp32 means fp32


def _provenance(started: float) -> dict[str, Any]:
    return {
        "bench": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else torch.backends.cpu.get_cpu_capability(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "seconds": round(time.time() - started, 3),
    }
