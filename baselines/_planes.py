"""Images of the three planes, with early or joint fusion."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines import _timm
from baselines._input_sizes import padded
from baselines._pooling import Made
from bench.views import PLANES, Slab

ANY = (1.0, 1.0, 1.0)  # millimetres: neighbours are adjacent slices at any spacing


class Early(nn.Module):
    """(B, C, D, H, W), or three planes as the channels of images, to (B, outputs): one network reads all channels."""

    def __init__(self, shape: tuple[int, ...], outputs: int, made: Made) -> None:
        super().__init__()
        channels, *sizes = plane_shape(shape)
        self.network = _timm.create(made[0], (3 * channels, *sizes), outputs, *made[1:])

    def forward(self, x: Tensor) -> Tensor:
        return self.network(torch.cat(planes(x), 1))


class Joint(nn.Module):
    """Joint fusion: the network reads each plane, (B, F), and a linear layer reads all three, (B, 3 F)."""

    def __init__(self, shape: tuple[int, ...], outputs: int, made: Made, shared: bool) -> None:
        super().__init__()
        one = plane_shape(shape)
        networks = [_timm.create(made[0], one, 0, *made[1:]) for _ in range(1 if shared else 3)]
        self.networks = nn.ModuleList(networks)
        self.head = nn.Linear(3 * _timm.width(networks[0], one), outputs)

    def forward(self, x: Tensor) -> Tensor:
        images = planes(x)
        networks = [*self.networks] * (3 // len(self.networks))
        return self.head(torch.cat([network(image) for network, image in zip(networks, images, strict=True)], 1))


def planes(x: Tensor) -> list[Tensor]:
    """The sagittal, coronal and axial images of scans, each (B, C', rows, columns) of one size.

    x: (B, C, D, H, W), each plane gives its three middle slices, C' = 3 C, centred in a common frame; or (B, 3 C',
    rows, columns), plane after plane.
    """
    if x.ndim == 4:
        return list(x.chunk(3, 1))
    frame = plane_shape(tuple(x.shape[1:]))[1:]
    return [padded(Slab(plane=plane)(x, ANY), frame).to(x.dtype) for plane in PLANES]


def plane_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(C', rows, columns) of each plane's image, of scans of `shape`."""
    if len(shape) == 3:
        return (shape[0] // 3, *shape[1:])
    slabs = [Slab(plane=plane).shape(shape, ANY) for plane in PLANES]
    return (slabs[0][0], max(slab[1] for slab in slabs), max(slab[2] for slab in slabs))
