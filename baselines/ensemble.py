"""An ensemble: networks of one method from different initial weights, whose predictions are averaged."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from baselines._wrapped_method import inner_method
from bench import registry
from bench.core import BenchError, Spec, Task, param, plain
from bench.method import Batch, Method, Pretraining
from bench.views import View

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Ensemble(Method):
    """Several networks of one method (`member`), trained side by side on the same batches from other initial weights.

    The prediction is the mean of the members' probabilities, or of their numbers. Training, memory and inference cost
    `size` times those of a member, and the table of costs says so. The members have one optimiser; each learns as it
    would alone, except that `clip` limits the norm of all gradients together. View, optimiser and the other training
    parameters are those of the member; a value given here is passed to it. Source: Lakshminarayanan, Pritzel, Blundell,
    arXiv 1612.01474, without its adversarial examples.
    """

    family: ClassVar[str] = "hybrid"

    member: str = param("timm2d", "method of the members")
    member_params: Mapping[str, Any] | None = param(None, 'parameters of the members, as JSON: {"network": "resnet18"}')
    size: int = param(5, "number of members", within=(2, 100))

    def __post_init__(self) -> None:
        member = inner_method(
            self, self.member, dict(self.member_params or {}), TRAINING, ("ensemble", "member_params")
        )
        taught = type(member).upstream is not Method.upstream
        if member.solves or taught or isinstance(member, Ensemble):
            why = "has no initial weights that could differ" if member.solves else "is an ensemble itself"
            why = "has a teacher" if taught else why
            raise BenchError(f"ensemble: {self.member} cannot be a member: it {why}; choose another method")
        for name in TRAINING:
            object.__setattr__(self, name, getattr(member, name))
        object.__setattr__(self, "_member", member)

    def view_for(self, task: Task) -> View:
        return self._member.view_for(task)

    def bind_spacing(self, spacing: tuple[float, ...]) -> Method:
        return self._with(self._member.bind_spacing(spacing))

    def pretraining(self, own: Spec) -> Pretraining | None:
        return self._member.pretraining(registry.spec("methods", self.member, plain(self._member)))

    def begin_with(self, weights: Path, learnt: Task, source: str) -> Method:
        return self._with(self._member.begin_with(weights, learnt, source))

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._ensemble_network import Members

        return Members([self._member.build(task, shape) for _ in range(self.size)], task.kind == "regression")

    def step(self, model: nn.Module, batch: Batch) -> Tensor:
        import torch

        losses = torch.stack([self._member.step(each, batch) for each in model.members])  # (members, B)
        total = losses.sum(0)
        return losses.mean(0).detach() + total - total.detach()  # the mean, with the gradient of the sum

    def mixes_labels(self, task: Task) -> bool:
        return self._member.mixes_labels(task)

    def logged_metrics(self, model: nn.Module) -> Mapping[str, float]:
        found = [self._member.logged_metrics(each) for each in model.members]
        return {name: sum(each[name] for each in found) / len(found) for name in found[0]}

    def record_info(self, model: nn.Module) -> Mapping[str, Any]:
        return self._member.record_info(model.members[0])

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        return self._member.refuses(task, shape)

    def note(self, shape: tuple[int, ...]) -> str:
        return self._member.note(shape)

    def check(self) -> None:
        self._member.check()

    def _with(self, member: Method) -> Method:
        made = copy.copy(self)
        object.__setattr__(made, "_member", member)
        return made


TRAINING = {own.name: Ensemble.__dataclass_fields__[own.name].default for own in dataclasses.fields(Method)}
METHOD = Ensemble
