"""MetAug: contrastive learning with features that small networks augment, learnt by the step that they cause."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from baselines._barlow_twins import stage_head
from baselines._network_stages import StagedNetwork, at_stages, handed_on, stage_names
from baselines._pretext_views import RandomView

FIXED = 0  # seed of the views of a network that is evaluated
GAMMA = 16.0  # sharpness of the unified loss


def likeness(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Similarities in [0, 1] of (B, F) features of two views: (B,) of the same scan, (B, 2 B - 2) of other scans."""
    exact = torch.promote_types(first.dtype, torch.float32)
    one, two = (F.normalize(each.to(exact), dim=1) for each in (first, second))
    cosine = (1 + one @ two.T) / 2  # (B, B)
    others = ~torch.eye(len(cosine), dtype=torch.bool, device=cosine.device)
    rows = [each[others].view(len(cosine), -1) for each in (cosine, cosine.T)]
    return cosine.diagonal(), torch.cat(rows, 1)


def unified_loss(same: Tensor, other: Tensor) -> Tensor:
    """Mean over scans of softplus(LSE(gamma s-) - gamma s+). same: (B,); other: (B, negatives)."""
    return F.softplus((GAMMA * other).logsumexp(1) - GAMMA * same).mean()


def margin_loss(plain: tuple[Tensor, Tensor], augmented: tuple[Tensor, Tensor]) -> Tensor:
    """How far augmented features are easier than the hardest plain ones.

    Positive pairs above m+ = min(min s+, max s-) and negative pairs below m- = max(min s+, max s-) cost the difference.
    """
    lowest, highest = plain[0].detach().min(), plain[1].detach().max()
    low, high = torch.minimum(lowest, highest), torch.maximum(lowest, highest)
    return F.relu(augmented[0] - low).mean() + F.relu(high - augmented[1]).mean()


class MetAug(StagedNetwork):
    """A network whose last stage describes two views of a scan alike, and a generator of features for each view."""

    def __init__(
        self,
        network: nn.Module,
        shape: tuple[int, ...],
        view: RandomView,
        features: int,
        augmented_weight: float,
        margin_weight: float,
        meta_lr: float,
    ) -> None:
        super().__init__(network, shape, stage_names(network, 2)[-1:])
        self.view, self.meta_lr = view, meta_lr
        self.augmented_weight, self.margin_weight = augmented_weight, margin_weight
        self.head = stage_head(self.widths[0], features, len(shape) - 1)
        self.generators = nn.ModuleList(_generator(features) for _ in range(2))

    def forward(self, x: Tensor, encode: bool = False) -> Tensor:
        """(B, 1): the loss of two views that are always the same, to compare evaluation points.

        encode: (B, F), the features of scans, instead.
        """
        if encode:
            maps: list[Tensor] = []
            with at_stages(self.pretrained, self.stages, lambda _, output: maps.append(output)):
                self.pretrained(x)
            return self.head(maps[0])
        generator = torch.Generator().manual_seed(FIXED)
        first, second = self(torch.cat([self.view(x, generator), self.view(x, generator)]), encode=True).chunk(2)
        return unified_loss(*likeness(first, second)).expand(len(x), 1)

    def learn(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The loss with its gradient, and the unified loss without augmented features."""
        loss, plain, gradients = self.gradients(torch.cat([self.view(x), self.view(x)]))
        return handed_on(self, [loss], [gradients]), [plain]

    def gradients(self, pair: Tensor) -> tuple[Tensor, Tensor, Mapping[str, Tensor]]:
        """The whole loss, the unified one, and gradients by the name of the weight. pair: the two views, (2 B, C, ...).

        The network gets that of the loss; the generators that of the loss after the step of the network which they
        cause, of size `meta_lr`.
        """
        own = {n: w for n, w in self.named_parameters() if w.requires_grad and not n.startswith("generators.")}
        made = {name: weight for name, weight in self.named_parameters() if name.startswith("generators.")}
        loss, plain = self.losses(self(pair, encode=True))
        found = torch.autograd.grad(loss, list(own.values()), create_graph=True, allow_unused=True)
        steps = {name: each for name, each in zip(own, found, strict=True) if each is not None}
        moved = {name: own[name] - self.meta_lr * each for name, each in steps.items()}
        later, _ = self.losses(functional_call(self, moved, (pair,), {"encode": True}))
        taught = torch.autograd.grad(later, list(made.values()))
        gradients = {name: each.detach() for name, each in steps.items()}
        return loss.detach(), plain.detach(), gradients | dict(zip(made, taught, strict=True))

    def losses(self, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """The loss with augmented features, and the unified loss without them. encoded: (2 B, F)."""
        first, second = encoded.chunk(2)
        changed = [make(each) for make, each in zip(self.generators, (first, second), strict=True)]
        plain = likeness(first, second)
        ways = [likeness(changed[0], second), likeness(first, changed[1]), likeness(*changed)]
        loss = unified_loss(*plain)
        more = sum(unified_loss(*each) for each in ways)
        margins = sum(margin_loss(plain, each) for each in ways)
        return loss + self.augmented_weight * more + self.margin_weight * margins, loss


def _generator(features: int) -> nn.Module:
    """A network of three layers from features to features."""
    wide = 4 * features
    return nn.Sequential(
        nn.Linear(features, wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, features)
    )
