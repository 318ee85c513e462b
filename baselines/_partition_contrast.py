"""Contrastive learning from aligned volumes: partitions for the encoder, regions for the decoder."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines._network_stages import StagedNetwork, at_stages, handed_on, stage_names
from baselines._pretext_views import RandomView
from bench.core import UnsupportedInputSizeError

FIXED = 0  # seed of the views of a network that is evaluated
REGIONS, SIDE, NEAREST = 13, 3, 5  # regions of a map, their side, and how many others are the negatives of one


def contrast(features: Tensor, same: Tensor, other: Tensor, temperature: float) -> Tensor:
    """Mean of -log(e^(s+) / (e^(s+) + sum over negatives e^(s-))) over all positive pairs, s the cosine / temperature.

    features: (..., N, F). same, other: (N, N), True for positive and for negative pairs. Equal or orthogonal features
    with n negatives give log(1 + n).
    """
    unit = F.normalize(features.float(), dim=-1)
    likeness = unit @ unit.transpose(-1, -2) / temperature  # (..., N, N)
    negatives = likeness.masked_fill(~other, -torch.inf).logsumexp(-1, keepdim=True)
    return (torch.logaddexp(likeness, negatives) - likeness)[..., same].mean()


def partition_pairs(volumes: int, partitions: int) -> tuple[Tensor, Tensor]:
    """Positive and negative pairs of (view, volume, partition), in this order, two views.

    Positive: the same partition, also of another volume. Negative: another partition.
    """
    number = torch.arange(partitions).repeat(2 * volumes)
    same = number[:, None] == number
    return same & ~torch.eye(len(number), dtype=torch.bool), ~same


def region_pairs(places: Tensor, nearest: int) -> tuple[Tensor, Tensor]:
    """Positive and negative pairs of (view, region), two views. places: (R, axes) of the regions.

    Positive: the same region in the other view. Negative: the nearest other regions, in both views.
    """
    distance = torch.cdist(places.double(), places.double()).fill_diagonal_(torch.inf)
    close = torch.zeros_like(distance, dtype=torch.bool)
    close.scatter_(1, distance.topk(min(nearest, len(places) - 1), largest=False).indices, True)
    return torch.eye(len(places), dtype=torch.bool).repeat(2, 2) & ~torch.eye(2 * len(places), dtype=torch.bool), (
        close.repeat(2, 2)
    )


def region_places(sizes: tuple[int, ...]) -> Tensor:
    """(R, axes): corners of at most 13 regions, spread over a map."""
    ends = [max(0, size - SIDE) for size in sizes]
    steps = [sorted({0, end // 2, end}) for end in ends]
    corners = torch.tensor(list(itertools.product(*steps)))
    count = min(REGIONS, len(corners))
    return corners[torch.linspace(0, len(corners) - 1, count).round().long()]


class PartitionContrast(StagedNetwork):
    """The encoder learns which partition of a head a slab is, and the decoder which region of it a place is.

    The gradient of the decoder's loss does not reach the encoder. Without a decoder, or with
    `regions` off, there is the first loss alone.
    """

    def __init__(
        self,
        network: nn.Module,
        shape: tuple[int, ...],
        view: RandomView,
        partitions: int,
        features: int,
        heat: float,
        regions: bool = True,
    ) -> None:
        if len(shape) != 4:
            raise UnsupportedInputSizeError("it contrasts partitions of volumes, and these scans are images")
        if shape[3] < 2 * partitions:
            raise UnsupportedInputSizeError(f"{shape[3]} slices cannot be divided into {partitions} partitions")
        stages = _unet_stages(network) or stage_names(network, 2)[-1:]
        super().__init__(network, shape, stages if regions else stages[:1])
        self.view, self.partitions, self.temperature = view, partitions, heat
        self.local = RandomView(1.0, view.intensity, view.noise, False)  # places stay where they are
        encoder, *decoder = self.widths
        hidden = max(features, encoder)
        self.project = nn.Sequential(nn.Linear(encoder, hidden), nn.ReLU(), nn.Linear(hidden, features))
        self.compare = nn.ModuleList(
            nn.Sequential(nn.Conv3d(width, features, 1), nn.ReLU(), nn.Conv3d(features, features, 1, bias=False))
            for width in decoder
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1): the losses of the batch for views that are always the same; to compare evaluation points."""
        generator = torch.Generator().manual_seed(FIXED)
        return torch.stack(list(self.losses(x, generator))).sum().expand(len(x), 1)

    def learn(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The sum of the losses with their gradients, and each of them."""
        losses, gradients = self.gradients(x)
        return handed_on(self, losses, gradients), losses

    def gradients(self, x: Tensor) -> tuple[list[Tensor], list[Mapping[str, Tensor]]]:
        """Each loss, and its gradient by the name of the weight; that of the decoder has none of the encoder."""
        names, weights = zip(*((n, w) for n, w in self.named_parameters() if w.requires_grad), strict=True)
        losses: list[Tensor] = []
        gradients: list[Mapping[str, Tensor]] = []
        for loss in self.losses(x, None):
            found = torch.autograd.grad(loss, weights, allow_unused=True)
            earlier = set().union(*gradients)
            gradients.append(
                {n: each for n, each in zip(names, found, strict=True) if each is not None and n not in earlier}
            )
            losses.append(loss.detach())
        return losses, gradients

    def losses(self, x: Tensor, generator: torch.Generator | None) -> Iterator[Tensor]:
        """The loss of the encoder, then that of the decoder if there is one."""
        yield self._of_partitions(x, generator)
        if self.compare:
            yield self._of_regions(x, generator)

    def _of_partitions(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        slabs = torch.cat([*x.split(x.shape[4] // self.partitions, 4)[: self.partitions]])  # partition, then volume
        slabs = slabs.unflatten(0, (self.partitions, len(x))).transpose(0, 1).flatten(0, 1)
        pair = torch.cat([self.view(slabs, generator), self.view(slabs, generator)])
        encoded = self._maps(pair, self.stages[:1])[0].flatten(2).mean(2)
        pairs = (each.to(x.device) for each in partition_pairs(len(x), self.partitions))
        return contrast(self.project(encoded), *pairs, self.temperature)

    def _of_regions(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        pair = torch.cat([self.local(x, generator), self.local(x, generator)])
        decoded = self.compare[0](self._maps(pair, self.stages)[1])
        places = region_places(tuple(decoded.shape[2:]))
        boxes = [[slice(start, start + SIDE) for start in place] for place in places.tolist()]
        vectors = torch.stack([decoded[(..., *box)].flatten(2).mean(2) for box in boxes], 1)  # (2 B, R, F)
        both = torch.cat(vectors.chunk(2), 1)  # (B, 2 R, F)
        pairs = (each.to(x.device) for each in region_pairs(places, NEAREST))
        return contrast(both, *pairs, self.temperature)

    def _maps(self, x: Tensor, stages: list[str]) -> list[Tensor]:
        """The outputs of stages; the network is not computed beyond the last of them."""
        maps: list[Tensor] = []

        def read(number: int, output: Tensor) -> None:
            maps.append(output)
            if number == len(stages) - 1:
                raise _ReachedError

        with at_stages(self.pretrained, stages, read):
            try:
                self.pretrained(x)
            except _ReachedError:
                return maps
        raise RuntimeError(f"{stages[-1]} was not computed")


class _ReachedError(Exception):
    """Ends a forward pass behind the last stage that is read."""


def _unet_stages(model: nn.Module) -> list[str]:
    """The lowest level of MONAI's U-Net, and its last level above the output; empty for other networks."""
    names = [name for name, _ in model.named_modules()]
    lowest = max((name for name in names if re.fullmatch(r"(.*\.)?model(\.1\.submodule)+", name)), key=len, default="")
    first = re.sub(r"model\.1\.submodule.*", "model.1.submodule", lowest)
    return [lowest, f"{first}.2"] if lowest != first and f"{first}.2" in names else []
