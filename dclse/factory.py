"""Build the network from the parameters of the method, and compute its losses and logged metrics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from bench.core import BenchError, Task
from bench.method import Batch, label_losses
from bench.views import Dynamic
from bench.views.layer import RankPooling
from bench.weights import carry_over, verified
from dclse.auxiliary_heads import Staged
from dclse.curriculum import Progress
from dclse.gpconv import complexity, groups_of
from dclse.network import Backbone
from dclse.segmenter import Planar, Projected, SliceBySlice

if TYPE_CHECKING:
    from dclse.method import Dclse

IMAGE = (3, 64, 64)  # the shape for which a file is compared with the network


def build(method: Dclse, task: Task, shape: tuple[int, ...]) -> nn.Module:
    """Build the network for scans of `shape` after the view, images (C, H, W) or volumes (C, D, H, W)."""
    return _masks(method, task, shape) if task.kind == "segmentation" else _answers(method, task, shape)


def last_stage(model: nn.Module) -> set[str]:
    """Names of the parameters of C1 and of the dynamic group mechanism after it."""
    names = {name for name, _ in model.named_parameters()}
    return {name for name in names if "stages.C1." in name or "dgm.C1." in name}


def check_weights(method: Dclse) -> None:
    """Raise BenchError unless the file has a tensor of the network, for classes or for masks."""
    path, faults = verified(method.weights, method.checksum), []
    for task in (Task("classification", "auc", ("a", "b")), Task("segmentation", "dice", ("a", "b"))):
        with torch.random.fork_rng(devices=[]):
            model = (_masks if task.kind == "segmentation" else _answers)(method, task, IMAGE)
        try:
            carry_over(model, path)
            return
        except BenchError as error:
            faults.append(error)
    raise faults[0]


def losses(method: Dclse, model: nn.Sequential | Staged | Planar, batch: Batch) -> Tensor:
    """The loss of each scan, (B,): of the prediction, plus that of the stages weighted by the curriculum."""
    x = batch.x
    if isinstance(model, nn.Sequential):  # the network pools volumes itself before it reads them
        x, model = model[0](x), model[-1]
    answer, stages = model.staged(x)
    if batch.task.kind == "segmentation" and batch.y.ndim == 4:  # several slices of a scan: (B, S, rows, columns)
        answer, stages = _stacked(answer, batch), [_stacked(each, batch) for each in stages]
    progress: Progress = model.progress
    shares = progress.update([each.detach() for each in stages], batch, method.dcl_tolerance, method.dcl_sets == "hard")
    if method.dcl == "residual":
        weights = progress.weigh_scans(shares)
    else:
        schedule = method.dcl, batch.progress, method.dcl_ramp, method.dcl_temperature, method.dcl_reading
        weights = progress.weigh(*schedule)
    auxiliary = sum(weight * label_losses(each, batch) for weight, each in zip(weights.clone(), stages, strict=True))
    own, staged = label_losses(answer, batch), method.auxiliary_weight * auxiliary
    batch.terms.update({"label loss": own.detach(), "stages' losses": staged.detach()})
    return own + staged


def regularised(method: Dclse, model: nn.Module, each: Tensor) -> Tensor:
    """The losses (B,) plus the penalty on the fraction of weights that learnt groups keep."""
    return each + method.gpconv_penalty * complexity(model) if method.gpconv_penalty else each


def logged_metrics(model: nn.Module) -> dict[str, float]:
    """Sizes of the Cur sets, complexities and weights of the stages, and the groups of every learnt convolution."""
    metrics: dict[str, float] = {}
    for module in model.modules():
        if isinstance(module, Progress):
            metrics |= module.metrics()
    return metrics | {f"groups {name}": float(number) for name, number in groups_of(model).items()}


def record_info(model: nn.Module) -> dict[str, Any]:
    """Information for the record: learnt groups and pooling weights."""
    info: dict[str, Any] = {}
    if groups := groups_of(model):
        info["groups"] = groups
    for module in model.modules():
        if isinstance(module, RankPooling):
            info["pooling weights"] = [[round(float(w), 6) for w in each.detach().cpu()] for each in module.weights]
    return info


def _answers(method: Dclse, task: Task, shape: tuple[int, ...]) -> nn.Module:
    pooling = _pooling(method, shape) if len(shape) == 4 else None
    channels = shape[0] if pooling is None else pooling.view.shape(shape, (1.0,) * 3)[0]
    if method.auxiliary or method.fusion == "attention":
        network = Staged(channels, task, method.structure, method.auxiliary, method.fusion)
    else:
        network = Backbone(channels, task.outputs, method.structure)
    return network if pooling is None else nn.Sequential(pooling, network)


def _masks(method: Dclse, task: Task, shape: tuple[int, ...]) -> nn.Module:
    if len(shape) == 3:
        return Planar(shape[0], task, method.structure, method.fusion)
    if method.masks == "slabs":
        return SliceBySlice(Planar(shape[0], task, method.structure, method.fusion), method.slabs.plane, method.window)
    pooling = _pooling(method, shape)
    planar = Planar(pooling.view.shape(shape, (1.0,) * 3)[0], task, method.structure, method.fusion)
    return Projected(pooling, planar)


def _pooling(method: Dclse, shape: tuple[int, ...]) -> RankPooling:
    view: Dynamic = method.pooling
    if len(shape) == 4 and method.masks == "projection":
        view = replace(view, plane=method.slabs.plane, slab=0, stride=0)
    return RankPooling(view, shape, method.learn_pooling)


def _stacked(logits: Tensor, batch: Batch) -> Tensor:
    """(B S, outputs, rows, columns) to (B, outputs, S, rows, columns)."""
    return logits.unflatten(0, batch.y.shape[:2]).movedim(1, 2)
