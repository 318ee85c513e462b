"""What of its input a network's answer depends on, by captum."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, Occlusion, Saliency
from torch import Tensor, nn

from bench.core import BenchError, Task

WAYS = ("gradient", "integrated_gradients", "grad_cam", "occlusion")
STEPS = 24  # of the path that gradients are integrated over
WINDOWS = 8  # of occlusion along an axis
AT_ONCE = 16  # occluded scans of a batch


def saliency(model: nn.Module, x: Tensor, task: Task, by: str = "gradient", layer: str = "") -> np.ndarray:
    """How much each entry of the input matters, (B, C, ...), nowhere below 0. model: in evaluation mode.

    Asked of the class that is likeliest for the scan, of a number as it is, of the voxels of all structures together.
    gradient: its magnitude (Simonyan et al., 2014). integrated_gradients: magnitudes of those from a scan of the
    training part's mean intensity to this one (Sundararajan et al., 2017). grad_cam: where the last convolution's maps
    speak for the answer (Selvaraju et al., 2017), alike for all channels; layer: another one. occlusion: how far the
    answer moves when a window, an eighth of every axis, has the mean intensity (Zeiler & Fergus, 2014); windows overlap
    by half in images. It alone needs no derivative.
    """
    if by not in WAYS:
        raise BenchError(f"no saliency {by!r}; there are {', '.join(WAYS)}")
    asked, target = SaliencyRequest(model, task).eval(), None
    x = x.detach().clone().requires_grad_()
    if by != "occlusion" and not asked(x).requires_grad:
        raise BenchError("the answer has no derivative with respect to the scan; ask for --by occlusion")
    if task.kind == "classification":
        with torch.no_grad():
            target = model(x).argmax(1)
    if by == "gradient":
        found = Saliency(asked).attribute(x, target, abs=True)
    elif by == "integrated_gradients":
        found = integrated(asked, x, target)
    elif by == "occlusion":
        found = _occluded(asked, x.detach(), target)
    else:
        found = _grad_cam(asked, x, target, _layer(model, layer))
    return found.detach().abs().double().cpu().numpy()


class SaliencyRequest(nn.Module):
    """What is asked of scans: the logits (B, K) of classes, or one number for each, (B,)."""

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model, self.task = model, task

    def forward(self, x: Tensor) -> Tensor:
        said = self.model(x)
        if self.task.kind == "segmentation":
            return (said[:, 1:].amax(1) - said[:, 0]).clamp_min(0).flatten(1).sum(1)
        return said if self.task.kind == "classification" else said[:, 0]


def integrated(asked: nn.Module, x: Tensor, target: Tensor | None, steps: int = STEPS) -> Tensor:
    """Integrated gradients from 0, the mean intensity, with their signs: they sum to the answer less that of 0."""
    return IntegratedGradients(asked).attribute(
        x, torch.zeros_like(x), target, n_steps=steps, internal_batch_size=len(x)
    )


def _occluded(asked: nn.Module, x: Tensor, target: Tensor | None) -> Tensor:
    """Occlusion of all channels at once; a place has the mean over the windows that cover it."""
    sides = [max(1, -(-size // WINDOWS)) for size in x.shape[2:]]
    strides = [max(1, side // 2) for side in sides] if x.ndim == 4 else sides
    with torch.no_grad():
        return Occlusion(asked).attribute(
            x, (x.shape[1], *sides), (x.shape[1], *strides), 0, target, perturbations_per_eval=AT_ONCE
        )


def _grad_cam(asked: nn.Module, x: Tensor, target: Tensor | None, named: nn.Module | None) -> Tensor:
    """The layer's map brought to what the first convolution before it reads, and from there back to the scan.

    Back by the derivative of whatever the network does before that: slices are laid where they were taken, images that
    a network pools itself are shared out by their weights, and a convolution of the scan itself changes nothing. Of a
    network with several branches it is the map of one of them. named: the layer; else the last convolution to run whose
    map has more than one place.
    """
    with _listening(asked, named) as heard:
        asked(x)
    wide = [(module, output) for module, _, output in heard if output.shape[2:].numel() > 1]
    ran = [(module, output) for module, output in wide if named in (None, module)]
    if not ran:
        raise BenchError("the network has no such layer with a map of more than one place; ask for --by gradient")
    layer, output = ran[-1]
    if sum(module is layer for module, _, _ in heard) != 1:
        raise BenchError("the layer is gone through more than once, so that it has no one map; ask for --by gradient")
    first = next((read for _, read, _ in heard if _depends(output, read)), x)
    maps = LayerGradCam(asked, layer).attribute(x, target, relu_attributions=True).detach()
    if len(maps) != len(first) or maps.ndim != first.ndim:
        raise BenchError("the layer's map does not lie on what the first convolution reads; ask for --by gradient")
    maps = LayerAttribution.interpolate(maps, tuple(first.shape[2:]), "bilinear" if first.ndim == 4 else "trilinear")
    if first.shape == x.shape and torch.equal(first, x):
        return maps.expand_as(x)
    (back,) = torch.autograd.grad(first, x, maps.expand_as(first))
    return back


@contextmanager
def _listening(model: nn.Module, named: nn.Module | None) -> Iterator[list[tuple[nn.Module, Tensor, Tensor]]]:
    """Every convolution that runs meanwhile, and a named layer, in order: the module, what it read and what it gave."""
    heard: list[tuple[nn.Module, Tensor, Tensor]] = []
    kinds = (nn.Conv2d, nn.Conv3d)
    convolutions = [each for each in model.modules() if isinstance(each, kinds) or each is named]
    hooks = [
        each.register_forward_hook(lambda module, inputs, output: heard.append((module, inputs[0], output)))
        for each in convolutions
    ]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


def _depends(output: Tensor, read: Tensor) -> bool:
    if not read.requires_grad:
        return False
    return torch.autograd.grad(output.sum(), read, allow_unused=True, retain_graph=True)[0] is not None


def _layer(model: nn.Module, name: str) -> nn.Module | None:
    """The layer of that name; None where none is named. BenchError where there is none, or no convolution at all."""
    layers = dict(model.named_modules())
    if name and name not in layers:
        raise BenchError(f"the network has no layer {name!r}; its last are {', '.join(list(layers)[-4:])}")
    if not any(isinstance(each, (nn.Conv2d, nn.Conv3d)) for each in layers.values()):
        raise BenchError("the network has no convolution to look at; ask for --by gradient")
    return layers[name] if name else None
