"""Barlow Twins, end to end or block by block: the network, its heads and its loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from baselines._network_stages import StagedNetwork, at_stages, handed_on, stage_names
from baselines._pretext_views import RandomView

EPSILON = 1e-5
FIXED = 0  # seed of the views of a network that is evaluated


def barlow_loss(first: Tensor, second: Tensor, redundancy: float) -> Tensor:
    """sum_i (1 - C_ii)^2 + redundancy sum_{i != j} C_ij^2, C the correlation of (B, F) features of two views.

    Zbontar et al., arXiv 2103.03230, without their constant factor. It is 0 if C is the identity.
    """
    one, other = (_standardised(each.float()) for each in (first, second))
    correlation = one.T @ other / len(one)  # (F, F)
    own = correlation.diagonal()
    return (1 - own).square().sum() + redundancy * (correlation.square().sum() - own.square().sum())


class BarlowTwins(StagedNetwork):
    """A network whose stages describe two views of a scan alike, each through a head of its own.

    blocks: the number of stages with a loss. With more than one, gradients stop between them: each block learns from
    its own loss alone, and its activations are freed before the next block is computed.
    """

    def __init__(
        self,
        network: nn.Module,
        shape: tuple[int, ...],
        view: RandomView,
        blocks: int,
        features: int,
        redundancy: float,
        activation_noise: float,
    ) -> None:
        super().__init__(network, shape, stage_names(network, max(blocks, 2))[-blocks:])
        self.view, self.redundancy, self.activation_noise = view, redundancy, activation_noise
        self.heads = nn.ModuleList(stage_head(width, features, len(shape) - 1) for width in self.widths)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1): the loss of the batch, for two views that are always the same; to compare evaluation points."""
        generator = torch.Generator().manual_seed(FIXED)
        losses: list[Tensor] = []

        def read(number: int, output: Tensor) -> None:
            losses.append(barlow_loss(*self.heads[number](output).chunk(2), self.redundancy))

        with at_stages(self.pretrained, self.stages, read):
            self.pretrained(torch.cat([self.view(x, generator), self.view(x, generator)]))
        return torch.stack(losses).sum().expand(len(x), 1)

    def learn(self, x: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """The loss of a batch with its gradient, and the loss of each block.

        The gradient of a block is computed as soon as its output is known; what is returned hands it on.
        """
        losses, gradients = self.block_gradients(x)
        return handed_on(self, losses, gradients), losses

    def block_gradients(self, x: Tensor) -> tuple[list[Tensor], list[Mapping[str, Tensor]]]:
        """The loss of each block, and its gradient by the name of the weight."""
        names, weights = zip(*((n, w) for n, w in self.named_parameters() if w.requires_grad), strict=True)
        losses: list[Tensor] = []
        gradients: list[Mapping[str, Tensor]] = []

        def read(number: int, output: Tensor) -> Tensor:
            loss = barlow_loss(*self.heads[number](output).chunk(2), self.redundancy)
            found = torch.autograd.grad(loss, weights, allow_unused=True)
            gradients.append({name: each for name, each in zip(names, found, strict=True) if each is not None})
            losses.append(loss.detach())
            return self._handed_on(output.detach())

        with at_stages(self.pretrained, self.stages, read):
            self.pretrained(torch.cat([self.view(x), self.view(x)]))
        return losses, gradients

    def _handed_on(self, output: Tensor) -> Tensor:
        """What the next block reads: the output with noise of a share of its deviation."""
        if not self.activation_noise or len(self.stages) == 1:
            return output
        return output + self.activation_noise * output.std() * torch.randn(output.shape).to(output)


def stage_head(width: int, features: int, axes: int) -> nn.Module:
    """Expansion by a 1x1 layer, mean over the positions, and a projector of three layers."""
    layer, norm = (nn.Conv2d, nn.BatchNorm2d) if axes == 2 else (nn.Conv3d, nn.BatchNorm3d)
    pool = nn.AdaptiveAvgPool2d(1) if axes == 2 else nn.AdaptiveAvgPool3d(1)
    expansion = [layer(width, features, 1, bias=False), norm(features), nn.ReLU(), pool, nn.Flatten()]
    hidden = [
        part
        for _ in range(2)
        for part in (nn.Linear(features, features, bias=False), nn.BatchNorm1d(features), nn.ReLU())
    ]
    return nn.Sequential(*expansion, *hidden, nn.Linear(features, features, bias=False))


def _standardised(features: Tensor) -> Tensor:
    """Each feature with mean 0 and deviation 1 over the batch; 0 if it is constant."""
    centred = features - features.mean(0)
    return centred / (centred.square().mean(0) + EPSILON**2).sqrt()
