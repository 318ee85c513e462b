"""Distillation: any method of the registry learns from any other, by one of the published losses."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from baselines._distil_registry import LOSSES, PACED_BY, refusal
from baselines._wrapped_method import inner_method
from bench import registry
from bench.core import NO_CURRICULUM, BenchError, Spec, Task, Trial, param, plain
from bench.method import Batch, Method, Pretraining, capture_outputs, outputs
from bench.views import Dynamic, View

if TYPE_CHECKING:
    from torch import Tensor, nn

SETTLING = 50  # steps at learning rate 0 of an untrained teacher: its batch statistics become those of the data
OWN = "default: that of the student; "


@dataclass(frozen=True, kw_only=True)
class Distil(Method):
    """A student learns from a teacher, both any method; its loss is `label_weight` x own loss + `weight` x `loss`.

    The teacher is an ordinary trial of the same data, fold and seed, and frozen: its outputs for each training scan,
    with its own view and without augmentation, are computed once. An empty `teacher` is the student's own method: a
    born-again network. A random teacher is the same network at its initial weights, from a trial at learning rate 0.
    View, optimiser and the other training parameters are those of the student; a value given here is passed to it.

    Losses, with `weight`, and with `label_weight` and `temperature` where these are not 1: kd (Hinton) 0.9, 0.1, 4; dkd
    1, 1, 4 over the first twelfth of the steps; fitnet 100; attention_transfer 1000; similarity_preserving 3000; rkd 1;
    pkt 30000; crd 0.8, published for a form with a normalising constant, which is omitted; similarity_graph 5, 1, 5; l1
    1; paced_curriculum 1, 0, 4.5. The weights of similarity_preserving, rkd and pkt were published for batches of 64.
    These losses compare the scans of a batch, and in batches of 8 their gradients were 32 to 60 times that of the
    labels; so the weight is multiplied by the size of the batch over 64 (`batch_scaled`). Equations and sources are in
    `_distil*.py`. Differences from the papers: teachers read volumes and students images, so FitNet compares the pooled
    penultimate features through a learned linear layer, and attention transfer compares one map, that of the last layer
    which has one, averaged along the slices in 3D. CRD's memory contains only scans of past batches, no random ones.
    The paced curriculum estimates its first threshold on past batches, lowers it at every step, and has a fixed
    calibration, not fitted on validation. Its voxels are paced by the teacher and by the labels (`paced_by=both`), by
    one of the two, or, as controls, at random or not at all.
    """

    family: ClassVar[str] = "distillation"
    version: ClassVar[int] = 3

    view: View = param(
        Dynamic(plane="sagittal", coefficients="bilen", channels=3), OWN + "how a scan becomes the input of the student"
    )
    loss: str = param("kd", "distillation loss", tuple(LOSSES))
    student: str = param("timm2d", "method of the student")
    student_params: Mapping[str, Any] | None = param(
        None, 'parameters of the student, as JSON: {"network": "resnet18"}'
    )
    teacher: str = param("monai3d", "method of the teacher; empty: that of the student (a born-again network)")
    teacher_params: Mapping[str, Any] | None = param(None, "parameters of the teacher, as JSON")
    teacher_weights: str = param(
        "trained", "weights of the teacher; random: those of an untrained network, as a control", ("trained", "random")
    )
    weight: float | None = param(None, "weight of the distillation loss; none: the published one")
    label_weight: float | None = param(None, "weight of the student's own loss; none: the published one")
    temperature: float | None = param(None, "softens the predictions of both; none: the published one")
    batch_scaled: bool = param(
        True,
        "similarity_preserving, rkd, pkt: multiply the weight by the size of the batch over 64, the published size",
    )
    ramp: float | None = param(
        None, "fraction of the steps over which the distillation loss gains its weight; none: the published one"
    )
    target_weight: float = param(1.0, "dkd: weight of the true class against all others", within=(0,))
    other_weight: float = param(8.0, "dkd: weight of the other classes among themselves", within=(0,))
    distance_weight: float = param(25.0, "rkd: weight of the distances", within=(0,))
    angle_weight: float = param(50.0, "rkd: weight of the angles", within=(0,))
    embedding: int = param(128, "crd: dimensions of the common space of both networks' features")
    contrast_temperature: float = param(0.07, "crd: divisor of the cosine similarities")
    negatives: int = param(
        16384, "crd: largest number of scans to compare each scan with; a random choice if there are more"
    )
    memory_momentum: float = param(0.5, "crd: share of a scan's stored embedding that remains at each update")
    metric_weight: float = param(
        0.2, "similarity_graph: weight of the distance of the student's graph from the identity"
    )
    confident: float = param(
        0.7, "paced_curriculum: share of the voxels that come first, those with the most confident teacher"
    )
    paced_until: float = param(0.8, "paced_curriculum: fraction of the steps after which all voxels count")
    calibration: float = param(2.51, "paced_curriculum: temperature that calibrates the teacher's confidence")
    paced_by: str = param(
        "both",
        "paced_curriculum: the voxels that come first: of a confident teacher, far from borders of the labels, "
        "both, as many at random, or all",
        PACED_BY,
        later=True,
    )

    def __post_init__(self) -> None:
        loss = LOSSES[self.loss] if self.loss in LOSSES else LOSSES["kd"]  # the registry reports a wrong name
        published = {"weight": loss.weight, "label_weight": loss.label, "temperature": loss.temperature}
        for name, value in {**published, "ramp": loss.ramp}.items():
            given = getattr(self, name)
            self._set(name, _number(name, value if given is None else given))
        if not (self.temperature > 0 and self.contrast_temperature > 0 and self.calibration > 0):
            raise BenchError("distil: temperature, contrast_temperature and calibration must be above 0")
        if not 0 < self.paced_until <= 1 or not 0 < self.confident <= 1 or self.embedding < 1:
            raise BenchError("distil: paced_until and confident must be in (0, 1], embedding must be 1 or more")
        if self.negatives < 1 or not 0 <= self.memory_momentum < 1:
            raise BenchError("distil: negatives must be 1 or more, memory_momentum must be in [0, 1)")
        if self.teacher_params and not self.teacher:
            raise BenchError(
                "distil: teacher_params are given without a teacher; name the teacher, or use student_params"
            )
        learner = self._learner()
        if learner.solves or type(learner).upstream is not Method.upstream:
            why = "has no optimiser steps" if learner.solves else "already has a teacher"
            raise BenchError(f"distil: {self.student} cannot be the student: it {why}; choose another method")
        for name in TRAINING:
            self._set(name, getattr(learner, name))
        self._set("_student", learner)

    def view_for(self, task: Task) -> View:
        return self._student.view_for(task)

    def bind_spacing(self, spacing: tuple[float, ...]) -> Method:
        return self._with(self._student.bind_spacing(spacing))

    def pretraining(self, own: Spec) -> Pretraining | None:
        return self._student.pretraining(registry.spec("methods", self.student, plain(self._student)))

    def begin_with(self, weights: Path, learnt: Task, source: str) -> Method:
        return self._with(self._student.begin_with(weights, learnt, source))

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines import _distil_losses as terms

        return terms.with_helpers(self.loss, self._student.build(task, shape))

    def step(self, model: nn.Module, batch: Batch) -> Tensor:
        from baselines import _distil_losses as terms

        maps = self.loss == "attention_transfer"
        with capture_outputs(model, maps) as captured:
            losses = self._student.step(model, dataclasses.replace(batch, upstream=()))  # (B,)
        whole = captured and len(captured[0].logits) == len(
            batch.x
        )  # else its loss reads parts of the network or of scans
        student = captured[0] if whole else outputs(model, batch.x, maps)
        weight = self.weight * (min(1.0, batch.progress / self.ramp) if self.ramp else 1.0)
        own = self.label_weight * losses
        taught = weight * self._batch_share(batch) * terms.term(self, model, student, batch)
        batch.terms.update({"label loss": own.detach(), "teacher's term": taught.detach()})
        return own + taught

    def _batch_share(self, batch: Batch) -> float:
        """Factor of the weight of a loss that compares the scans of a batch: its size over the published one."""
        published = LOSSES[self.loss].batch
        return len(batch.x) / published if published and self.batch_scaled else 1.0

    def logged_metrics(self, model: nn.Module) -> Mapping[str, float]:
        return self._student.logged_metrics(model)

    def record_info(self, model: nn.Module) -> Mapping[str, Any]:
        return self._student.record_info(model)

    def upstream(self, trial: Trial) -> tuple[Trial, ...]:
        before = dataclasses.replace(trial, method=self._teaching(), curriculum=NO_CURRICULUM)
        if self.teacher_weights == "trained":
            return (before,)
        few = dataclasses.replace(trial.recipe, steps=min(SETTLING, trial.recipe.steps), points=1)
        return (dataclasses.replace(before, recipe=few),)

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        if reason := refusal(self.loss, task) or self._student.refuses(task, shape):
            return reason
        teacher = self.teacher_method()
        if reason := teacher.refuses(task, shape):
            return f"its teacher {self._teaching().name} does not support this: {reason}"
        return self._misaligned(teacher, task, shape) if self.loss == "attention_transfer" else None

    def check(self) -> None:
        self._student.check()
        teacher = self.teacher_method()
        teacher.check()
        if self.teacher_weights == "random" and (teacher.solves or isinstance(teacher, Distil)):
            raise BenchError(
                f"distil: {self.teacher} has no untrained network; give the method of the network as teacher"
            )

    def _misaligned(self, teacher: Method, task: Task, shape: tuple[int, ...]) -> str | None:
        from baselines import _distil_maps

        if self.augment != "none":
            return (
                "attention is compared position by position, but augmentation moves the student's scans; set "
                "augment=none"
            )
        if reason := _distil_maps.misaligned(self.view_for(task), teacher.view_for(task), shape):
            return reason
        pair = {self.student: self._student, self._teaching().name: teacher}
        return next(
            (reason for name, one in pair.items() if (reason := _distil_maps.mapless(name, one, task, shape))), None
        )

    def _teaching(self) -> Spec:
        """The specification of the teacher, as of an arm of a study."""
        name = self.teacher or self.student
        params = dict(self.teacher_params or {}) if self.teacher else plain(self._student)
        still = {"lr": 0.0, "weight_decay": 0.0} if self.teacher_weights == "random" else {}
        return registry.spec("methods", name, {**params, **still})

    def teacher_method(self) -> Method:
        """The teacher's method."""
        teaching = self._teaching()
        return registry.make("methods", teaching.name, teaching.params)

    def _learner(self) -> Method:
        """The student with its own parameters and the training parameters given here."""
        params = dict(self.student_params or {})
        return inner_method(self, self.student, params, TRAINING, ("distil", "student_params"))

    def _with(self, student: Method) -> Method:
        made = copy.copy(self)
        made._set("_student", student)
        return made

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


TRAINING = {own.name: Distil.__dataclass_fields__[own.name].default for own in dataclasses.fields(Method)}


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise BenchError(f"distil: {name} must be a number of 0 or more, not {value!r}")
    return float(value)


METHOD = Distil
