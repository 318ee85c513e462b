"""What a method is: a network and how it learns, as a frozen dataclass of hyper-parameters.

This file imports torch only where it is used, so that methods can be listed without it.

Five methods of `Method` and two functions have new names. The old names (`RENAMED`, `unfit`, `overheard`) stay as
aliases in this version and go with the next one: a subclass may define or call either.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bench.core import Floats, Range, Task, Trial, param
from bench.curriculum import Stage
from bench.views import View, Volume, effective

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

# What a search may try of any method that learns by steps.
DESCENT: Mapping[str, Range] = {
    "lr": Floats(1e-5, 1e-2, log=True),
    "weight_decay": Floats(1e-5, 0.3, log=True),
    "warmup": Floats(0.0, 0.2),
}
FAMILIES = ("floor", "2d", "3d", "hybrid", "distillation", "dclse")
RENAMED: Mapping[str, str] = {  # deprecated name of a method of `Method` -> its name
    "told": "record_info",
    "shown": "view_for",
    "on": "bind_spacing",
    "watch": "logged_metrics",
    "remark": "note",
}


@dataclass(frozen=True)
class Outputs:
    """What a network says of B scans. logits: (B, outputs, ...). features: (B, F), what its last linear layer reads.

    attention: (B, ...), where its last map is strong: the mean square over the channels. None where nobody asked for
    it, and of a network that ends in tokens or slices, or draws masks.
    """

    logits: Tensor
    features: Tensor
    attention: Tensor | None = None

    def at(self, index: Tensor) -> Outputs:
        """What it says of some of the scans. index: (b,) their positions."""
        return Outputs(
            self.logits[index], self.features[index], None if self.attention is None else self.attention[index]
        )


@dataclass(frozen=True)
class Batch:
    """A step's worth of training scans, on the device."""

    x: Tensor  # (B, *shape after the view), normalised, float32
    y: Tensor  # (B,) class indices, or numbers in units of the training part's deviation from its mean; masks (B, ...)
    index: Tensor  # (B,) positions in the training part
    task: Task
    stage: Stage = Stage()
    progress: float = 0.0  # of the optimiser steps, in [0, 1)
    upstream: Sequence[Outputs] = ()  # of the upstream trials' networks on these scans, as their own views show them
    scans: int = 0  # of the training part; 0: not told


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """Subclasses are final frozen dataclasses: they add fields, `build`, and `step` where label loss is not all."""

    family: ClassVar[str]  # one of FAMILIES
    version: ClassVar[int] = 1  # raised when the method's numbers change
    blind: ClassVar[bool] = False  # True: it looks at no scan, so whoever scores no better has learnt nothing
    solves: ClassVar[bool] = False  # True: `solve` finds the weights, and no optimiser steps are taken
    space: ClassVar[Mapping[str, Range]] = {}  # parameter -> what a search may try, the default among it

    view: View = param(Volume(), "how a scan is shown to the network")
    normalise: str = param("train", "train: mean and deviation of each channel of the training part", ("train", "none"))
    augment: str = param("none", "what training scans go through", ("none", "flip", "affine"))
    optimiser: str = param("adamw", "of the steps", ("adamw", "adam", "sgd"))
    lr: float = param(1e-3, "learning rate at its highest")
    weight_decay: float = param(0.01, "decoupled in AdamW")
    schedule: str = param("cosine", "of the learning rate over the optimiser steps", ("cosine", "constant"))
    warmup: float = param(0.0, "fraction of the steps over which the learning rate rises linearly")

    @abstractmethod
    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        """The untrained network for scans of `shape` after the view: (B, *shape) to (B, task.outputs).

        A network gives the logits alone, one column per class, or one number per scan. What it remembers from step
        to step lies in its parameters and buffers: a killed training goes on from those.
        """

    def step(self, model: nn.Module, batch: Batch) -> Tensor:
        """The loss of each scan of a batch, (B,). A loss of the batch as a whole is added to each of them."""
        return label_losses(model(batch.x), batch)

    def solve(self, model: nn.Module, x: np.ndarray, y: np.ndarray, task: Task, seed: int) -> None:
        """Set the weights of `model` in one go, where `solves`. x: (N, *shape), normalised; y: (N,) as in a Batch."""
        raise TypeError(f"{type(self).__name__} is trained by steps")

    def view_for(self, task: Task) -> View:
        """The view used for a task; override it to use another one for segmentation."""
        return self.view

    def bind_spacing(self, spacing: tuple[float, ...]) -> Method:
        """This method for scans of `spacing`, in millimetres; override it where the network depends on the spacing."""
        return self

    def logged_metrics(self, model: nn.Module) -> Mapping[str, float]:
        """Numbers to log at every evaluation point, by name."""
        return {}

    def record_info(self, model: nn.Module) -> Mapping[str, Any]:
        """What the record keeps about the trained network, in plain JSON: the weights it started from, for instance."""
        return {}

    def check(self) -> None:  # noqa: B027 (most methods have nothing to check)
        """BenchError where a parameter names what is not there (a network, a file). Called once before a study."""

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        """Why this method cannot do `task` on scans of `shape` before the view; None where it can."""
        return None

    def note(self, shape: tuple[int, ...]) -> str:
        """A remark for readers of the scores if scans of `shape` are not read as the parameters say; else empty."""
        return ""

    def upstream(self, trial: Trial) -> tuple[Trial, ...]:
        """Trials that must be there before `trial`, a trial of this method: its teachers."""
        return ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for old, new in RENAMED.items():
            owner = next(each for each in cls.__mro__ if old in vars(each) or new in vars(each))
            if new not in vars(owner):
                setattr(cls, new, vars(owner)[old])
            elif old not in vars(owner):
                setattr(cls, old, vars(owner)[new])

    told, shown, on, watch, remark = record_info, view_for, bind_spacing, logged_metrics, note


