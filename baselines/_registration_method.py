"""What methods that align pairs of scans share: what they refuse, and the parameters of networks that learn to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, Range, Task, param
from bench.method import DESCENT, Batch, Method
from bench.method.registration_losses import SIMILARITIES, SMOOTHNESS, alignment_losses
from bench.views import View, Volume

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class PairMethod(Method):
    """A method that reads a fixed and a moving volume and returns a displacement in voxels."""

    kinds: ClassVar[tuple[str, ...]] = ("registration",)

    view: View = param(Volume(), "how a scan becomes the input; pairs stay on the prepared grid")

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        if task.kind not in self.kinds:
            return "it aligns the scans of two people, and this task has one scan to a sample"
        return None if len(shape) == 4 else "it aligns volumes, but this data set has images"


@dataclass(frozen=True, kw_only=True)
class PairNetwork(PairMethod):
    """A network that learns to align, without labels: from how alike the fixed and the warped scan are."""

    family: ClassVar[str] = "3d"
    space: ClassVar[Mapping[str, Range]] = DESCENT

    similarity: str = param(
        "lncc",
        "what makes scans alike: lncc (local correlation), pearson, or mi (mutual information)",
        tuple(SIMILARITIES),
    )
    smoothness: str = param("gradient", "penalty of rough displacements: gradient or bending", tuple(SMOOTHNESS))
    weight: float = param(1.0, "weight of that penalty")

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise BenchError(f"weight must be 0 or more, not {self.weight}")

    def _too_deep(self, shape: tuple[int, ...], factor: int) -> str | None:
        """Why levels that divide each axis by `factor` are too many for a volume (C, D, H, W)."""
        if factor <= 2 * min(shape[1:]):
            return None
        return (
            f"its levels divide each axis by {factor}, and the volumes have {min(shape[1:])} voxels along one of them"
        )

    def step(self, model, batch: Batch) -> Tensor:
        return alignment_losses(model(batch.x), batch, self.similarity, self.smoothness, self.weight)
