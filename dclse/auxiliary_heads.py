"""DCL-SE with outputs after its stages: for classes and numbers, on images or on volumes that it pools itself."""

from __future__ import annotations

from torch import Tensor, nn

from bench.core import Task
from dclse.architecture import LAST, WIDTHS, Structure
from dclse.curriculum import Progress, stages_of
from dclse.heads import Fusion, Pooled
from dclse.network import Backbone


class Staged(nn.Module):
    """(B, C, H, W) to (B, outputs). The stages' outputs are trained beside the answer, and not asked afterwards.

    auxiliary: with outputs after S1, S4, S6 and C1. fusion: `last`, the answer is that of C1; `attention`, of all four
    stages by their global attention, and C1 has an output of its own beside it.
    """

    def __init__(self, channels: int, task: Task, structure: Structure, auxiliary: bool, fusion: str) -> None:
        super().__init__()
        self.backbone = Backbone(channels, None, structure)
        stages = stages_of(task, fusion)
        beside = [stage for stage in stages if auxiliary and (stage != "C1" or fusion == "attention")]
        self.outputs = nn.ModuleDict({stage: Pooled(WIDTHS[stage], task.outputs) for stage in beside})
        self.progress = Progress(stages) if auxiliary else None
        self.fused = fusion == "attention"
        self.answer = Fusion(stages, task.outputs) if self.fused else Pooled(LAST, task.outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self._answer(self.backbone.maps(x))

    def staged(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The answer, and the outputs of the stages, each (B, outputs)."""
        maps = self.backbone.maps(x)
        answer = self._answer(maps)
        said = [output(maps[stage]) for stage, output in self.outputs.items()]
        return answer, said if self.fused else [*said, answer]

    def _answer(self, maps: dict[str, Tensor]) -> Tensor:
        return self.answer(maps if self.fused else maps["C1"])
