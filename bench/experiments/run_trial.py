"""Runs one trial and saves its record: the only module that joins data, method, training, metrics and store."""

from __future__ import annotations

import math
import platform
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from bench import __version__, registry
from bench.core import NO_CURRICULUM, BenchError, Record, Task, Trial, UnsupportedInputSizeError, plain, task_kind
from bench.data import splits
from bench.data.audit.pretraining_people import people_checksums
from bench.data.loader import Part
from bench.evaluation.metrics import evaluate
from bench.experiments.failed_record import failed
from bench.experiments.upstream_networks import teacher_outputs, with_pretraining
from bench.experiments.used_plugins import used_plugin_files
from bench.method import Method
from bench.method.augmentation_policies import describe_augmentation
from bench.storage import provenance
from bench.storage.record_store import Store
from bench.training import evaluate as scores
from bench.training import inference, loop, model_cost
from bench.training.augment.augmentation_checks import effect_note
from bench.training.checkpoint import CheckpointError, EvaluationPoint
from bench.training.device import default_device, enable_determinism
from bench.training.energy import EnergyMeter
from bench.training.opened_data import opened_data, opened_note
from bench.training.order_check import order_note
from bench.training.record_arrays import record_arrays
from bench.training.timers import STAGES
from bench.training.training_setup import TrainingSetup, autocast, own_recipe, precision
from bench.training.trial_data import RefusalError, TrialData, load_trial_data, training_setup
from bench.views import Image

Progress = Callable[[float], None]
Evaluated = Callable[[int, int, str, Mapping[str, float]], None]  # step, steps, primary metric, values


def _unseen(step: int, steps: int, metric: str, values: Mapping[str, float]) -> None:
    """Ignore an evaluation point."""


def run(
    trial: Trial,
    store: Store,
    keep: bool = False,
    progress: Progress = lambda fraction: None,
    mark: str = "",
    node: str = "",
    evaluated: Evaluated = _unseen,
) -> Record:
    """Run one trial and save its record, also when it fails. keep: also save the selected weights.

    node: name of the node of a cluster that it runs on. evaluated: called at every evaluation point. The caller must
    hold the trial's lock; mark: suffix used where the file system has no locks. Resumes from the last checkpoint.
    BenchError (a wrong study, a full disk) and interrupts pass through; everything else becomes part of the record.
    """
    began, since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), time.perf_counter()
    artifacts, notes = Artifacts(), []
    try:
        with threadpool_limits(trial.recipe.threads), opened_data(store.trials) as opened:  # of BLAS and OpenMP
            record, artifacts = _resume_or_restart(trial, store, mark, (progress, evaluated), notes)
        record = replace(record, resolved={**record.resolved, **opened_note(opened)})
    except (RefusalError, UnsupportedInputSizeError) as refusal:
        record = Record(trial, "refused", error={"kind": "refused", "message": str(refusal), "traceback": ""})
    except BenchError:
        raise
    except Exception as error:  # an error becomes a record, and the other trials run
        record = failed(trial, error)
    seconds = time.perf_counter() - since + artifacts.earlier
    record = replace(record, provenance=_provenance(trial, began, seconds, notes, node))
    store.put(record, artifacts.arrays, artifacts.weights if keep else None, mark)
    return record


@dataclass(frozen=True)
class Artifacts:
    """The files saved with a record."""

    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    weights: Path | None = None  # of the selected evaluation point
    earlier: float = 0.0  # seconds of the killed process from which the trial resumed


def _resume_or_restart(
    trial: Trial, store: Store, mark: str, watch: tuple[Progress, Evaluated], notes: list[str]
) -> tuple[Record, Artifacts]:
    """Run the trial from its last checkpoint, or from the beginning if that is damaged, which `notes` gets to say."""
    try:
        return _run(trial, store, store.workplace(trial.key, mark), *watch)
    except CheckpointError as fault:
        aside = store.set_workplaces_aside(trial.key, fault.why)
        notes.append(f"{fault.message}; it was renamed to {aside}, and the trial started from the beginning")
    return _run(trial, store, store.workplace(trial.key, mark), *watch)


