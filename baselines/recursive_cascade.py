"""A recursive cascade: networks that align two scans one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baselines._registration_method import PairNetwork
from baselines.affine import Affine
from bench.core import BenchError, Task, param
from bench.method import Batch
from bench.method.registration_losses import SIMILARITIES, SMOOTHNESS, warped

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class RecursiveCascade(PairNetwork):
    """An affine stem and several Volume Tweening Networks, each of which reads the scan that the others have warped.

    Only the last warped scan is compared with the fixed one; the displacement of every stage is smooth, and the affine
    map is near a rotation (`affine_weight` of the losses of its determinant and of its singular values). It is the base
    of Burduja and Ionescu's curricula. Source: Zhao et al., ICCV 2019, arXiv 1907.12353; Zhao et al., IEEE JBHI 24,
    2020 (VTN); https://github.com/microsoft/Recursive-Cascaded-Networks.
    """

    similarity: str = param(
        "pearson", "what makes scans alike: lncc (local correlation), pearson, or mi (mutual information)",
        tuple(SIMILARITIES),
    )  # fmt: skip
    cascades: int = param(1, "networks after the affine stem")
    affine: bool = param(True, "on: an affine stem comes first")
    affine_weight: float = param(0.1, "weight of the losses of the affine matrix")
    width: int = param(16, "channels of the first level; each further level has twice as many")
    solved: bool = param(
        False, "on: SimpleITK's affine map of each pair comes before all, see the method affine", later=True
    )
    levels: int = param(6, "levels, each of half the resolution; fewer where the volume is too small for them")

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.cascades, self.width) < 1 or self.levels < 2 or self.affine_weight < 0:
            raise BenchError("recursive_cascade: cascades and width must be 1 or more, levels 2, affine_weight 0")

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._alignment_networks import AffineFirst
        from baselines._vtn_network import Cascade

        levels = max(2, min(self.levels, (min(shape[1:]) - 1).bit_length() - 1))
        widths = [self.width * 2**level for level in range(levels)]
        cascade = Cascade(shape[0], widths, self.cascades, self.affine)
        return AffineFirst(cascade, Affine().align) if self.solved else cascade

    def step(self, model: nn.Module, batch: Batch) -> Tensor:
        from baselines._vtn_network import determinant_loss, orthogonality_loss

        fixed, moving = batch.x.chunk(2, dim=1)
        moved = warped(moving, model(batch.x))
        matrix, fields = model.take_parts()
        unlike = SIMILARITIES[self.similarity](fixed, moved)
        rough = sum(SMOOTHNESS[self.smoothness](each) for each in fields)
        batch.terms.update({"unlikeness": unlike.detach(), "roughness": rough.detach()})
        if matrix is None:
            return unlike + self.weight * rough
        far = determinant_loss(matrix) + orthogonality_loss(matrix)
        return unlike + self.weight * rough + self.affine_weight * far


METHOD = RecursiveCascade
