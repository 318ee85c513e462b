"""Everything that one trial trains and tests on: fold, labels, arrays after the view, normalisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_model

from bench import registry
from bench.core import PRETEXT, DataSpec, RunAbortedError, Trial, task_kind
from bench.curriculum import Curriculum
from bench.data import splits
from bench.data.covariates import CovariateColumn, covariate_columns, covariate_table, why_no_covariates
from bench.data.held_out_people import pretraining_fold
from bench.data.loader import Normaliser, Part, view_array
from bench.data.missing_components import IncompleteMasks
from bench.data.prepare import Prepared, open_prepared
from bench.data.splits import Fold
from bench.method import Method, Outputs, why_refused
from bench.method.augmentation_policies import transforms_of
from bench.training import inference
from bench.training.augment.augmentation_checks import why_not_augmented
from bench.training.augment.augmenter import Augmenter, ScanSource
from bench.training.capture.cuda_graph import graph_source
from bench.training.checkpoint import EvaluationPoint
from bench.training.harmonised_scans import Harmoniser, harmonised_array, harmoniser_of, why_not_harmonised
from bench.training.task_parts import first_rows, limited_fold, part_of, sample_names
from bench.training.training_setup import TrainingSetup, autocast
from bench.training.trial_targets import label_maps, trial_targets, why_no_such_labels
from bench.views import View, Volume, effective


class RefusalError(Exception):
    """The method cannot do this task on these data. The trial is recorded as refused, not as failed."""


@dataclass(frozen=True)
class TrialData:
    """The data of one trial, as its method reads them."""

    prepared: Prepared
    method: Method  # bound to the spacing of these scans
    fold: Fold
    targets: np.ndarray | IncompleteMasks
    view: View
    array: np.ndarray  # (N, *shape after the view), or (N, C) covariates
    normaliser: Normaliser
    device: torch.device
    external: ExternalTest | None = None  # the test scans, if they are not the test part of the fold
    covariates: tuple[CovariateColumn, ...] = ()  # what a method that reads no scan reads
    harmoniser: Harmoniser | None = None  # what removed the differences between sites from `array`

    @property
    def shape(self) -> tuple[int, ...]:
        return task_kind(self.prepared.task.kind).shape_of_sample(self.array.shape[1:])

    @property
    def followed(self) -> str:
        """What evaluation points measure: the primary metric; the loss of a pretraining without labels."""
        task = self.prepared.task
        return "loss" if task == PRETEXT else task.primary

    def part(self, rows: np.ndarray, training: bool = False) -> Part:
        """The samples that the scans in `rows` make."""
        targets = self.targets[rows]
        return part_of(self.prepared, self.array, rows, targets, self.normaliser, self.device, training)

    @property
    def tested(self) -> ExternalTest:
        """The test scans, in order."""
        if self.external is not None:
            return self.external
        return ExternalTest(self.prepared, self.array, self.fold.test, self.targets[self.fold.test])

    def viewed(self, scans: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        """Test scans (n, C, ...), prepared and changed, as the network reads them. rows: of the scans they were."""
        prepared = self.tested.prepared
        x = self.view(scans, prepared.spacing)
        if self.harmoniser is not None:
            x = torch.from_numpy(self.harmoniser.apply(prepared, x.numpy(), rows))
        return self.normaliser(x.to(self.device))

    def test(self) -> Part:
        """The test scans, normalised by the statistics of the training part."""
        tested = self.tested
        return part_of(tested.prepared, tested.array, tested.rows, tested.targets, self.normaliser, self.device)


@dataclass(frozen=True)
class ExternalTest:
    """The test scans of a network.

    class_map: (classes of the training data, classes of these scans), 1 if the first counts as the second.
    """

    prepared: Prepared
    array: np.ndarray  # (N, *shape after the view)
    rows: np.ndarray
    targets: np.ndarray  # of `rows`
    class_map: np.ndarray | None = None

    def to_test_classes(self, predictions: np.ndarray) -> np.ndarray:
        """Predictions (N, classes of the training data) to (N, classes of these scans)."""
        return predictions if self.class_map is None else predictions @ self.class_map


def load_trial_data(trial: Trial, method: Method, device: torch.device) -> TrialData:
    """Load the data of a trial as `method` reads them. RefusalError if it or its curriculum does not support them."""
    prepared = _without_labels(trial, _open(trial.data))
    method = method.bind_spacing(prepared.spacing)
    if reason := why_refused(method, prepared.task, prepared.shape) or why_no_such_labels(trial, prepared.task):
        raise RefusalError(reason)
    columns = _columns(prepared, method)
    fold = limited_fold(_fold(trial, prepared), prepared, trial.recipe.scans)
    targets = trial_targets(trial, prepared, fold)
    view = effective(method.view_for(prepared.task), prepared.shape)
    if prepared.task.per_voxel and isinstance(view, Volume):
        view = Volume()  # masks stay on their grid, and so do the scans
    scans = (prepared.shape, prepared.spacing, prepared.sides_matter)
    if reason := why_not_augmented(method, prepared.task, view, *scans):
        raise RefusalError(reason)
    array = covariate_table(prepared, columns) if columns else view_array(prepared, view)
    if prepared.task.per_voxel and array.shape[2:] != tuple(prepared.shape[1:]):
        raise RefusalError(f"the view {view.kind_name} changes the grid of the scans, but not that of the masks")
    curriculum = registry.make("curricula", trial.curriculum.name, trial.curriculum.params)
    kind = task_kind(prepared.task.kind)
    untaught = f"no network can teach another in {kind.name}: its outputs for all samples are not kept"
    if kind.part is not None and method.upstream(trial):
        raise RefusalError(untaught)
    reason = untaught if kind.part is not None and curriculum.upstream(trial) else None
    if reason := reason or curriculum.refuses(method, prepared.task, kind.shape_of_sample(array.shape[1:])):
        raise RefusalError(f"the curriculum {trial.curriculum.name} cannot be used: {reason}")
    harmoniser, array = _harmonised(trial, method, prepared, view, array, fold)
    channels = _normaliser(method, array, fold.train)
    external = _external_test(trial, method, prepared, array, columns) if trial.external else None
    return TrialData(prepared, method, fold, targets, view, array, channels, device, external, columns, harmoniser)


def _harmonised(
    trial: Trial, method: Method, prepared: Prepared, view: View, array: np.ndarray, fold: Fold
) -> tuple[Harmoniser | None, np.ndarray]:
    """What removes the differences between sites, fitted on the training part, and the scans without them."""
    moved = [each for each in transforms_of(method.augment, prepared.sides_matter) if each.kind != "mixup"]
    changed = bool(moved) and not view.keeps(prepared.shape, prepared.spacing)
    if reason := why_not_harmonised(method, prepared.task, trial.external is not None, changed):
        raise RefusalError(f"ComBat cannot be used: {reason}")
    try:
        harmoniser = harmoniser_of(method, prepared, array, fold)
        return harmoniser, harmonised_array(harmoniser, prepared, array, fold)
    except ValueError as reason:
        raise RefusalError(f"ComBat cannot be used: {reason}") from reason


def _without_labels(trial: Trial, prepared: Prepared) -> Prepared:
    """The prepared set; for a pretraining without labels, as one whose only task is its own loss."""
    if trial.labels.kind != "none":
        return prepared
    return replace(prepared, task=PRETEXT, targets=np.zeros(len(prepared.ids)))


def _fold(trial: Trial, prepared: Prepared) -> Fold:
    """The parts of a trial; those of a pretraining leave out people of another trial."""
    if trial.held_out is not None:
        return pretraining_fold(_open(trial.data), trial.held_out)
    return splits.fold(prepared, trial.split, trial.partition, trial.fold)


def _columns(prepared: Prepared, method: Method) -> tuple[CovariateColumn, ...]:
    """The covariates that the method reads in place of scans; empty if it reads scans. RefusalError if it has none."""
    if not method.reads_covariates:
        return ()
    if reason := why_no_covariates(prepared):
        raise RefusalError(reason)
    return covariate_columns(prepared)


def _normaliser(method: Method, array: np.ndarray, rows: np.ndarray) -> Normaliser:
    """Of the training part; the identity for covariates, whose missing values the method fills in first."""
    if method.normalise != "train" or method.reads_covariates:
        return Normaliser.none(array.shape[1])
    return Normaliser.fit(array, rows)


def training_setup(
    trial: Trial,
    data: TrialData,
    workplace: Path,
    upstream: Sequence[Outputs] = (),
    progress: Callable[[float], None] = lambda fraction: None,
    on_evaluation: Callable[[EvaluationPoint], None] = lambda point: None,
) -> TrainingSetup:
    """The training loop's input for a trial: the training and the validation part, never the test part."""
    curriculum: Curriculum = registry.make("curricula", trial.curriculum.name, trial.curriculum.params)
    train = data.part(data.fold.train, training=True)
    return TrainingSetup(
        trial,
        data.method,
        curriculum,
        data.prepared.task,
        train,
        data.part(data.fold.val),
        data.device,
        workplace,
        _augmenter(trial, data, train),
        upstream,
        data.prepared.spacing,
        sample_names(data.prepared, train, data.fold.train)[1],
        progress,
        on_evaluation,
        graph_source(data.device),
    )


