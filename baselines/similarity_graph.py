"""Distillation of a 3D teacher into a 2D student: the student learns which scans its teacher finds alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from baselines._timm_method import TimmMethod
from bench import registry
from bench.core import NO_CURRICULUM, Task, Trial, param
from bench.method import Batch, Method, label_losses, outputs, why_unsupported
from bench.views import Dynamic, View

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class SimilarityGraph(TimmMethod):
    """A 2D student (any network of timm) that imitates the similarity graph of a 3D teacher over each batch.

    The loss is the label loss, plus `kd` times the squared difference of the two graphs of cosines between scans, of
    the features and of the softened log-probabilities, plus the distance of the student's own feature graph from the
    identity. A single predicted number has no graph of predictions: regression compares the features alone. The teacher
    is an ordinary trial of the same data, fold and seed; with the parameters of an arm of the study it is that arm's
    trial. The student reads the same image as `timm2d` does, so that the difference between the two is the effect of
    the teacher.

    Source: Yoon, Kang, Kim, Enhancement and evaluation for deep learning-based classification of volumetric
    neuroimaging with 3D-to-2D knowledge distillation, Scientific Reports 2024, after its equations. Unlike in their
    code, features and logits come from one network, and the teacher is evaluated as it was trained to be. Their
    learning-rate cycles and the constant term of the teacher's own graph are left out.
    """

    family: ClassVar[str] = "distillation"
    axes: ClassVar[int] = 2

    view: View = param(
        Dynamic(plane="sagittal", coefficients="bilen", channels=3), "how a scan becomes the input of the student"
    )
    network: str = param("resnet18", "name of the student's network in timm")
    options: Mapping[str, Any] | None = param(None, "other arguments of the student's network, as JSON")
    teacher: str = param("monai3d", "method of the teacher")
    teacher_params: Mapping[str, Any] | None = param(
        None, 'parameters of the teacher, as JSON: {"network": "resnet18"}'
    )
    kd: float = param(5.0, "weight of the differences between the graphs", within=(0,))
    temperature: float = param(5.0, "softens the predictions whose graphs are compared", within=(0.001,))
    feature_graph: bool = param(True, "compare the graphs of features")
    logit_graph: bool = param(True, "compare the graphs of softened predictions; classes only")
    metric: bool = param(True, "spread the student's features: add their graph's distance from the identity")

    def _build_network(self, task: Task, shape: tuple[int, ...], file: Path | None) -> nn.Module:
        from baselines import _timm

        return _timm.create(self.network, shape, task.outputs, self.options or {}, file)

    def step(self, model: nn.Module, batch: Batch) -> Tensor:
        from baselines import _graph

        student, teacher = outputs(model, batch.x), batch.upstream[0]
        own = losses = label_losses(student.logits, batch)  # (B,)
        if self.feature_graph:
            losses = losses + self.kd * _graph.distance(student.features, teacher.features)
        if self.logit_graph and batch.task.kind == "classification":
            answers = [_graph.soft(one.logits, self.temperature) for one in (student, teacher)]
            losses = losses + self.kd * _graph.distance(*answers)
        if self.metric:
            losses = losses + _graph.spread(student.features)
        batch.terms.update({"label loss": own.detach(), "teacher's term": (losses - own).detach()})
        return losses

    def upstream(self, trial: Trial) -> tuple[Trial, ...]:
        spec = registry.spec("methods", self.teacher, self.teacher_params)
        return (dataclasses.replace(trial, method=spec, curriculum=NO_CURRICULUM),)

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        if reason := why_unsupported(self, task, shape, (2,)):
            return reason
        reason = self._teacher().refuses(task, shape)
        return f"its teacher {self.teacher} does not support this: {reason}" if reason else None

    def check(self) -> None:
        super().check()
        self._teacher().check()

    def _teacher(self) -> Method:
        return registry.make("methods", self.teacher, self.teacher_params)


METHOD = SimilarityGraph
