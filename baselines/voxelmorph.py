"""VoxelMorph: a U-Net that aligns two scans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baselines._registration_method import PairNetwork
from baselines.affine import Affine
from bench.core import BenchError, Task, param

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class VoxelMorph(PairNetwork):
    """MONAI's VoxelMorph: a U-Net reads both scans and returns a velocity, or a displacement, for every voxel.

    A velocity is integrated by scaling and squaring, at full resolution: such a deformation can be inverted. Volumes
    are padded by their border to a size that the levels divide, and the displacement is cropped again. Source:
    Balakrishnan et al., IEEE TMI 38, 2019 (doi:10.1109/TMI.2019.2897538); Dalca et al., Medical Image Analysis 57, 2019
    (velocities); https://github.com/Project-MONAI/MONAI.
    """

    diffeomorphic: bool = param(True, "on: the network returns a velocity; off: a displacement")
    squarings: int = param(7, "squarings of the integration of a velocity")
    channels: tuple[int, ...] = param(
        (16, 32, 32, 32, 32, 32), "channels of the encoder and of the decoder at each level, in pairs from the top"
    )
    last: tuple[int, ...] = param((16, 16), "channels of the convolutions after the U-Net")

    affine: bool = param(
        False, "on: SimpleITK's affine map of each pair comes first, see the method affine", later=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.channels) < 2 or len(self.channels) % 2 or min(*self.channels, *self.last) < 1:
            raise BenchError(f"voxelmorph: channels are pairs of 1 or more, not {self.channels}, {self.last}")
        if self.squarings < 1:
            raise BenchError(f"voxelmorph: squarings must be 1 or more, not {self.squarings}")

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        return super().refuses(task, shape) or self._too_deep(shape, 2 ** (len(self.channels) // 2))

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from monai.networks.nets import VoxelMorphUNet

        from baselines._alignment_networks import AffineFirst, Aligner, last_convolution, mark_encoder, quieten

        network = VoxelMorphUNet(3, shape[0], self.channels[1], self.channels, self.last)
        quieten(last_convolution(network))
        level = network.net[0]
        while len(level) == 3:  # down, the levels below, up
            mark_encoder(level[0])
            level = level[1].submodule
        mark_encoder(level[0])
        aligner = Aligner(network, 2 ** (len(self.channels) // 2), self.squarings if self.diffeomorphic else 0)
        return AffineFirst(aligner, Affine().align) if self.affine else aligner


METHOD = VoxelMorph
