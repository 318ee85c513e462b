"""LocalNet: an encoder and decoder that aligns two scans, with displacements of several resolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines._registration_method import PairNetwork
from baselines.affine import Affine
from bench.core import BenchError, Task, param

if TYPE_CHECKING:
    from torch import nn

RESIZING = "trilinear"  # of deep levels


@dataclass(frozen=True, kw_only=True)
class LocalNet(PairNetwork):
    """MONAI's LocalNet: residual levels whose displacements, one for each level, are averaged at full resolution.

    Levels are resized linearly, as by DeepReg, from which MONAI's is adapted; MONAI repeats voxels: blocks. The
    displacement is not integrated unless `diffeomorphic` is on, so it can fold. Volumes are padded by their border to a
    size that the levels divide. Source: Hu et al., Medical Image Analysis 49, 2018 (doi:10.1016/j.media.2018.07.002),
    without its labels; https://github.com/Project-MONAI/MONAI.
    """

    version: ClassVar[int] = 2

    diffeomorphic: bool = param(False, "on: the network returns a velocity; off: a displacement")
    squarings: int = param(7, "squarings of the integration of a velocity")
    width: int = param(16, "channels of the first level; each further level has twice as many")
    levels: tuple[int, ...] = param((0, 1, 2, 3), "levels whose displacements are averaged; the largest is the deepest")
    affine: bool = param(
        False, "on: SimpleITK's affine map of each pair comes first, see the method affine", later=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1 or self.squarings < 1 or not self.levels or min(self.levels) < 0 or max(self.levels) < 1:
            raise BenchError("localnet: width and squarings must be 1 or more, levels 0 or more, one of them 1 or more")

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        return super().refuses(task, shape) or self._too_deep(shape, 2 ** max(self.levels))

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from monai.networks.nets import LocalNet as Network
        from torch.nn import Conv3d

        from baselines._alignment_networks import AffineFirst, Aligner, mark_encoder, quieten

        network = Network(3, shape[0], self.width, tuple(self.levels), out_channels=3, mode=RESIZING)
        network.output_block.mode = RESIZING  # of the displacements; MONAI passes it to the other layers alone
        for layer in network.output_block.modules():
            if isinstance(layer, Conv3d):
                quieten(layer)
        mark_encoder(network.encode_convs, network.bottom_block)
        aligner = Aligner(network, 2 ** max(self.levels), self.squarings if self.diffeomorphic else 0)
        return AffineFirst(aligner, Affine().align) if self.affine else aligner


METHOD = LocalNet