def _run(
    trial: Trial, store: Store, workplace: Path, progress: Progress, evaluated: Evaluated
) -> tuple[Record, Artifacts]:
    device = default_device()
    enable_determinism(trial.recipe.threads)
    method: Method = registry.make("methods", trial.method.name, trial.method.params)
    data, begun = with_pretraining(trial, store, load_trial_data(trial, method, device))
    model_cost.reset_peak_memory(device)
    on_evaluation = _point_callback(trial, data, evaluated)
    setup = training_setup(trial, data, workplace, teacher_outputs(trial, store, data), progress, on_evaluation)
    meter = EnergyMeter(device)
    with _nondeterministic_operations() as not_deterministic:
        fit = loop.fit(setup, data.shape)
    joules = None if fit.resumed else meter.joules()  # a killed process has taken its part with it
    test, tested = data.test(), data.tested
    learnt, seconds = _predict_test(fit, setup, test)
    predictions, task = [tested.to_test_classes(each) for each in learnt], tested.prepared.task
    selected = predictions[fit.selected]
    record = Record(
        trial,
        "done",
        metrics={
            **scores.metrics(fit, task, predictions, test.y, setup.spacing, setup.task),
            **_unshared_scores(data, selected),
            **_validation_scores(fit, setup, task, test, selected),
        },
        curve=scores.curve(fit, task, predictions, test.y, setup.spacing),
        resolved={
            **_resolved(setup, data, fit),
            **begun,
            **order_note(fit, setup, test),
            **({"pretraining_people": seen} if (seen := people_checksums(trial.method.params)) else {}),
            "not_deterministic": sorted(not_deterministic),
        },
        sizes=_sizes(data),
        cost={**_cost(fit, data, seconds / max(1, len(test)), device), "train_joules": joules},
    )
    arrays = record_arrays(tested.prepared, tested.rows, test, selected, predictions[-1], setup.task, setup.spacing)
    return record, Artifacts(arrays, fit.points[fit.selected].state, fit.earlier)


def _point_callback(trial: Trial, data: TrialData, evaluated: Evaluated) -> Callable[[EvaluationPoint], None]:
    """A function of an evaluation point that calls `evaluated` with what a reader follows."""
    steps, metric = own_recipe(data.method, trial.recipe).steps, data.followed

    def pass_on(point: EvaluationPoint) -> None:
        values = {"val": point.val, "val_loss": point.val_loss, "train_loss": point.train_loss}
        evaluated(point.step, steps, metric, values)

    return pass_on


def _unshared_scores(data: TrialData, predictions: np.ndarray) -> dict[str, dict[str, float]]:
    """If a publisher's split divides groups: the scores on test scans whose group has no training scan."""
    known = splits.shared_groups(data.prepared, data.fold)
    if data.external is not None or not known.any() or task_kind(data.prepared.task.kind).part is not None:
        return {}
    y = data.targets[data.fold.test]
    return {"unshared": evaluate(data.prepared.task, y[~known], predictions[~known]) if not known.all() else {}}


def _validation_scores(
    fit: loop.Fit, setup: TrainingSetup, task: Task, test: Part, predictions: np.ndarray
) -> dict[str, dict[str, float]]:
    """Quantities estimated on the validation part and applied to the test part; the scores do not change.

    Regression: the bias of predictions along the true value. Two classes: the operating point.
    """
    binary = setup.task.kind == "classification" and _all_binary(setup.task, task)
    if not binary and setup.task.kind != "regression":
        return {}
    mixed = autocast(setup.recipe, setup.device)
    raw = inference.logits(fit.load(fit.selected), setup.val, 2 * setup.recipe.batch_size, mixed)
    known = inference.predictions(raw, setup.task, fit.scale)
    if setup.task.kind == "regression":
        return {"bias": scores.prediction_bias(setup.val.y, known, test.y, predictions)}
    return {"operating": scores.operating_point(setup.val.y, known, test.y, predictions)}


