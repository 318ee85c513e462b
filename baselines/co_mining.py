"""Co-mining: a network that segments fills in structures which its training masks lack."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from baselines._wrapped_method import inner_method
from bench import registry
from bench.core import BenchError, Floats, Range, Spec, Task, param, plain
from bench.method import DESCENT, Batch, Method, Pretraining
from bench.views import View

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from bench.data.missing_components import Component


@dataclass(frozen=True, kw_only=True)
class CoMining(Method):
    """One network reads two views of each scan, as it is and with other intensities, and each view corrects the other.

    What the network finds in one view, with a mean probability above `threshold`, and what the mask lacks, is added to
    the mask that the other view learns from. The loss is the mean of the losses of both views. Predictions are made
    without gradient and in eval mode. The added structures are connected components; a component counts as labelled
    already if more than `overlap` of its voxels have its class in the mask. Nothing that is labelled is changed, and
    validation and test masks are never touched. Nothing is added in the first half of the steps (`after`): added at
    once, all that an untrained network answers becomes its label.

    Controls: recover=random adds as many components of the same shapes at random places; recover=nothing trains on two
    views alone. The network that segments is any method (`learner`). View, optimiser and the other training parameters
    are those of the learner; a value given here is passed to it.

    Source: Wang et al., Co-mining: self-supervised learning for sparsely annotated object detection, AAAI 2021, arXiv
    2012.01950; threshold, overlap and jitter are theirs. They detect boxes and begin with a pretrained network: they
    add from the first step, overlap is the intersection over union, and the losses are summed.
    """

    family: ClassVar[str] = "hybrid"
    space: ClassVar[Mapping[str, Range]] = {**DESCENT, "threshold": Floats(0.5, 0.95)}

    learner: str = param("unet3d", "method of the network that segments")
    learner_params: Mapping[str, Any] | None = param(None, 'parameters of the learner, as JSON: {"channels": [8, 16]}')
    threshold: float = param(0.6, "least mean probability of a component that is added", within=(0, 1))
    overlap: float = param(
        0.4, "share of a component with its class in the mask, above which it is not added", within=(0, 1)
    )
    smallest: int = param(8, "fewest voxels of a component that is added", within=(1,))
    after: float = param(
        0.5, "fraction of the steps before which nothing is added; an untrained network finds too much", within=(0, 1)
    )
    jitter: float = param(0.8, "strength of the changes of contrast and brightness of the second view", within=(0, 1))
    jittered: float = param(0.8, "share of the scans whose second view is changed", within=(0, 1))
    recover: str = param(
        "found",
        "components that are added: found by the other view, at random places, or none",
        ("found", "random", "nothing"),
    )

    def __post_init__(self) -> None:
        words = ("co_mining", "learner_params")
        learner = inner_method(self, self.learner, dict(self.learner_params or {}), TRAINING, words)
        if learner.solves or isinstance(learner, CoMining) or type(learner).upstream is not Method.upstream:
            why = "has no optimiser steps" if learner.solves else "has a teacher"
            why = "is co_mining itself" if isinstance(learner, CoMining) else why
            raise BenchError(f"co_mining: {self.learner} cannot be the learner: it {why}; choose another method")
        for name in TRAINING:
            object.__setattr__(self, name, getattr(learner, name))
        object.__setattr__(self, "_learner", learner)

    def view_for(self, task: Task) -> View:
        return self._learner.view_for(task)

    def bind_spacing(self, spacing: tuple[float, ...]) -> Method:
        return self._with(self._learner.bind_spacing(spacing))

    def pretraining(self, own: Spec) -> Pretraining | None:
        return self._learner.pretraining(registry.spec("methods", self.learner, plain(self._learner)))

    def begin_with(self, weights: Path, learnt: Task, source: str) -> Method:
        return self._with(self._learner.begin_with(weights, learnt, source))

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        return self._learner.build(task, shape)

    def step(self, model: nn.Module, batch: Batch) -> Tensor:
        from baselines import _recovered_components as parts

        views = (batch.x, parts.jittered(batch.x, self.jitter, self.jittered))
        masks = (batch.y, batch.y)
        if self.recover != "nothing" and batch.progress >= self.after:
            guesses, choose = [parts.guesses(model, x) for x in views], partial(self._chosen, rng=parts.own_generator())
            masks, counts = zip(*(parts.completed(batch.y, each, choose) for each in guesses[::-1]), strict=True)
            batch.terms["recovered components"] = (counts[0] + counts[1]) / 2
        losses = [
            self._learner.step(model, dataclasses.replace(batch, x=x, y=y)) for x, y in zip(views, masks, strict=True)
        ]
        return (losses[0] + losses[1]) / 2

    def _chosen(
        self, mask: np.ndarray, label: np.ndarray, sure: np.ndarray, rng: np.random.Generator
    ) -> list[Component]:
        """The components that are added to a mask. rng: of the random places."""
        from baselines import _recovered_components as parts

        found = parts.unlabelled_components(mask, label, sure, self.threshold, self.overlap, self.smallest)
        return found if self.recover == "found" else parts.at_random_places(mask, found, rng)

    def logged_metrics(self, model: nn.Module) -> Mapping[str, float]:
        return self._learner.logged_metrics(model)

    def record_info(self, model: nn.Module) -> Mapping[str, Any]:
        return self._learner.record_info(model)

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        if task.kind != "segmentation":
            return "it recovers components of masks, and the target is not a mask"
        return self._learner.refuses(task, shape)

    def note(self, shape: tuple[int, ...]) -> str:
        return self._learner.note(shape)

    def check(self) -> None:
        self._learner.check()

    def _with(self, learner: Method) -> Method:
        made = copy.copy(self)
        object.__setattr__(made, "_learner", learner)
        return made


TRAINING = {own.name: CoMining.__dataclass_fields__[own.name].default for own in dataclasses.fields(Method)}
METHOD = CoMining
