"""The networks of a recursive cascade: an affine stem and Volume Tweening Networks, each of which warps once more."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.method.registration_losses import composed, warped

SLOPE = 0.1  # of the leaky activations
EPSILON = 1e-5  # keeps the condition of a matrix finite


class Encoder(nn.Module):
    """(B, C, ...) to maps of every level: a convolution of stride 2 at each, and one more from the third on."""

    encodes = True  # its maps are smoothed where a curriculum smooths encoders

    def __init__(self, channels: int, widths: list[int]) -> None:
        super().__init__()
        self.halving, self.further = nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(widths):
            self.halving.append(nn.Conv3d(channels, width, 3, 2, 1))
            self.further.append(nn.Conv3d(width, width, 3, 1, 1) if level >= 2 else nn.Identity())
            channels = width

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for halve, further in zip(self.halving, self.further, strict=True):
            x = F.leaky_relu(halve(x), SLOPE)
            x = x if isinstance(further, nn.Identity) else F.leaky_relu(further(x), SLOPE)
            maps.append(x)
        return maps


class Vtn(nn.Module):
    """(B, 2, ...) to a displacement (B, 3, ...): coarse displacements are refined level by level."""

    def __init__(self, channels: int, widths: list[int]) -> None:
        super().__init__()
        self.encoder = Encoder(channels, widths)
        self.predict, self.widen, self.raise_ = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        read = widths[-1]
        for width in widths[-2::-1]:
            self.predict.append(nn.Conv3d(read, 3, 3, 1, 1))
            self.widen.append(nn.ConvTranspose3d(3, 3, 4, 2, 1))
            self.raise_.append(nn.ConvTranspose3d(read, width, 4, 2, 1))
            read = 2 * width + 3
        self.last = nn.ConvTranspose3d(read, 3, 4, 2, 1)
        nn.init.normal_(self.last.weight, std=1e-5)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        *skips, maps = self.encoder(x)
        for predict, widen, raise_, skip in zip(self.predict, self.widen, self.raise_, reversed(skips), strict=True):
            maps = torch.cat([skip, F.leaky_relu(raise_(maps), SLOPE), widen(predict(maps))], dim=1)
        return self.last(maps)


class AffineStem(nn.Module):
    """(B, 2, ...) to a matrix (B, 3, 3) and a shift (B, 3) in halves of the edges of the volume."""

    def __init__(self, channels: int, widths: list[int]) -> None:
        super().__init__()
        self.encoder = Encoder(channels, widths)
        self.encoder.encodes = False  # the authors smooth no map of the stem
        self.answer = nn.Linear(widths[-1], 12)
        nn.init.normal_(self.answer.weight, std=1e-5)
        nn.init.zeros_(self.answer.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        answer = self.answer(self.encoder(x)[-1].flatten(2).mean(2))
        return torch.eye(3, device=x.device) + answer[:, :9].reshape(-1, 3, 3), answer[:, 9:]


def affine_field(matrix: Tensor, shift: Tensor, shape: torch.Size) -> Tensor:
    """The displacement (B, 3, ...) in voxels of an affine map about the middle. matrix: (B, 3, 3); shift: (B, 3)."""
    halves = torch.tensor([(size - 1) / 2 for size in shape], device=matrix.device, dtype=matrix.dtype)
    axes = [torch.linspace(-1, 1, size, device=matrix.device, dtype=matrix.dtype) for size in shape]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij")) * halves.reshape(3, 1, 1, 1)
    moved = torch.einsum("bij,jdhw->bidhw", matrix, places) + (shift * halves).reshape(-1, 3, 1, 1, 1)
    return moved - places


def determinant_loss(matrix: Tensor) -> Tensor:
    """The squared distance of the determinant from 1: (B, 3, 3) to (B,)."""
    return (torch.linalg.det(matrix) - 1).square()


def orthogonality_loss(matrix: Tensor) -> Tensor:
    """The sum of s + 1 / s - 2 over the squared singular values s: 0 for a rotation. (B, 3, 3) to (B,)."""
    small = EPSILON * torch.eye(3, device=matrix.device)
    square = matrix.transpose(1, 2) @ matrix + small
    traces = [each.diagonal(dim1=1, dim2=2).sum(1) for each in (square, torch.linalg.inv(square))]
    return traces[0] + (1 + EPSILON) ** 2 * traces[1] - 6 * (1 + EPSILON)


class Cascade(nn.Module):
    """(B, 2 C, ...) to the displacement of all stages together, each of which reads what the others have warped."""

    def __init__(self, channels: int, widths: list[int], cascades: int, affine: bool) -> None:
        super().__init__()
        self.divisor = 2 ** len(widths)
        self.stem = AffineStem(channels, widths) if affine else None
        self.stages = nn.ModuleList(Vtn(channels, widths) for _ in range(cascades))
        self._parts: tuple[Tensor | None, list[Tensor]] = (None, [])

    def forward(self, x: Tensor) -> Tensor:
        shape = x.shape[2:]
        missing = [-size % self.divisor for size in shape]
        x = F.pad(x, [part for more in reversed(missing) for part in (0, more)], mode="replicate")
        fixed, moving = x.chunk(2, dim=1)
        total, matrix, fields = x.new_zeros(len(x), 3, *x.shape[2:]), None, []
        if self.stem is not None:
            matrix, shift = self.stem(x)
            total = affine_field(matrix, shift, x.shape[2:])
        for stage in self.stages:
            fields.append(stage(torch.cat([fixed, warped(moving, total)], dim=1)).float())
            total = composed(total, fields[-1])
        if self.training:
            self._parts = matrix, fields
        return total[(..., *(slice(size) for size in shape))]

    def take_parts(self) -> tuple[Tensor | None, list[Tensor]]:
        """The affine matrix and the displacement of each stage in the last pass in training mode, once."""
        parts, self._parts = self._parts, (None, [])
        return parts