def _all_binary(*tasks: Task) -> bool:
    return all(len(task.classes) == 2 for task in tasks)


def _predict_test(fit: loop.Fit, setup: TrainingSetup, test: Part) -> tuple[list[np.ndarray], float]:
    """Predictions on the test part at every evaluation point, and the seconds that one pass took."""
    predictions: list[np.ndarray] = []
    shortest = math.inf
    for point in range(len(fit.points)):
        model = fit.load(point)
        start = time.perf_counter()
        mixed = autocast(setup.recipe, setup.device)
        raw = inference.logits(model, test, 2 * setup.recipe.batch_size, mixed)
        predictions.append(inference.predictions(raw, setup.task, fit.scale))
        shortest = min(shortest, time.perf_counter() - start)
    return predictions, shortest


def _resolved(setup: TrainingSetup, data: TrialData, fit: loop.Fit) -> dict[str, Any]:
    skipped = isinstance(data.view, Image) and not isinstance(setup.method.view_for(setup.task), Image)
    note = "an image data set: the view is the image, the encoding is skipped" if skipped else ""
    names = [column.name for column in data.covariates]
    if names:
        note = f"it reads no scan but {', '.join(names)}"
    scans = (data.prepared.shape, data.prepared.spacing, data.prepared.sides_matter)
    notes = [
        note or setup.method.note(data.shape),
        effect_note(data.method, data.view, *scans),
        data.harmoniser.words if data.harmoniser else "",
    ]
    return {
        "method": plain(setup.method),
        "curriculum": plain(setup.curriculum) if setup.trial.curriculum != NO_CURRICULUM else {},
        "view": {"kind": "covariates"} if names else plain(data.view),
        **({"covariates": names} if names else {}),
        "view_note": "; ".join(each for each in notes if each),
        "augmentation": describe_augmentation(data.method.augment, data.prepared.sides_matter),
        "shape": list(data.shape),
        "device": setup.device.type,
        "precision": precision(setup.recipe, setup.device),
        "selected_step": fit.points[fit.selected].step,
        "optimiser_steps": 0 if setup.method.solves else fit.points[-1].step,
        "resumed_at_step": fit.resumed,
        **({"graph": dict(fit.graph)} if fit.graph else {}),
        **({"network": network} if (network := dict(setup.method.record_info(fit.model))) else {}),
    }


def _sizes(data: TrialData) -> dict[str, int]:
    parts = {"train": (data.prepared, data.fold.train), "val": (data.prepared, data.fold.val)}
    parts["test"] = (data.tested.prepared, data.tested.rows)
    sizes = {name: len(rows) for name, (_, rows) in parts.items()}
    for name, (prepared, rows) in parts.items():
        people = prepared.people or prepared.groups
        sizes[f"{name}_groups"] = len({people[row] for row in rows})
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
        "activation_mb": max(point.activations for point in fit.points) / model_cost.MEGABYTE or None,
    }


@contextmanager
def _nondeterministic_operations() -> Iterator[set[str]]:
    """Yield a set that gets the names of operations without a deterministic form; other warnings are shown again."""
    names: set[str] = set()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield names
    for warning in caught:
        text = str(warning.message)
        if "deterministic" in text:
            names.add(text.split(" ")[0])
        else:
            with suppress(ResourceWarning):  # what other code left open must not end a trial
                warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _provenance(trial: Trial, began: str, seconds: float, notes: Sequence[str], node: str) -> dict[str, Any]:
    return {
        **({"node": node} if node else {}),
        "bench": __version__,
        "code": {**provenance.code(), **({"plugins": plugins} if (plugins := used_plugin_files(trial)) else {})},
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
