"""Segmentation of volumes by networks of MONAI, whole or by patches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from bench.core import BenchError, Range, Task, param
from bench.method import DESCENT, Batch, PretrainedMethod, label_losses
from bench.views import View, Volume

if TYPE_CHECKING:
    from torch import Tensor, nn

    from baselines import _segment


@dataclass(frozen=True, kw_only=True)
class MonaiSeg(PretrainedMethod):
    """Segmentation of volumes by SegResNet, a U-Net planned as in nnU-Net (DynUNet) or SwinUNETR.

    It reads whole volumes; with `patch`, random patches in training and overlapping windows afterwards, blended with
    Gaussian weights (MONAI's `sliding_window_inference`). A patch larger than the volume along an axis is reduced to
    the volume's size. Volumes are padded to a size that the network's strides divide, by repeating the border, and the
    output is cropped again. Source: Isensee et al., Nature Methods 18, 2021 (nnU-Net); Myronenko, arXiv 1810.11654
    (SegResNet); Hatamizadeh et al., arXiv 2201.01266 (SwinUNETR); https://github.com/Project-MONAI/MONAI.
    """

    family: ClassVar[str] = "3d"
    version: ClassVar[int] = 2
    space: ClassVar[Mapping[str, Range]] = DESCENT

    view: View = param(Volume(), "how a scan becomes the input; masks stay on the prepared grid")
    network: str = param("SegResNet", "name of the network in monai.networks.nets: SegResNet, DynUNet or SwinUNETR")
    width: int = param(0, "channels of the first level; 0: SegResNet 8, DynUNet 32, SwinUNETR 24")
    options: Mapping[str, Any] | None = param(None, 'other arguments of the network, as JSON: {"dropout_prob": 0.2}')
    spacing: tuple[float, ...] = param(
        (), "voxel size in mm along each axis, for the plan of DynUNet; empty: that of the prepared scans"
    )
    patch: tuple[int, ...] = param((0, 0, 0), "patch size in voxels along each axis; 0: the whole volume")
    foreground: float = param(0.33, "probability that a training patch is centred on a voxel of a structure")
    overlap: float = param(0.5, "overlap of neighbouring windows, as a fraction of their edge")
    deep_supervision: int = param(
        0, "DynUNet: coarser levels that predict masks in training too, each with half the weight of the finer one",
        later=True, within=(0, 5),
    )  # fmt: skip

    def __post_init__(self) -> None:
        if len(self.patch) != 3 or min(self.patch) < 0:
            raise BenchError(f"monaiseg: patch must be three numbers of voxels (0: the whole axis), not {self.patch}")
        if self.spacing and (len(self.spacing) != 3 or min(self.spacing) <= 0):
            raise BenchError(f"monaiseg: spacing must be three numbers of mm above 0, or empty, not {self.spacing}")
        if not (0 <= self.foreground <= 1 and 0 <= self.overlap < 1 and self.width >= 0):
            raise BenchError("monaiseg: foreground must be in [0, 1], overlap in [0, 1), width 0 or more")
        if self.deep_supervision and self.network != "DynUNet":
            raise BenchError(f"monaiseg: only DynUNet has deep_supervision, not {self.network}; set it to 0")

    def bind_spacing(self, spacing: tuple[float, ...]) -> MonaiSeg:
        return self if self.spacing or len(spacing) != 3 else replace(self, spacing=tuple(map(float, spacing)))

    def build_network(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines import _segment

        made, divisors = self._build_network((shape[0], *self._window(shape)), task.outputs)
        return _segment.Windowed(made, divisors, self._window(shape), self.overlap)

    def step(self, model: nn.Module, batch: Batch) -> Tensor:
        from baselines._segment import patches

        sizes = self._window(tuple(batch.x.shape[1:]))
        if sizes != tuple(batch.x.shape[2:]):
            x, y = patches(batch.x, batch.y, sizes, self.foreground)
            batch = replace(batch, x=x, y=y)
        own = label_losses(model(batch.x), batch)
        if not self.deep_supervision:
            return own
        levels = [own, *(label_losses(each, batch) for each in model.take_coarser())]
        weights = [0.5**level for level in range(len(levels))]
        return sum(weight * each for weight, each in zip(weights, levels, strict=True)) / sum(weights)

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        from baselines._input_sizes import misfit

        if task.kind != "segmentation":
            return "it predicts a mask, not one class or number for a scan"
        if len(shape) != 4:
            return "it reads volumes, but this data set has images"
        return misfit(lambda shown: self.build(task, shown), Volume(), shape)

    def check(self) -> None:
        self._build_network((1, 64, 64, 64), 2)
        super().check()

    def _build_network(self, shape: tuple[int, ...], outputs: int) -> _segment.Made:
        """The network, and the divisors of its input sizes. Voxels are isotropic if the spacing is not known."""
        from baselines import _segment

        spacing = self.spacing or (1.0, 1.0, 1.0)
        options = {**(self.options or {})}
        if self.deep_supervision:
            options[_segment.SUPERVISED] = self.deep_supervision
        return _segment.create(self.network, shape, outputs, self.width, options, spacing)

    def note(self, shape: tuple[int, ...]) -> str:
        """The input sizes if patches are larger than the scans."""
        if all(wanted <= size for wanted, size in zip(self.patch, shape[1:], strict=True)):
            return ""
        patch, window = (" x ".join(map(str, sizes)) for sizes in (self.patch, self._window(shape)))
        return f"patches of {patch} are larger than the scans and are reduced to {window}"

    def _window(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A patch of a volume of `shape`, (C, D, H, W): never larger than it."""
        return tuple(min(size, wanted or size) for size, wanted in zip(shape[1:], self.patch, strict=True))


METHOD = MonaiSeg
