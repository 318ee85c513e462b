"""The fully convolutional network of brain age, by bins of age or by the number itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, Floats, Range, Task, param
from bench.method import DESCENT, Batch, PretrainedMethod, label_losses, why_unsupported
from bench.views import View, Volume

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Sfcn(PretrainedMethod):
    """SFCN: five halvings of the volume, one 1x1x1 layer, a mean over all positions; classes or numbers.

    A predicted number is the mean of bins under the network's probabilities. The loss is the Kullback-Leibler
    divergence from soft labels: a normal distribution about the true value, binned. Source: Peng et al., Medical Image
    Analysis 68:101871, 2021, with 40 bins of a year and a deviation of a year. Here the bins divide the targets'
    standard scale, the outermost ones are open so that no label loses mass, and halving rounds odd sizes up. `loss=l1`
    predicts the number directly.
    """

    family: ClassVar[str] = "3d"
    space: ClassVar[Mapping[str, Range]] = {**DESCENT, "dropout": Floats(0.0, 0.7)}

    view: View = param(Volume(mm=4.0), "how a scan becomes the input of the network")
    channels: tuple[int, ...] = param(
        (32, 64, 128, 256, 256, 64), "channels of each convolution; all but the last are followed by max pooling"
    )
    dropout: float = param(0.5, "dropout rate before the last layer, in training", within=(0, 1))
    loss: str = param("kl", "loss for numbers: kl, on bins with soft labels; l1, on the number itself", ("kl", "l1"))
    bins: int = param(40, "number of bins, with loss=kl")
    span: float = param(
        3.0, "range of the bins: standard deviations of the training targets on either side of their mean"
    )
    softness: float = param(1.0, "standard deviation of a soft label, in bin widths")

    def __post_init__(self) -> None:
        if len(self.channels) < 2 or min(self.channels) < 1:
            raise BenchError(f"sfcn: channels must be two or more numbers of at least 1, not {self.channels}")
        if self.bins < 2 or self.span <= 0 or self.softness <= 0:
            raise BenchError("sfcn: bins must be 2 or more, span and softness must be above 0")

    def build_network(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._sfcn import Network

        by_bins = task.kind == "regression" and self.loss == "kl"
        return Network(shape[0], self.channels, task.outputs, self.dropout, self.bins if by_bins else 0, self.span)

    def step(self, model: nn.Module, batch: Batch) -> Tensor:
        if batch.task.kind != "regression" or self.loss == "l1":
            return label_losses(model(batch.x), batch)
        from baselines._sfcn import divergence, scored, soft_labels

        centres = model.centres
        return divergence(scored(model, batch.x), soft_labels(batch.y, centres, self.softness))

    def mixes_labels(self, task: Task) -> bool:
        return True

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        return why_unsupported(self, task, shape, (3,))


METHOD = Sfcn
