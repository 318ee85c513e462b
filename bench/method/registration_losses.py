"""Losses of a registration: how alike the fixed and the warped scan are, and how smooth the displacement is.

A displacement (B, A, ...) is in voxels: the voxel x of the fixed scan lies at x + displacement in the moving scan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from bench.method.training_batch import Batch

WINDOW = 9  # voxels along each axis of the window of the local correlation, as in VoxelMorph
BINS = 23  # of the mutual information, MONAI's default
TINY = 1e-5


def warped(image: Tensor, displacement: Tensor, mode: str = "bilinear") -> Tensor:
    """Warp scans by displacements.

    Parameters
    ----------
    image : Tensor of shape (B, C, ...)
        Two or three spatial axes.
    displacement : Tensor of shape (B, axes, ...)
        In voxels.
    mode : {"bilinear", "nearest"}
        Interpolation; "bilinear" is trilinear for volumes.

    Returns
    -------
    Tensor of shape (B, C, ...)
        `image` at x + displacement; beyond the border the nearest voxel's value.
    """
    import torch
    from torch.nn import functional as F

    sizes = displacement.shape[2:]
    axes = [torch.arange(size, device=displacement.device, dtype=displacement.dtype) for size in sizes]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij")) + displacement  # (B, axes, ...)
    scale = torch.tensor([2 / max(1, size - 1) for size in sizes], device=places.device, dtype=places.dtype)
    grid = (places.movedim(1, -1) * scale - 1).flip(-1)  # grid_sample counts the last axis first
    return F.grid_sample(image, grid.to(image.dtype), mode=mode, padding_mode="border", align_corners=True)


def composed(first: Tensor, second: Tensor) -> Tensor:
    """The displacement of one deformation after another.

    Parameters
    ----------
    first, second : Tensor of shape (B, axes, ...)
        A scan warped by `first`, then by `second`.

    Returns
    -------
    Tensor of shape (B, axes, ...)
        A scan warped by it is that scan warped by both: second(x) + first(x + second(x)).
    """
    return second + warped(first, second)


def integrated(velocity: Tensor, squarings: int = 7) -> Tensor:
    """The displacement of a stationary velocity field, by scaling and squaring.

    Parameters
    ----------
    velocity : Tensor of shape (B, axes, ...)
        In voxels per unit of time.
    squarings : int
        The velocity is halved and its flow doubled so many times.

    Returns
    -------
    Tensor of shape (B, axes, ...)
        In voxels; a smooth velocity gives a deformation without folds.
    """
    displacement = velocity / 2**squarings
    for _ in range(squarings):
        displacement = composed(displacement, displacement)
    return displacement


def pearson(fixed: Tensor, moved: Tensor) -> Tensor:
    """1 - Pearson's correlation of the voxels of each scan: (B, C, ...) twice to (B,)."""
    one, other = (each.flatten(1) - each.flatten(1).mean(1, keepdim=True) for each in (fixed, moved))
    norms = one.norm(dim=1) * other.norm(dim=1)
    return 1 - (one * other).sum(1) / norms.clamp_min(TINY)


def local_correlation(fixed: Tensor, moved: Tensor) -> Tensor:
    """1 - the mean squared correlation in a window around each voxel, by MONAI: (B, C, ...) twice to (B,)."""
    from monai.losses import LocalNormalizedCrossCorrelationLoss

    loss = LocalNormalizedCrossCorrelationLoss(fixed.ndim - 2, kernel_size=WINDOW, reduction="none")
    channels = range(fixed.shape[1])
    maps = [loss(moved[:, channel : channel + 1], fixed[:, channel : channel + 1]) for channel in channels]
    return 1 + sum(each.flatten(1).mean(1) for each in maps) / len(maps)  # MONAI's is the negative correlation


def mutual_information(fixed: Tensor, moved: Tensor) -> Tensor:
    """The negative mutual information of the grey values of each scan, by MONAI: (B, C, ...) twice to (B,)."""
    import torch
    from monai.losses import GlobalMutualInformationLoss

    loss = GlobalMutualInformationLoss(num_bins=BINS)
    pairs = zip(_unit(moved), _unit(fixed), strict=True)
    return torch.stack([loss(one[None], other[None]) for one, other in pairs])


