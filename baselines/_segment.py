"""Segmentation networks of MONAI on volumes of any size, whole or in sliding windows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from monai.inferers import sliding_window_inference
from monai.networks import nets
from torch import Tensor, nn

from baselines._input_sizes import cropped, multiples, padded, times
from baselines._nnunet_plan import planned
from bench.core import BenchError, UnsupportedInputSizeError
from bench.registry import did_you_mean
from bench.weights import without_weights

SUPERVISED = "coarser levels with masks"  # among the options of DynUNet
Made = tuple[nn.Module, tuple[int, ...]]  # a network, and the divisors of its input sizes


class Windowed(nn.Module):
    """(B, C, D, H, W) to (B, outputs, D, H, W): sliding windows in evaluation for volumes larger than a window."""

    def __init__(self, network: nn.Module, divisors: Sequence[int], window: Sequence[int], overlap: float) -> None:
        super().__init__()
        self.network, self.divisors = network, tuple(divisors)
        self.window, self.overlap = tuple(window), overlap
        self._coarser: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.training or all(size <= most for size, most in zip(x.shape[2:], self.window, strict=True)):
            return self.whole(x)
        return sliding_window_inference(x, self.window, 1, self.whole, self.overlap, mode="gaussian")

    def whole(self, x: Tensor) -> Tensor:
        """One forward pass over the whole input."""
        sizes = tuple(x.shape[2:])
        answer = self.network(padded(x, multiples(sizes, self.divisors)))
        if answer.ndim == x.ndim:
            return cropped(answer, sizes)
        first, *self._coarser = (cropped(each, sizes) for each in answer.unbind(1))  # levels with deep supervision
        self.network.heads[:] = [torch.zeros(1)] * len(self.network.heads)  # MONAI keeps them with their graph
        return first

    def take_coarser(self) -> list[Tensor]:
        """The masks of the coarser levels of the last forward pass in training, enlarged; they are kept no longer."""
        coarser, self._coarser = self._coarser, []
        return coarser


def create(
    network: str, shape: tuple[int, ...], outputs: int, width: int, options: Mapping[str, Any], spacing: Sequence[float]
) -> Made:
    """Build the network for patches of `shape`, (C, D, H, W); BenchError if it cannot read them."""
    if network not in MAKERS:
        known = f"there are {', '.join(MAKERS)}"
        near = did_you_mean(network, MAKERS)
        raise BenchError(f"monaiseg has no network {network!r}; {near if 'mean' in near else known}")
    try:
        made, divisors = MAKERS[network](shape, outputs, width, without_weights(options), spacing)
    except TypeError as error:
        raise BenchError(f"MONAI's {network} does not take options={dict(options)}: {error}") from error
    except (ValueError, AssertionError) as error:
        raise BenchError(f"MONAI's {network} cannot be built with these options: {error}") from error
    _try(made, network, (shape[0], *multiples(shape[1:], divisors)), outputs)
    return made, divisors


def patches(x: Tensor, y: Tensor, sizes: Sequence[int], foreground: float) -> tuple[Tensor, Tensor]:
    """A random patch of each scan and of its mask. x: (B, C, D, H, W); y: (B, D, H, W).

    With probability `foreground` the patch is centred on a voxel of a structure, as far as the border allows; the
    structure is drawn first, so small ones are as frequent as large ones. Otherwise all patches are equally likely.
    """
    pairs = [_patch(scan, mask, sizes, foreground) for scan, mask in zip(x, y, strict=True)]
    return torch.stack([scan for scan, _ in pairs]), torch.stack([mask for _, mask in pairs])


def _patch(x: Tensor, y: Tensor, sizes: Sequence[int], foreground: float) -> tuple[Tensor, Tensor]:
    room = [size - least for size, least in zip(y.shape, sizes, strict=True)]
    middle = _voxel(y) if float(torch.rand(())) < foreground else None
    if middle is None:
        starts = [int(torch.randint(free + 1, ())) for free in room]
    else:
        wanted = [at - size // 2 for at, size in zip(middle, sizes, strict=True)]
        starts = [min(max(0, start), free) for start, free in zip(wanted, room, strict=True)]
    part = tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
    return x[(slice(None), *part)], y[part]


def _voxel(y: Tensor) -> list[int] | None:
    """A random voxel of a random structure of a mask; None for an empty mask."""
    kinds = y[y > 0].unique()
    if not len(kinds):
        return None
    places = (y == kinds[int(torch.randint(len(kinds), ()))]).nonzero()
    return places[int(torch.randint(len(places), ()))].tolist()


def _segresnet(
    shape: tuple[int, ...], outputs: int, width: int, options: Mapping[str, Any], spacing: Sequence[float]
) -> Made:
    values = {"in_channels": shape[0], "out_channels": outputs, "init_filters": width or 8, **options}
    levels = len(values.get("blocks_down", (1, 2, 2, 4)))
    return nets.SegResNet(**values), (2 ** (levels - 1),) * 3


def _dynunet(
    shape: tuple[int, ...], outputs: int, width: int, options: Mapping[str, Any], spacing: Sequence[float]
) -> Made:
    plan = planned(spacing, shape[1:], width or 32)
    if len(plan.strides) < 3:
        raise UnsupportedInputSizeError(
            f"DynUNet halves a patch at least twice, and {times(shape[1:])} leaves no room for that"
        )
    values = {"kernel_size": plan.kernels, "strides": plan.strides, "upsample_kernel_size": plan.strides[1:]}
    values |= {"in_channels": shape[0], "out_channels": outputs, "filters": plan.filters}
    options = dict(options)
    if heads := min(int(options.pop(SUPERVISED, 0)), len(plan.strides) - 2):
        values |= {"deep_supervision": True, "deep_supr_num": heads}
    return nets.DynUNet(spatial_dims=3, **{**values, **options}), plan.divisors


def _swin_unetr(
    shape: tuple[int, ...], outputs: int, width: int, options: Mapping[str, Any], spacing: Sequence[float]
) -> Made:
    values = {"in_channels": shape[0], "out_channels": outputs, "feature_size": width or 24, **options}
    return nets.SwinUNETR(**values), (32, 32, 32)


def _try(made: nn.Module, network: str, shape: tuple[int, ...], outputs: int) -> None:
    """Try it on shapes. UnsupportedInputSizeError if it cannot read such patches, BenchError if it returns no masks."""
    shadow = copy.deepcopy(made).to("meta").eval()  # as it predicts
    try:
        with torch.no_grad():
            answer = shadow(torch.zeros(1, *shape, device="meta"))
    except (RuntimeError, ValueError) as error:
        raise UnsupportedInputSizeError(
            f"{network} cannot read patches of {times(shape[1:])}: {str(error).splitlines()[0]}"
        ) from error
    if tuple(getattr(answer, "shape", ())) != (1, outputs, *shape[1:]):
        raise BenchError(f"{network} gives no mask of {outputs} classes for a patch of {times(shape[1:])}")


MAKERS: Mapping[str, Callable[..., Made]] = {
    "SegResNet": _segresnet,
    "DynUNet": _dynunet,
    "SwinUNETR": _swin_unetr,
}
