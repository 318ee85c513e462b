"""Tensors of a file that fit a network after a change of size: positions of another grid, other input channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def fitted(model: nn.Module, pairs: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Adapt tensors of a file to the shapes that a network has.

    Position embeddings, (1, N, F), are resampled from the cubic grid of the file to that of the network, which its
    attribute `position_grids` (name -> sizes) describes. The first layer of a network for one channel gets the sum over
    the file's channels; from a file for one channel every channel gets an equal share of it. So equal channels give the
    features that they gave before.

    Parameters
    ----------
    model : nn.Module
        The network.
    pairs : mapping of str to (Tensor, Tensor)
        Name in the network -> tensors of the file and of the network, with different shapes.

    Returns
    -------
    dict of str to Tensor
        The adapted tensors by name; those that cannot be adapted are left out.
    """
    grids = dict(_grids(model))
    values = {}
    for name, (stored, own) in pairs.items():
        if name in grids and stored.ndim == own.ndim == 3 and stored.shape[2] == own.shape[2]:
            value = resampled(stored, grids[name])
        else:
            value = _other_channels(stored, own)
        if value is not None and value.shape == own.shape:
            values[name] = value
    return values


def resampled(positions: Tensor, sizes: Sequence[int]) -> Tensor | None:
    """Resample position embeddings linearly to another grid.

    Parameters
    ----------
    positions : Tensor of shape (1, N, F)
        Embeddings of a grid with equal sides: N is a square for two axes, a cube for three.
    sizes : sequence of int
        Sizes of the new grid, along two or three axes.

    Returns
    -------
    Tensor of shape (1, prod(sizes), F) or None
        None if N is not a grid with equal sides.
    """
    from torch.nn import functional as F

    side = round(positions.shape[1] ** (1 / len(sizes)))
    if side ** len(sizes) != positions.shape[1]:
        return None
    grid = positions.float().transpose(1, 2).unflatten(2, (side,) * len(sizes))  # (1, F, side, ...)
    mode = "bilinear" if len(sizes) == 2 else "trilinear"
    return F.interpolate(grid, tuple(sizes), mode=mode, align_corners=False).flatten(2).transpose(1, 2)


def _other_channels(stored: Tensor, own: Tensor) -> Tensor | None:
    """The kernels (O, C, ...) of a convolution for another number of channels, if either side has one channel."""
    if stored.ndim != own.ndim or own.ndim < 4 or stored.shape[0] != own.shape[0] or stored.shape[2:] != own.shape[2:]:
        return None
    if own.shape[1] == 1:
        return stored.float().sum(1, keepdim=True)
    return stored.float().expand_as(own) / own.shape[1] if stored.shape[1] == 1 else None


def _grids(model: nn.Module):
    """(name, sizes) of every position embedding whose grid a module states."""
    for prefix, module in model.named_modules():
        for name, sizes in getattr(module, "position_grids", {}).items():
            yield (f"{prefix}.{name}" if prefix else name), sizes