def _augmenter(trial: Trial, data: TrialData, train: Part) -> Augmenter | None:
    """Changes training scans as the method wants it; None if it does not."""
    transforms = transforms_of(data.method.augment, data.prepared.sides_matter)
    if not transforms:
        return None
    prepared, rows = data.prepared, data.fold.train

    def load() -> Part:
        targets, unchanged = np.zeros(len(rows)), Normaliser.none(prepared.shape[0])
        images = prepared.images() if data.harmoniser is None else data.array  # which the view has left as they were
        return Part(images, rows, targets, unchanged, data.device)

    source = ScanSource(load, data.view, prepared.spacing, data.normaliser, prepared.task.per_voxel)
    return Augmenter(transforms, source, train, trial.seed_for("augment"))


def upstream_outputs(needed: Trial, data: TrialData, weights: Path | None = None) -> Outputs:
    """Outputs of the network of an upstream trial for every training scan, through its own view.

    weights: file of its trained weights; None leaves the network untrained, to measure its speed.
    """
    method: Method = registry.make("methods", needed.method.name, needed.method.params)
    method = method.bind_spacing(data.prepared.spacing)
    if columns := _columns(data.prepared, method):
        array = covariate_table(data.prepared, columns)
    else:
        view = effective(method.view_for(data.prepared.task), data.prepared.shape)
        array = _harmonised(needed, method, data.prepared, view, view_array(data.prepared, view), data.fold)[1]
    rows = data.fold.train
    part = Part(array, rows, data.targets[rows], _normaliser(method, array, rows), data.device)
    model = method.build(data.prepared.task, tuple(array.shape[1:])).to(data.device)
    if weights is not None:
        load_model(model, weights, device=str(data.device))
    mixed = autocast(needed.recipe, data.device)
    return inference.upstream_outputs(model, part, 2 * needed.recipe.batch_size, mixed)


