"""One trial in, one record out: the only place where data, method, training, metrics and store meet."""

from __future__ import annotations

import math
import platform
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from bench import __version__, registry
from bench.core import NO_CURRICULUM, BenchError, Record, RunAbortedError, Task, Trial, UnsupportedInputSizeError, plain
from bench.data import splits
from bench.data.loader import Part
from bench.evaluation.metrics import evaluate, metric
from bench.experiments.plan import needed_by
from bench.method import Method, Outputs
from bench.storage import provenance
from bench.storage.record_store import Store
from bench.training import evaluate as scores
from bench.training import inference, loop, model_cost
from bench.training.checkpoint import CheckpointError
from bench.training.device import default_device, enable_determinism
from bench.training.energy import EnergyMeter
from bench.training.timers import STAGES
from bench.training.trial_data import RefusalError, TrialData, load_trial_data, training_setup, upstream_outputs
from bench.views import Image

Progress = Callable[[float], None]


def run(
    trial: Trial,
    store: Store,
    keep: bool = False,
    progress: Progress = lambda fraction: None,
    mark: str = "",
    node: str = "",
) -> Record:
    """Run one trial and save its record, also when it fails. keep: also save the selected weights.

    node: the name of the part of a cluster that it runs on. The caller must hold the trial's lock; mark: suffix used
    where the file system has no locks. Resumes from the last checkpoint. BenchError (a wrong study, a full disk) and
    interrupts pass through; everything else becomes part of the record.
    """
    began, since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), time.perf_counter()
    kept, notes = Artifacts(), []
    try:
        with threadpool_limits(trial.recipe.threads):  # of BLAS and OpenMP; torch has a number of its own
            record, kept = _done_or_anew(trial, store, mark, progress, notes)
    except (RefusalError, UnsupportedInputSizeError) as refusal:
        record = Record(trial, "refused", error={"kind": "refused", "message": str(refusal), "traceback": ""})
    except BenchError:
        raise
    except Exception as error:  # a run's fault is a record, and the sweep goes on
        record = failed(trial, error)
    seconds = time.perf_counter() - since + kept.earlier
    record = replace(record, provenance=_provenance(began, seconds, notes, node))
    store.put(record, kept.arrays, kept.weights if keep else None, mark)
    return record


@dataclass(frozen=True)
class Artifacts:
    """What is kept beside a record."""

    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    weights: Path | None = None  # of the selected evaluation point
    earlier: float = 0.0  # seconds of a killed process that the trial was gone on from


def _done_or_anew(
    trial: Trial, store: Store, mark: str, progress: Progress, notes: list[str]
) -> tuple[Record, Artifacts]:
    """The finished trial; begun anew where it cannot go on from what was left. notes: what there is to say of it."""
    try:
        return _done(trial, store, store.workplace(trial.key, mark), progress)
    except CheckpointError as fault:
        aside = store.set_workplaces_aside(trial.key, fault.why)
        notes.append(f"{fault.message}; it is set aside as {aside}, and the trial began anew")
    return _done(trial, store, store.workplace(trial.key, mark), progress)


def failed(trial: Trial, error: BaseException) -> Record:
    """The record of a trial that an error ended."""
    text = str(error)
    starved = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in text
    kind = "out of memory" if starved else type(error).__name__
    trace = "".join(traceback.format_exception(error))
    return Record(trial, "failed", error={"kind": kind, "message": text, "traceback": trace})


def _done(trial: Trial, store: Store, workplace: Path, progress: Progress) -> tuple[Record, Artifacts]:
    device = default_device()
    enable_determinism(trial.recipe.threads)
    method: Method = registry.make("methods", trial.method.name, trial.method.params)
    data = load_trial_data(trial, method, device)
    model_cost.reset_peak_memory(device)
    setup = training_setup(trial, data, workplace, _upstream(trial, store, data), progress)
    meter = EnergyMeter(device)
    with _listening() as not_deterministic:
        fit = loop.fit(setup, data.shape)
    joules = None if fit.resumed else meter.joules()  # a killed process has taken its part with it
    test, tested = data.test(), data.tested
    said, seconds = _said_of_test(fit, setup, test)
    said, task = [tested.to_test_classes(each) for each in said], tested.prepared.task
    record = Record(
        trial,
        "done",
        metrics={
            **scores.metrics(fit, task, said, test.y, setup.spacing, setup.task),
            **_unshared(data, said[fit.selected]),
            **_by_validation(fit, setup, task, test, said[fit.selected]),
        },
        curve=scores.curve(fit, task, said, test.y, setup.spacing),
        resolved={**_resolved(setup, data, fit), "not_deterministic": sorted(not_deterministic)},
        sizes=_sizes(data),
        cost={**_cost(fit, data, seconds / max(1, len(test)), device), "train_joules": joules},
    )
    ids, groups = (np.array(names)[tested.rows] for names in (tested.prepared.ids, tested.prepared.groups))
    arrays = {"ids": ids, "groups": groups}
    if setup.task.kind != "segmentation":
        arrays |= {"y": test.y, "selected": said[fit.selected], "last": said[-1]}
    elif (judge := metric(task.primary)).each is not None:  # label maps are large; the score of each scan is not
        arrays |= {"scan_scores": judge.values(test.y, said[fit.selected], setup.spacing)}
    return record, Artifacts(arrays, fit.points[fit.selected].state, fit.earlier)


