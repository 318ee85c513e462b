"""Networks that align: padding, velocities and displacements around a network of MONAI."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.method.registration_losses import composed, integrated, warped

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


class AffineFirst(nn.Module):
    """An aligner that reads the moving scan after an affine map, and returns the displacement of both.

    affine: a function of two float32 arrays (D, H, W), fixed and moving, that returns the displacement (3, D, H, W) of
    an affine map. It is computed once for every pair of scans, on the processor.
    """

    uncounted = True  # operations outside torch

    def __init__(self, aligner: nn.Module, affine) -> None:
        super().__init__()
        self.aligner, self._affine = aligner, affine
        self._maps: dict[bytes, Tensor] = {}  # (3, 4) of every pair by its checksum

    def forward(self, x: Tensor) -> Tensor:
        fixed, moving = x.chunk(2, dim=1)
        first = torch.stack([self._field(one, other) for one, other in zip(fixed, moving, strict=True)]).to(x.device)
        second = self.aligner(torch.cat([fixed, warped(moving, first.to(moving.dtype))], dim=1))
        return composed(first, second.float())

    def take_parts(self) -> tuple[Tensor | None, list[Tensor]]:
        """What a cascade that reads the scan after the affine map has kept of its last pass, see there."""
        return self.aligner.take_parts()

    def _field(self, fixed: Tensor, moving: Tensor) -> Tensor:
        """The affine displacement (3, D, H, W) of a pair."""
        pair = [each.mean(0).float().cpu().numpy() for each in (fixed, moving)]
        key = hashlib.sha256(b"".join(each.tobytes() for each in pair)).digest()
        if key not in self._maps:
            found = torch.from_numpy(self._affine(*pair)).double()
            corner = found[:, 0, 0, 0]
            slopes = [found.select(1 + axis, -1)[:, 0, 0] - corner for axis in range(3)]
            sizes = [max(1, size - 1) for size in found.shape[1:]]
            self._maps[key] = torch.stack([*(s / size for s, size in zip(slopes, sizes, strict=True)), corner], dim=1)
        axes = [torch.arange(size, dtype=torch.float64) for size in fixed.shape[1:]]
        places = torch.stack([*torch.meshgrid(*axes, indexing="ij"), torch.ones(fixed.shape[1:], dtype=torch.float64)])
        return torch.einsum("ij,jdhw->idhw", self._maps[key], places).float()


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
