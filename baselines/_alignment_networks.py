"""Networks that align: padding, velocities and displacements around a network of MONAI."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.method.registration_losses import integrated

QUIET = 1e-5  # deviation of the weights of the last layer at the start, as in VoxelMorph: no displacement at first


class Aligner(nn.Module):
    """(B, 2 C, D, H, W) to displacements (B, 3, D, H, W) in voxels.

    network: the same with sizes that `divisor` divides. squarings: of the velocity that it returns; 0: it returns a
    displacement.
    """

    def __init__(self, network: nn.Module, divisor: int, squarings: int) -> None:
        super().__init__()
        self.network, self.divisor, self.squarings = network, divisor, squarings

    def forward(self, x: Tensor) -> Tensor:
        missing = [-size % self.divisor for size in x.shape[2:]]
        padding = [part for more in reversed(missing) for part in (more // 2, more - more // 2)]
        field = self.network(F.pad(x, padding, mode="replicate") if any(padding) else x).float()
        for axis, more in enumerate(missing, start=2):
            field = field.narrow(axis, more // 2, x.shape[axis])
        return integrated(field, self.squarings) if self.squarings else field


def mark_encoder(*modules: nn.Module) -> None:
    """Say that the convolutions of these modules are the encoder of a network."""
    for module in modules:
        module.encodes = True


def quieten(layer: nn.Module) -> None:
    """Give a convolution that returns the field weights near 0 and no bias."""
    nn.init.normal_(layer.weight, std=QUIET)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def last_convolution(network: nn.Module) -> nn.Module:
    """The convolution that is defined last."""
    return [module for module in network.modules() if isinstance(module, nn.Conv3d)][-1]


class NoDisplacement(nn.Module):
    """(B, 2 C, ...) to zeros (B, axes, ...): the scans stay as they are."""

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x), x.ndim - 2, *x.shape[2:])


class PerPair(nn.Module):
    """A classical optimiser as a network: (B, 2 C, ...) to displacements, pair by pair, on the processor.

    align: a function of two float32 arrays (...), fixed and moving, that returns a displacement (axes, ...) in voxels.
    """

    uncounted = True  # operations outside torch

    def __init__(self, align) -> None:
        super().__init__()
        self._align = align

    def forward(self, x: Tensor) -> Tensor:
        fixed, moving = (each.mean(1).float().cpu().numpy() for each in x.chunk(2, dim=1))
        fields = [torch.from_numpy(self._align(*pair)).float() for pair in zip(fixed, moving, strict=True)]
        return torch.stack(fields).to(x.device)
