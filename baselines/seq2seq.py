"""One network that generates any contrast of a scan from any other one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines._translation_method import TranslationMethod
from bench.core import BenchError, Range, Task, param
from bench.method import DESCENT, Batch

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Seq2Seq(TranslationMethod):
    """A U-Net whose decoder has kernels that are linear functions of the pair of contrasts.

    Its loss has three terms: the generated target, the source generated from itself, and the source generated again
    from the generated target (a cycle), each by the smooth absolute error. Source: Han et al., Medical Image Analysis
    2023, arXiv 2302.00517, https://github.com/fiy2W/mri_seq2seq (MIT), whose code has the target alone (`source=off`),
    whose weights of the terms are 10, 10 and 10, and which adds 0.01 of a perceptual loss of VGG-19: it needs weights
    that were trained on photographs, and is left out.
    """

    family: ClassVar[str] = "3d"
    space: ClassVar[Mapping[str, Range]] = DESCENT

    width: int = param(16, "channels of the first level; each further level has twice as many")
    levels: int = param(3, "levels, each of half the resolution")
    terms: int = param(16, "kernels that are mixed to one")
    source: bool = param(True, "on: the kernels follow source and target; off: the target alone")
    reconstruction: float = param(1.0, "weight of the source generated from itself", within=(0,))
    cycle: float = param(1.0, "weight of the source generated from the generated target", within=(0,))

    def __post_init__(self) -> None:
        if min(self.width, self.levels, self.terms) < 1:
            raise BenchError("seq2seq: width, levels and terms must be 1 or more")

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        if reason := super().refuses(task, shape):
            return reason
        if min(shape[1:]) < 2 ** (self.levels - 1):
            return f"its {self.levels} levels need {2 ** (self.levels - 1)} voxels along each axis; set fewer levels"
        return None

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._translation_networks import Translator

        channels = [self.width * 2**level for level in range(self.levels)]
        return Translator(len(shape) - 1, len(task.classes), channels, self.terms, self.source)

    def step(self, model: nn.Module, batch: Batch) -> Tensor:
        from torch.nn.functional import smooth_l1_loss

        from baselines._translation_networks import pair_of, with_pair

        def apart(one: Tensor, other: Tensor) -> Tensor:
            return smooth_l1_loss(one, other, reduction="none").flatten(1).mean(1)

        count, image = len(batch.task.classes), batch.x[:, :1]
        source, target = pair_of(batch.x, count)
        made = model(batch.x)
        terms = {"translation": apart(made, batch.y)}
        losses = terms["translation"]
        if self.reconstruction:
            terms["reconstruction"] = apart(model(with_pair(image, source, source, count)), image)
            losses = losses + self.reconstruction * terms["reconstruction"]
        if self.cycle:
            terms["cycle"] = apart(model(with_pair(made, target, source, count)), image)
            losses = losses + self.cycle * terms["cycle"]
        batch.terms.update({name: each.detach() for name, each in terms.items()})
        return losses


METHOD = Seq2Seq
