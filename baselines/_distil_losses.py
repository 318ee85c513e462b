"""The teacher's term of each distillation loss, and the auxiliary modules that some losses train."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import _distil, _distil_maps, _distil_memory, _distil_paced, _graph
from bench.method import Batch, Outputs

if TYPE_CHECKING:
    from baselines.distil import Distil


class Fitted(nn.Module):
    """A linear layer, (B, F) to (B, G), that takes its sizes from the first batch, or from a loaded state."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(0, 0)), nn.Parameter(torch.empty(0))

    def forward(self, x: Tensor, width: int) -> Tensor:
        if not self.weight.numel():
            bound = 1 / math.sqrt(x.shape[1])
            self.weight.data = torch.empty(width, x.shape[1]).uniform_(-bound, bound).to(x.device)
            self.bias.data = torch.zeros(width, device=x.device)
        return F.linear(x, self.weight, self.bias)

    def _load_from_state_dict(self, state: Mapping[str, Tensor], prefix: str, *rest: object) -> None:
        for name, own in (("weight", self.weight), ("bias", self.bias)):
            if (stored := state.get(prefix + name)) is not None:
                own.data = own.new_empty(stored.shape)
        super()._load_from_state_dict(state, prefix, *rest)


class Helpers(nn.ModuleDict):
    """Auxiliary modules of a loss. They are a child of the student's network, which does not call them."""


HELPERS: dict[str, Callable[[], dict[str, nn.Module]]] = {
    "fitnet": lambda: {"regressor": Fitted()},
    "crd": lambda: {"student": Fitted(), "teacher": Fitted(), "memory": _distil_memory.Memory()},
    "paced_curriculum": lambda: {"confidences": _distil_paced.Confidences()},
}


@dataclass(frozen=True)
class Lesson:
    """One step's comparison: float32, the teacher without gradients."""

    method: Distil
    helpers: Mapping[str, nn.Module]
    student: Outputs
    teacher: Outputs
    batch: Batch


def with_helpers(loss: str, network: nn.Module) -> nn.Module:
    """Add the helpers of the loss, if any, to the network; in an nn.Sequential, to its first module."""
    host = network
    while isinstance(host, nn.Sequential):
        host = host[0]
    if loss in HELPERS:
        host.add_module("beside", Helpers(HELPERS[loss]()))
    return network


def helpers_of(model: nn.Module) -> Mapping[str, nn.Module]:
    """The helpers of a student's network."""
    return next((each for each in model.modules() if isinstance(each, Helpers)), {})


def term(method: Distil, model: nn.Module, student: Outputs, batch: Batch) -> Tensor:
    """The teacher's term of each scan, (B,), in float32 for any precision of the network."""
    teacher = batch.upstream[0]
    if teacher.logits.shape != student.logits.shape:
        shapes = f"{tuple(teacher.logits.shape)} and {tuple(student.logits.shape)}"
        raise ValueError(f"the outputs of teacher and student have the shapes {shapes}, so they cannot be compared")
    helpers = helpers_of(model)
    with torch.autocast(student.logits.device.type, enabled=False):
        return TERMS[method.loss](Lesson(method, helpers, _plain(student), _plain(teacher, detach=True), batch))


def _plain(outputs: Outputs, detach: bool = False) -> Outputs:
    parts = [None if one is None else one.float() for one in (outputs.logits, outputs.features, outputs.attention)]
    return Outputs(*(None if one is None else one.detach() if detach else one for one in parts))


def _kd(lesson: Lesson) -> Tensor:
    return _distil.soft_targets(lesson.student.logits, lesson.teacher.logits, lesson.method.temperature)


def _dkd(lesson: Lesson) -> Tensor:
    method, heat = lesson.method, lesson.method.temperature
    own, others = _distil.decoupled(lesson.student.logits, lesson.teacher.logits, lesson.batch.y, heat)
    return heat**2 * (method.target_weight * own + method.other_weight * others)


def _l1(lesson: Lesson) -> Tensor:
    return (lesson.student.logits - lesson.teacher.logits).abs().mean(1)


def _fitnet(lesson: Lesson) -> Tensor:
    goal = lesson.teacher.features
    return _distil.hints(lesson.helpers["regressor"](lesson.student.features, goal.shape[1]), goal)


def _attention(lesson: Lesson) -> Tensor:
    maps, task = (lesson.student.attention, lesson.teacher.attention), lesson.batch.task
    for who, one in zip(("student", "teacher"), maps, strict=True):
        if one is None:
            raise ValueError(f"loss=attention_transfer needs an attention map, but the {who} has none")
    views = lesson.method.view_for(task), lesson.method.teacher_method().view_for(task)
    return _distil_maps.attention_transfer(*maps, _distil_maps.axis_of(*views, maps))


def _rkd(lesson: Lesson) -> Tensor:
    pair, method = (lesson.student.features, lesson.teacher.features), lesson.method
    distance = method.distance_weight * _distil.relation_distance(*pair)
    return distance + method.angle_weight * _distil.relation_angle(*pair)


def _crd(lesson: Lesson) -> Tensor:
    method, helpers, batch = lesson.method, lesson.helpers, lesson.batch
    pair = tuple(helpers[who](getattr(lesson, who).features, method.embedding) for who in ("student", "teacher"))
    scans = batch.scans or int(batch.index.max()) + 1
    helpers["memory"].meet(batch.index, batch.y, pair, scans, method.memory_momentum)
    return _distil_memory.contrast(
        pair, batch.y, helpers["memory"].sample(method.negatives), method.contrast_temperature
    )


def _graph_term(lesson: Lesson) -> Tensor:
    student, teacher, method = lesson.student, lesson.teacher, lesson.method
    found = _graph.distance(student.features, teacher.features)
    if lesson.batch.task.kind == "classification":
        found = found + _graph.distance(*(_graph.soft(one.logits, method.temperature) for one in (student, teacher)))
    return (found + method.metric_weight * _graph.spread(student.features)).expand(len(student.features))


def _paced(lesson: Lesson) -> Tensor:
    method, y, teacher = lesson.method, lesson.batch.y, lesson.teacher.logits
    sure, met = _distil_paced.confidence(teacher, y, method.calibration), lesson.helpers["confidences"]
    met.meet(sure)
    threshold = _distil_paced.pace(met.threshold(method.confident), lesson.batch.progress, method.paced_until)
    losses = _distil_paced.voxel_losses(lesson.student.logits, teacher, y, method.temperature)
    weights = _distil_paced.weights(sure, y, teacher.shape[1], threshold, method.paced_by)
    lesson.batch.terms["voxels that count"] = weights.flatten(1).mean(1)
    return _distil_paced.paced(losses, weights)


TERMS: dict[str, Callable[[Lesson], Tensor]] = {
    "kd": _kd,
    "dkd": _dkd,
    "l1": _l1,
    "fitnet": _fitnet,
    "attention_transfer": _attention,
    "similarity_preserving": lambda lesson: _distil.similarity_preserving(
        lesson.student.features, lesson.teacher.features
    ),
    "rkd": _rkd,
    "pkt": lambda lesson: _distil.probabilities(lesson.student.features, lesson.teacher.features),
    "crd": _crd,
    "similarity_graph": _graph_term,
    "paced_curriculum": _paced,
}