def _external_test(
    trial: Trial, method: Method, learnt: Prepared, array: np.ndarray, columns: tuple[CovariateColumn, ...]
) -> ExternalTest:
    """All scans of the external data set, after the method's view, or their covariates."""
    other = _open(trial.external.data)
    if columns:
        viewed = _external_covariates(other, learnt, columns)
    else:
        viewed = view_array(other, effective(method.view_for(learnt.task), other.shape))
    if method.learns_label_maps and other.task.classes != learnt.task.classes:
        raise RefusalError(f"it learns from the label maps of {learnt.name}, and {other.name} has other structures")
    if viewed.shape[1:] != array.shape[1:]:
        shapes = f"{tuple(viewed.shape[1:])} on {other.name} and {tuple(array.shape[1:])} on {learnt.name}"
        raise RefusalError(f"its view gives {shapes}, but a network reads one shape; prepare both with the same grid")
    class_map = None
    if labels := trial.external.labels:
        class_map = np.zeros((len(learnt.task.classes), len(other.task.classes)))
        for row, name in enumerate(learnt.task.classes):
            class_map[row, other.task.classes.index(labels[name])] = 1
    targets = label_maps(other) if other.task.per_voxel else other.targets
    targets = targets.astype(np.int64) if other.task.kind == "classification" else targets
    rows = first_rows(np.arange(len(other.ids)), other, trial.recipe.scans)
    return ExternalTest(other, viewed, rows, targets[rows], class_map)


def _external_covariates(other: Prepared, learnt: Prepared, columns: tuple[CovariateColumn, ...]) -> np.ndarray:
    """(N, C) in the columns of the training data. RefusalError if a covariate is not declared there or has no value."""
    for column in columns:
        if column.name not in other.floor_covariates or np.isnan(covariate_table(other, [column])).all():
            raise RefusalError(f"it learns from the covariate {column.name} of {learnt.name}, which {other.name} lacks")
    return covariate_table(other, columns)


def _open(data: DataSpec) -> Prepared:
    prepared = open_prepared(data.name, data.params)
    if prepared is None:
        raise RunAbortedError(
            f"{data.name} is no longer prepared with these parameters; prepare it (bench prepare {data.name}) and run"
            " the same command again"
        )
    if prepared.fingerprint != data.fingerprint:
        raise RunAbortedError(f"{data.name} was prepared again after the study was planned; run the same command again")
    return prepared
