"""The moving average of a network's weights, which is evaluated in place of the network."""

from __future__ import annotations

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

    return AveragedModel(model, avg_fn=follow, use_buffers=True)
