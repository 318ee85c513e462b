"""DCL-SE with auxiliary outputs after its stages, for classification and regression."""

from __future__ import annotations

from torch import Tensor, nn

from bench.core import Task
from dclse.architecture import LAST, WIDTHS, Structure
from dclse.curriculum import Progress, stages_of
from dclse.heads import Fusion, Pooled
from dclse.network import Backbone


class Staged(nn.Module):
    """(B, C, H, W) to (B, outputs). The stages' outputs add to the training loss and are not used for prediction.

    auxiliary: add outputs after S1, S4, S6 and C1. fusion: `last`, the prediction is the output of C1; `attention`,
    all four stages are fused by global attention, and C1 has an auxiliary output too.
    """

    def __init__(self, channels: int, task: Task, structure: Structure, auxiliary: bool, fusion: str) -> None:
        super().__init__()
        self.backbone = Backbone(channels, None, structure)
        stages = stages_of(task, fusion)
        with_output = [stage for stage in stages if auxiliary and (stage != "C1" or fusion == "attention")]
        self.outputs = nn.ModuleDict({stage: Pooled(WIDTHS[stage], task.outputs) for stage in with_output})
        self.progress = Progress(stages) if auxiliary else None
        self.fused = fusion == "attention"
        self.answer = Fusion(stages, task.outputs) if self.fused else Pooled(LAST, task.outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self._answer(self.backbone.maps(x))

    def staged(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The prediction and the outputs of the stages, each (B, outputs)."""
        maps = self.backbone.maps(x)
        answer = self._answer(maps)
        stage_outputs = [output(maps[stage]) for stage, output in self.outputs.items()]
        return answer, stage_outputs if self.fused else [*stage_outputs, answer]

    def _answer(self, maps: dict[str, Tensor]) -> Tensor:
        return self.answer(maps if self.fused else maps["C1"])