def _unit(x: Tensor) -> Tensor:
    """Scans scaled to [0, 1], each by its own range."""
    flat = x.flatten(1)
    low, high = flat.min(1).values, flat.max(1).values
    shape = (-1, *[1] * (x.ndim - 1))
    return (x - low.reshape(shape)) / (high - low).clamp_min(TINY).reshape(shape)


def squared_gradient(displacement: Tensor) -> Tensor:
    """The mean squared first derivatives of the displacement, by central differences: (B, axes, ...) to (B,).

    It and `bending_energy` are MONAI's `DiffusionLoss` and `BendingEnergyLoss` pair by pair, without their warnings.
    """
    slopes = [_moved(displacement, {axis: 1}) - _moved(displacement, {axis: -1}) for axis in _axes(displacement)]
    return sum((slope / 2).square().flatten(1).mean(1) for slope in slopes)


def bending_energy(displacement: Tensor) -> Tensor:
    """The mean squared second derivatives of the displacement, mixed ones twice: (B, axes, ...) to (B,)."""
    energy, middle = 0.0, 2 * _moved(displacement, {})
    for one in _axes(displacement):
        bend = _moved(displacement, {one: 1}) - middle + _moved(displacement, {one: -1})
        energy = energy + bend.square().flatten(1).mean(1)
        for other in range(one + 1, displacement.ndim):
            alike = _moved(displacement, {one: 1, other: 1}) + _moved(displacement, {one: -1, other: -1})
            opposed = _moved(displacement, {one: 1, other: -1}) + _moved(displacement, {one: -1, other: 1})
            energy = energy + 2 * ((alike - opposed) / 4).square().flatten(1).mean(1)
    return energy


def _axes(maps: Tensor) -> range:
    return range(2, maps.ndim)


def _moved(maps: Tensor, by: dict[int, int]) -> Tensor:
    """Maps inside the border, (B, C, ...) two voxels shorter along each axis, moved along some axes."""
    for axis in _axes(maps):
        maps = maps.narrow(axis, 1 + by.get(axis, 0), maps.shape[axis] - 2)
    return maps


SIMILARITIES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "lncc": local_correlation,
    "pearson": pearson,
    "mi": mutual_information,
}
SMOOTHNESS: dict[str, Callable[[Tensor], Tensor]] = {"gradient": squared_gradient, "bending": bending_energy}


def alignment_losses(
    displacement: Tensor, batch: Batch, similarity: str = "lncc", smoothness: str = "gradient", weight: float = 1.0
) -> Tensor:
    """The loss of each pair: unlikeness of the fixed and the warped scan, plus the roughness of the displacement.

    Parameters
    ----------
    displacement : Tensor of shape (B, axes, ...)
        The output of a network, in voxels.
    batch : Batch
        Its scans are pairs: (B, 2 C, ...), the fixed scan first.
    similarity : str
        A key of `SIMILARITIES`.
    smoothness : str
        A key of `SMOOTHNESS`.
    weight : float
        Of the roughness.

    Returns
    -------
    Tensor of shape (B,)
        Losses with gradient. The label maps of the batch are not used.

    Raises
    ------
    ValueError
        If the output is no displacement of these scans.
    """
    fixed, moving = batch.x.chunk(2, dim=1)
    if displacement.shape != (len(fixed), fixed.ndim - 2, *fixed.shape[2:]):
        raise ValueError(
            f"the network returned an output of shape {tuple(displacement.shape)}; for pairs {tuple(batch.x.shape)} it "
            "must be a displacement along each spatial axis: correct `build`"
        )
    unlike = SIMILARITIES[similarity](fixed, warped(moving, displacement))
    rough = SMOOTHNESS[smoothness](displacement)
    batch.terms.update({"unlikeness": unlike.detach(), "roughness": rough.detach()})
    return unlike + weight * rough
