"""The moving average of a network's weights, which is evaluated in place of the network."""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def weight_average(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the network that follows its weights and buffers: `update_parameters` after every optimiser step.

    The average moves by 1 - min(decay, (1 + n) / (10 + n)) of the difference at the n-th step, so that the first steps,
    which no network should remember, leave it quickly. The first update copies the network.
    """

    def follow(average: Tensor, current: Tensor, count: Tensor) -> Tensor:
        rate = min(decay, (1 + float(count)) / (10 + float(count)))
        return average + (1 - rate) * (current - average) if average.is_floating_point() else current

    average = AveragedModel(model, avg_fn=follow, use_buffers=True)
    average.n_averaged = average.n_averaged.to(next(model.parameters()).device)
    return average


@torch.no_grad()
def follow_on_device(average: AveragedModel, model: nn.Module, decay: float) -> None:
    """Update an average that has been updated before: the same numbers, all on the device, so that it can be captured.

    `AveragedModel.update_parameters` reads the count of updates and waits for it.
    """
    count = average.n_averaged.double()
    rate = ((1 + count) / (10 + count)).clamp(max=decay)
    mine = chain(average.module.parameters(), average.module.buffers())
    for one, current in zip(mine, chain(model.parameters(), model.buffers()), strict=True):
        one.copy_(one + (1 - rate) * (current - one) if one.is_floating_point() else current)
    average.n_averaged.add_(1)