def _unshared(data: TrialData, said: np.ndarray) -> dict[str, dict[str, float]]:
    """Where a publisher's split divides groups: the scores on the test scans whose group was not learnt from."""
    known = splits.shared_groups(data.prepared, data.fold)
    if data.external is not None or not known.any():
        return {}
    y = data.targets[data.fold.test]
    return {"unshared": evaluate(data.prepared.task, y[~known], said[~known]) if not known.all() else {}}


def _by_validation(
    fit: loop.Fit, setup: loop.TrainingSetup, task: Task, test: Part, said: np.ndarray
) -> dict[str, dict[str, float]]:
    """What the validation part has to say of the selected point on the test part; the scores are not touched.

    Of a number: how predictions depend on the true one. Of two classes: where to draw the line between them.
    """
    if setup.task.kind == "segmentation" or (setup.task.kind == "classification" and not _two(setup.task, task)):
        return {}
    mixed = loop.autocast(setup.recipe, setup.device)
    raw = inference.logits(fit.load(fit.selected), setup.val, 2 * setup.recipe.batch_size, mixed)
    known = inference.predictions(raw, setup.task, fit.scale)
    if setup.task.kind == "regression":
        return {"bias": scores.prediction_bias(setup.val.y, known, test.y, said)}
    return {"operating": scores.operating_point(setup.val.y, known, test.y, said)}


def _two(*tasks: Task) -> bool:
    return all(len(task.classes) == 2 for task in tasks)


def _upstream(trial: Trial, store: Store, data: TrialData) -> Sequence[Outputs]:
    """What the networks of the upstream trials say of every training scan, each through its own view."""
    return [_outputs_of(needed, store, data) for needed in needed_by(trial)]


def _outputs_of(needed: Trial, store: Store, data: TrialData) -> Outputs:
    record, weights = store.verified(needed.key, weights=True), store.weights(needed.key)
    if fault := store.damaged.get(needed.key):
        raise RunAbortedError(f"{fault}; run the same command again: it is set aside and trained again")
    if record is not None and record.status == "refused":
        raise RefusalError(f"it learns from {needed.method.name}, which was refused: {record.error['message']}")
    if record is None or record.status != "done" or weights is None:
        state = "is missing" if record is None else f"{record.status}: {record.error.get('message', 'no weights kept')}"
        raise RuntimeError(f"the upstream trial {needed.key} ({needed.method.name}) {state}")
    return upstream_outputs(needed, data, weights)


def _said_of_test(fit: loop.Fit, setup: loop.TrainingSetup, test: Part) -> tuple[list[np.ndarray], float]:
    """Predictions on the test part at every evaluation point, and the seconds that one pass took."""
    said: list[np.ndarray] = []
    shortest = math.inf
    for point in range(len(fit.points)):
        model = fit.load(point)
        start = time.perf_counter()
        mixed = loop.autocast(setup.recipe, setup.device)
        raw = inference.logits(model, test, 2 * setup.recipe.batch_size, mixed)
        said.append(inference.predictions(raw, setup.task, fit.scale))
        shortest = min(shortest, time.perf_counter() - start)
    return said, shortest


def _resolved(setup: loop.TrainingSetup, data: TrialData, fit: loop.Fit) -> dict[str, Any]:
    skipped = isinstance(data.view, Image) and not isinstance(setup.method.view_for(setup.task), Image)
    note = "an image data set: the view is the image, the encoding is skipped" if skipped else ""
    return {
        "method": plain(setup.method),
        "curriculum": plain(setup.curriculum) if setup.trial.curriculum != NO_CURRICULUM else {},
        "view": plain(data.view),
        "view_note": note or setup.method.note(data.shape),
        "shape": list(data.shape),
        "device": setup.device.type,
        "precision": loop.precision(setup.recipe, setup.device),
        "selected_step": fit.points[fit.selected].step,
        "optimiser_steps": 0 if setup.method.solves else setup.recipe.steps,
        "resumed_at_step": fit.resumed,
        **({"network": network} if (network := dict(setup.method.record_info(fit.model))) else {}),
    }


def _sizes(data: TrialData) -> dict[str, int]:
    parts = {"train": (data.prepared, data.fold.train), "val": (data.prepared, data.fold.val)}
    parts["test"] = (data.tested.prepared, data.tested.rows)
    sizes = {name: len(rows) for name, (_, rows) in parts.items()}
    sizes |= {f"{name}_groups": len({held.groups[row] for row in rows}) for name, (held, rows) in parts.items()}
    known = 0 if data.external else int(splits.shared_groups(data.prepared, data.fold).sum())
    return sizes | ({"test_shared": known} if known else {})


def _cost(fit: loop.Fit, data: TrialData, inference_seconds: float, device: torch.device) -> dict[str, float | None]:
    steps = fit.points[-1].step
    spent = {stage: fit.seconds.get(stage, 0.0) for stage in STAGES}
    stepping = spent["forward"] + spent["backward"] + spent["update"]
    return {
        "parameters": model_cost.parameters(fit.model),
        "forward_flops": model_cost.forward_flops(fit.model, data.shape),
        "train_seconds": sum(spent.values()),
        "step_seconds": stepping / steps if steps else None,
        **{f"{stage}_seconds": seconds for stage, seconds in spent.items()},
        "inference_seconds": inference_seconds,
        "peak_memory_mb": model_cost.peak_memory_mb(device),
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


def _provenance(began: str, seconds: float, notes: Sequence[str], node: str) -> dict[str, Any]:
    return {
        **({"node": node} if node else {}),
        "bench": __version__,
        "code": provenance.code(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else torch.backends.cpu.get_cpu_capability(),
        "started": began,
        "seconds": round(seconds, 3),
        "notes": list(notes),
    }
