"""Saliency: how much the output of a network depends on each entry of its input. Computed by captum."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, NoiseTunnel, Occlusion, Saliency
from torch import Tensor, nn

from bench.core import BenchError, Task, seed_of

METHODS = ("gradient", "smoothgrad", "integrated_gradients", "grad_cam", "occlusion")
STEPS = 24  # of the path that gradients are integrated over
NOISY = 32  # copies of a scan with noise
NOISE = 0.15  # standard deviation of the noise, of the range of the scan
WINDOWS = 8  # of occlusion along an axis
OCCLUDED_BATCH = 16  # occluded scans in a batch


def saliency(model: nn.Module, x: Tensor, task: Task, by: str = "gradient", layer: str = "") -> np.ndarray:
    """(B, C, ...), at least 0: how much each entry of the input matters for the output.

    model: in evaluation mode. x: (B, C, ...), normalised, so that 0 is the mean intensity of the training scans. The
    output is the logit of the likeliest class, the predicted number, or the evidence for all structures of a mask.

    by, one of METHODS:
    gradient: magnitude of the derivative (Simonyan et al., 2014).
    smoothgrad: magnitude of the mean derivative at copies of the scan with noise (Smilkov et al., 2017).
    integrated_gradients: magnitude of the gradients integrated from x = 0 (Sundararajan et al., 2017).
    grad_cam: the maps of the last convolution, or of `layer`, weighted by their gradients (Selvaraju et al., 2017); the
    same for all channels.
    occlusion: change of the output when a window, an eighth of every axis, is set to 0 (Zeiler & Fergus, 2014); in
    images windows overlap by half. The only method that needs no derivative.

    BenchError if there is no such method or layer, or if it cannot be applied to this network.
    """
    if by not in METHODS:
        raise BenchError(f"no saliency {by!r}; there are {', '.join(METHODS)} and regions")
    explained, target = ExplainedOutput(model, task).eval(), None
    x = x.detach().clone().requires_grad_()
    if by != "occlusion" and not explained(x).requires_grad:
        raise BenchError("the output has no derivative with respect to the scan; use --by occlusion")
    if task.kind == "classification":
        with torch.no_grad():
            target = model(x).argmax(1)
    if by == "gradient":
        values = Saliency(explained).attribute(x, target, abs=True)
    elif by == "smoothgrad":
        values = smoothgrad(explained, x.detach(), target)
    elif by == "integrated_gradients":
        values = integrated_gradients(explained, x, target)
    elif by == "occlusion":
        values = _occlusion(explained, x.detach(), target)
    else:
        values = _grad_cam(explained, x, target, _named_layer(model, layer))
    return values.detach().abs().double().cpu().numpy()


class ExplainedOutput(nn.Module):
    """The output that is explained: the logits of classes, (B, K), or one number for each scan, (B,)."""

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model, self.task = model, task

    def forward(self, x: Tensor) -> Tensor:
        output = self.model(x)
        if self.task.kind == "segmentation":
            return (output[:, 1:].amax(1) - output[:, 0]).clamp_min(0).flatten(1).sum(1)
        return output if self.task.kind == "classification" else output[:, 0]


def smoothgrad(explained: nn.Module, x: Tensor, target: Tensor | None, copies: int = NOISY) -> Tensor:
    """(B, C, ...): the mean of the signed gradients at copies of each scan with noise; the same at every call.

    target: (B,) class indices; None if the output is one number.
    """
    tunnel, means = NoiseTunnel(Saliency(explained)), []
    with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
        torch.manual_seed(seed_of("smoothgrad"))
        for row in range(len(x)):
            one, wanted = x[row : row + 1], None if target is None else target[row : row + 1]
            spread = NOISE * float(one.max() - one.min())
            noise = {"nt_samples": copies, "nt_samples_batch_size": OCCLUDED_BATCH, "stdevs": spread}
            means.append(tunnel.attribute(one, target=wanted, abs=False, **noise))
    return torch.cat(means)


def integrated_gradients(explained: nn.Module, x: Tensor, target: Tensor | None, steps: int = STEPS) -> Tensor:
    """(B, C, ...): signed gradients integrated from 0, the mean intensity, to x; they sum to the change of the output.

    target: (B,) class indices; None if the output is one number. steps: points of the integration.
    """
    return IntegratedGradients(explained).attribute(
        x, torch.zeros_like(x), target, n_steps=steps, internal_batch_size=len(x)
    )


def _occlusion(explained: nn.Module, x: Tensor, target: Tensor | None) -> Tensor:
    """Occlusion of all channels at once; each position gets the mean over the windows that cover it."""
    sides = [max(1, -(-size // WINDOWS)) for size in x.shape[2:]]
    strides = [max(1, side // 2) for side in sides] if x.ndim == 4 else sides
    with torch.no_grad():
        return Occlusion(explained).attribute(
            x, (x.shape[1], *sides), (x.shape[1], *strides), 0, target, perturbations_per_eval=OCCLUDED_BATCH
        )


def _grad_cam(explained: nn.Module, x: Tensor, target: Tensor | None, named: nn.Module | None) -> Tensor:
    """The layer's map, resized to the input of the first convolution before it, and from there back to the scan.

    From that convolution to the scan it goes by the derivative of what the network does before: slices go to where they
    were taken from, images that the network pools itself are spread by their weights, and if the convolution reads the
    scan itself nothing changes. Of a network with several branches it is the map of one branch. named: the layer; None:
    the last convolution to run whose map has more than one position.
    """
    with _record_convolutions(explained, named) as calls:
        explained(x)
    spatial = [(module, output) for module, _, output in calls if output.shape[2:].numel() > 1]
    candidates = [(module, output) for module, output in spatial if named in (None, module)]
    if not candidates:
        raise BenchError("the network has no such layer with a map of more than one position; use --by gradient")
    layer, output = candidates[-1]
    if sum(module is layer for module, _, _ in calls) != 1:
        raise BenchError("the layer runs more than once for a scan, so it has no single map; use --by gradient")
    first = next((read for _, read, _ in calls if _depends(output, read)), x)
    maps = LayerGradCam(explained, layer).attribute(x, target, relu_attributions=True).detach()
    if len(maps) != len(first) or maps.ndim != first.ndim:
        raise BenchError("the layer's map does not fit the input of the first convolution; use --by gradient")
    maps = LayerAttribution.interpolate(maps, tuple(first.shape[2:]), "bilinear" if first.ndim == 4 else "trilinear")
    if first.shape == x.shape and torch.equal(first, x):
        return maps.expand_as(x)
    (back,) = torch.autograd.grad(first, x, maps.expand_as(first))
    return back


@contextmanager
def _record_convolutions(model: nn.Module, named: nn.Module | None) -> Iterator[list[tuple[nn.Module, Tensor, Tensor]]]:
    """(module, input, output) of every call of a convolution or of the named layer inside the block, in order."""
    calls: list[tuple[nn.Module, Tensor, Tensor]] = []
    kinds = (nn.Conv2d, nn.Conv3d)
    convolutions = [each for each in model.modules() if isinstance(each, kinds) or each is named]
    hooks = [
        each.register_forward_hook(lambda module, inputs, output: calls.append((module, inputs[0], output)))
        for each in convolutions
    ]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def _depends(output: Tensor, read: Tensor) -> bool:
    if not read.requires_grad:
        return False
    return torch.autograd.grad(output.sum(), read, allow_unused=True, retain_graph=True)[0] is not None


def _named_layer(model: nn.Module, name: str) -> nn.Module | None:
    """The layer of that name; None for an empty name. BenchError if there is no such layer, or no convolution."""
    layers = dict(model.named_modules())
    if name and name not in layers:
        raise BenchError(f"the network has no layer {name!r}; its last are {', '.join(list(layers)[-4:])}")
    if not any(isinstance(each, (nn.Conv2d, nn.Conv3d)) for each in layers.values()):
        raise BenchError("the network has no convolution; use --by gradient")
    return layers[name] if name else None
