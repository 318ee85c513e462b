"""What of its input a network's answer depends on, by captum."""

from __future__ import annotations

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, Saliency
from torch import Tensor, nn

from bench.core import BenchError, Task

WAYS = ("gradient", "integrated_gradients", "grad_cam")
STEPS = 24  # of the path that gradients are integrated over


def saliency(model: nn.Module, x: Tensor, task: Task, by: str = "gradient", layer: str = "") -> np.ndarray:
    """How much each entry of the input matters, (B, C, ...), nowhere below 0. model: in evaluation mode.

    Asked of the likeliest class, of a number as it is, of the voxels of all structures together. gradient: its
    magnitude (Simonyan et al., 2014); it depends on the input least of the three. integrated_gradients: magnitudes of
    those from a scan of the training part's mean intensity to this one (Sundararajan et al., 2017). grad_cam: where the
    last convolution's maps speak for the answer (Selvaraju et al., 2017), alike for all channels; layer: another one.
    """
    if by not in WAYS:
        raise BenchError(f"no saliency {by!r}; there are {', '.join(WAYS)}")
    asked = _Asked(model, task).eval()
    x = x.detach().clone().requires_grad_()
    if by == "gradient":
        found = Saliency(asked).attribute(x, abs=True)
    elif by == "integrated_gradients":
        found = IntegratedGradients(asked).attribute(x, torch.zeros_like(x), n_steps=STEPS, internal_batch_size=len(x))
    else:
        maps = LayerGradCam(asked, _layer(model, layer)).attribute(x, relu_attributions=True)
        found = LayerAttribution.interpolate(maps, tuple(x.shape[2:]), _mode(x)).expand_as(x)
    return found.detach().abs().double().cpu().numpy()


class _Asked(nn.Module):
    """One number for each scan, (B,)."""

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model, self.task = model, task

    def forward(self, x: Tensor) -> Tensor:
        said = self.model(x)
        if self.task.kind == "segmentation":
            return (said[:, 1:].amax(1) - said[:, 0]).clamp_min(0).flatten(1).sum(1)
        return said.amax(1) if self.task.kind == "classification" else said[:, 0]


def _layer(model: nn.Module, name: str) -> nn.Module:
    """The layer of that name; the last convolution that has an extent where none is named."""
    layers = dict(model.named_modules())
    if name:
        if name not in layers:
            raise BenchError(f"the network has no layer {name!r}; its last are {', '.join(list(layers)[-4:])}")
        return layers[name]
    found = [each for each in layers.values() if isinstance(each, (nn.Conv2d, nn.Conv3d))]
    if not found:
        raise BenchError("the network has no convolution to look at; ask for by=gradient")
    return found[-1]


def _mode(x: Tensor) -> str:
    return "bilinear" if x.ndim == 4 else "trilinear"
