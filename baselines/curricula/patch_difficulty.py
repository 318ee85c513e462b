"""Patch difficulty for masks: patches far from borders have more weight at first, those near them later."""

from __future__ import annotations

from dataclasses import dataclass

from bench.core import BenchError, Task, param
from bench.curriculum import Curriculum, Signals, Stage
from bench.method import Method


@dataclass(frozen=True)
class PatchDifficulty(Curriculum):
    """The cross-entropy of each voxel weighs 2 - d until `switch`, and 1 + d from then on; d is its patch's difficulty.

    A patch's difficulty is the share of the patches around it, itself included, that contain a border. The weights have
    mean 1 in each scan; the Dice term stays. Edge-MAE weighs the patches that it reconstructs, and counts masked
    neighbours where we count borders; their code switches after the first epoch where halfway is meant.

    Source: Li et al., Edge-preserving MAE (SLMT-Net, MT-Net), IEEE TMI 2023, arXiv 2212.01108.
    """

    patch: int = param(8, "edge of a patch, in voxels")
    switch: float = param(0.5, "share of the steps after which difficult patches have more weight")

    def __post_init__(self) -> None:
        if self.patch < 1 or not 0 <= self.switch <= 1:
            raise BenchError(f"patch must be 1 or more, switch from 0 to 1, not {self.patch} and {self.switch}")

    def at(self, progress: float, signals: Signals) -> Stage:
        from baselines.curricula import _patches

        return Stage(voxels=_patches.PatchWeights(self.patch, progress >= self.switch))

    def refuses(self, method: Method, task: Task, shape: tuple[int, ...]) -> str | None:
        if task.kind != "segmentation":
            return "it weights the patches of masks, but the target is not a mask"
        if type(method).step is not Method.step:
            return "it weights the label loss of whole masks, but this method has its own loss"
        return super().refuses(method, task, shape)


CURRICULUM = PatchDifficulty