def why_unsupported(method: Method, task: Task, shape: tuple[int, ...], axes: tuple[int, ...]) -> str | None:
    """Why a classifier or regressor of scans with so many spatial axes (2, 3 or either) cannot do `task`, in words."""
    if task.kind == "segmentation":
        return "it predicts one class or number for a scan, not a mask"
    view = method.view_for(task)
    shown = len(effective(view, shape).shape(shape, (1.0,) * (len(shape) - 1))) - 1
    if shown in axes:
        return None
    if len(shape) == 3:
        return "it reads volumes, and this data set holds images"
    return f"it reads {axes[0]}D scans, and its view ({view.kind_name}) gives {shown}D ones"


def label_losses(logits: Tensor, batch: Batch) -> Tensor:
    """The plain loss of each scan, (B,), with the stage's label smoothing.

    Cross-entropy for classes; L1 for numbers; cross-entropy plus 1 - soft Dice for masks, logits (B, K, ...).
    """
    from torch.nn import functional as F

    if batch.task.kind == "regression":
        return (logits.squeeze(1) - batch.y).abs()
    losses = F.cross_entropy(logits, batch.y, reduction="none", label_smoothing=batch.stage.label_smoothing)
    if batch.task.kind == "classification":
        return losses
    return losses.flatten(1).mean(1) + 1 - soft_dice(logits, batch.y)


def soft_dice(logits: Tensor, masks: Tensor) -> Tensor:
    """Soft Dice of each scan, (B,), mean over the classes but the background. logits (B, K, ...), masks (B, ...)."""
    from torch.nn import functional as F

    chances = logits.softmax(1).flatten(2)[:, 1:]  # (B, K - 1, voxels)
    truth = F.one_hot(masks, logits.shape[1]).movedim(-1, 1).flatten(2)[:, 1:].to(chances.dtype)
    overlap, total = (chances * truth).sum(2), chances.sum(2) + truth.sum(2)
    return ((2 * overlap + 1e-5) / (total + 1e-5)).mean(1)


def outputs(model: nn.Module, x: Tensor, attention: bool = False) -> Outputs:
    """Logits and penultimate features of any network: the features are what its last linear (or 1x1) layer reads."""
    with capture_outputs(model, attention) as captured:
        model(x)
    return captured[-1]


@contextmanager
def capture_outputs(model: nn.Module, attention: bool = False) -> Iterator[list[Outputs]]:
    """Context manager: records the outputs of every forward pass of `model` by hooks."""
    captured: list[Outputs] = []
    current: dict[str, Tensor | None] = {}

    def record(_module: nn.Module, _inputs: tuple, logits: Tensor) -> None:
        last_map, features = current.get("map"), _features(model, logits, current.get("read"))
        usable = last_map is not None and logits.ndim == 2 and len(last_map) == len(logits)  # not of slices or masks
        captured.append(Outputs(logits, features, _attention(last_map, features.shape[1]) if usable else None))
        current.clear()

    last, inner = _last_linear(model), [module for module in model.modules() if module is not model]
    hooks = [last.register_forward_pre_hook(lambda _, inputs: current.update(read=inputs[0]))] if last else []
    if attention:
        hooks += [
            module.register_forward_hook(lambda _, inputs, output: _keep_map(current, output)) for module in inner
        ]
    hooks.append(model.register_forward_hook(record))
    try:
        yield captured
    finally:
        for hook in hooks:
            hook.remove()


unfit, overheard = why_unsupported, capture_outputs  # deprecated names


def _keep_map(current: dict[str, Tensor | None], output: object) -> None:
    """Keep the last map of more than one position and one channel; tokens after it show that it was not the last."""
    axes = getattr(output, "ndim", 0)
    if axes == 3:
        current["map"] = None
    elif axes in (4, 5) and output.shape[1] > 1 and output.shape[2:].numel() > 1:
        current["map"] = output


def _attention(features: Tensor, width: int) -> Tensor:
    """The mean square over the channels, (B, ...). features: (B, C, ...), or (B, ..., C) if only that C is `width`."""
    last = features.shape[1] != width and features.shape[-1] == width
    return features.float().square().mean(-1 if last else 1)


def _features(model: nn.Module, logits: Tensor, read: Tensor | None) -> Tensor:
    """(B, F). Of masks, the mean over the positions of what the last 1x1 layer reads, or else of the logits."""
    if logits.ndim > 2:
        return (read if read is not None and read.ndim == logits.ndim else logits).flatten(2).mean(2)
    if read is None:
        raise ValueError(f"{type(model).__name__} has no linear or 1x1 layer to read features from")
    return read.flatten(1)


def _last_linear(model: nn.Module) -> nn.Module | None:
    from torch import nn

    layers = [
        module
        for module in model.modules()
        if isinstance(module, nn.Linear)
        or (isinstance(module, (nn.Conv2d, nn.Conv3d)) and set(module.kernel_size) == {1})
    ]
    return layers[-1] if layers else None
