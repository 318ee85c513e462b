"""Masked autoencoding by any network that gives maps, and the edges and patch difficulty of Edge-MAE."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines._network_stages import StagedNetwork, at_stages, stage_names

FIXED = 0  # seed of the masks of a network that is evaluated
SWITCH = 0.5  # share of the steps after which hard patches weigh more
EDGE_SHARE = 0.1  # weight of the edges against the scan: 1 to 10, as published


def random_mask(count: int, grid: tuple[int, ...], share: float, generator: torch.Generator | None = None) -> Tensor:
    """(count, 1, *grid): 1 for the masked patches, a share of them and the same number in every scan, at least one."""
    patches = math.prod(grid)
    most = max(1, min(patches - 1, round(share * patches)))
    order = torch.rand(count, patches, generator=generator).argsort(1)
    return (order < most).float().view(count, 1, *grid)


def difficulty(mask: Tensor) -> Tensor:
    """The share of masked patches among a patch and its neighbours, in [0, 1]. mask: (B, 1, *grid)."""
    pool = F.avg_pool2d if mask.ndim == 4 else F.avg_pool3d
    return pool(mask, 3, stride=1, padding=1, count_include_pad=False)


def patch_weights(hard: Tensor, progress: float) -> Tensor:
    """2 - d in the first half of the training, 1 + d in the second, of patches of difficulty d."""
    return 2 - hard if progress < SWITCH else 1 + hard


def edges(x: Tensor) -> Tensor:
    """(B, 1, ...): the magnitude of the Sobel gradients, mean over the channels, at most 1."""
    axes, total = x.ndim - 2, 0.0
    smooth, slope = torch.tensor([1.0, 2.0, 1.0]) / 4, torch.tensor([-1.0, 0.0, 1.0]) / 2
    padded = F.pad(x.mean(1, keepdim=True), (1, 1) * axes, mode="replicate")
    for axis in range(axes):
        kernel = torch.ones(())
        for other in range(axes):
            kernel = kernel[..., None] * (slope if other == axis else smooth)
        convolve = F.conv2d if axes == 2 else F.conv3d
        total = total + convolve(padded, kernel[None, None].to(x)).square()
    return total.clamp_min(1e-12).sqrt().clamp_max(1)


def masked_mean(errors: Tensor, weights: Tensor) -> Tensor:
    """(B,) the weighted mean of (B, C, ...) over its masked voxels. weights: (B, 1, ...), 0 where nothing is masked."""
    total = (errors * weights).flatten(1).sum(1)
    return total / (weights.expand_as(errors) > 0).flatten(1).sum(1)


class MaskedAutoencoder(StagedNetwork):
    """A network that sees scans with masked patches, and a decoder that restores these from its last map.

    Masked patches have the value 0, the mean of a normalised scan. `edge`: a second output restores the edges, and
    patches are weighted by their difficulty (Edge-MAE). The networks here are convolutional, so they see the masked
    patches as such; the encoder of the papers, a transformer, does not get them.
    """

    def __init__(
        self, network: nn.Module, shape: tuple[int, ...], patch: int, masked: float, decoder: int, edge: bool
    ) -> None:
        super().__init__(network, shape, stage_names(network, 2)[-1:])
        self.patch, self.masked, self.edge = patch, masked, edge
        (width,) = self.widths
        layer = nn.Conv2d if len(shape) == 3 else nn.Conv3d
        self.expand = nn.Sequential(layer(width, decoder, 1), nn.GELU())
        self.restore = nn.Sequential(
            layer(decoder, decoder, 3, padding=1), nn.GELU(), layer(decoder, shape[0] + edge, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1): the loss of each scan, for masks that are always the same; to compare evaluation points."""
        generator = torch.Generator().manual_seed(FIXED)
        return self.losses(x, random_mask(len(x), self.grid(x), self.masked, generator).to(x), None)[:, None]

    def learn(self, x: Tensor, progress: float) -> Tensor:
        """(B,): the loss of each scan with its gradient. progress: share of the steps that are done."""
        return self.losses(x, random_mask(len(x), self.grid(x), self.masked).to(x), progress if self.edge else None)

    def grid(self, x: Tensor) -> tuple[int, ...]:
        """The number of patches along each axis; those at the far end may be cut off."""
        return tuple(math.ceil(side / self.patch) for side in x.shape[2:])

    def losses(self, x: Tensor, mask: Tensor, progress: float | None) -> Tensor:
        """(B,) for a mask (B, 1, *grid). progress: None weighs all patches equally."""
        weights = mask if progress is None else mask * patch_weights(difficulty(mask), progress)
        hidden, weights = (self._spread(each, x) for each in (mask, weights))
        restored = self.restored(x * (1 - hidden)).float()
        losses = masked_mean((restored[:, : x.shape[1]] - x).square(), weights)
        if self.edge:
            drawn = masked_mean((restored[:, x.shape[1] :] - edges(x)).square(), weights)
            losses = losses + EDGE_SHARE * drawn
        return losses

    def restored(self, x: Tensor) -> Tensor:
        """The decoder's output for masked scans, (B, C, ...) or (B, C + 1, ...) with edges."""
        maps: list[Tensor] = []
        with at_stages(self.pretrained, self.stages, lambda _, output: maps.append(output)):
            self.pretrained(x)
        mode = "bilinear" if x.ndim == 4 else "trilinear"
        return self.restore(F.interpolate(self.expand(maps[-1]), x.shape[2:], mode=mode, align_corners=False))

    def _spread(self, patches: Tensor, x: Tensor) -> Tensor:
        """(B, 1, *grid) to the voxels of the scans."""
        for axis in range(2, x.ndim):
            patches = patches.repeat_interleave(self.patch, axis)
        return patches[(..., *(slice(side) for side in x.shape[2:]))]
