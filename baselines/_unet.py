"""A U-Net that reads volumes of any size."""

from __future__ import annotations

from collections.abc import Sequence

from monai.networks.nets import UNet
from torch import Tensor, nn
from torch.nn import functional as F


class PaddedUnet(nn.Module):
    """(B, C, D, H, W) to (B, outputs, D, H, W)."""

    def __init__(self, channels: int, outputs: int, levels: Sequence[int], units: int) -> None:
        super().__init__()
        strides = [2] * (len(levels) - 1)
        self.divisor = 2 ** len(strides)
        self.network = UNet(3, channels, outputs, list(levels), strides, num_res_units=units)

    def forward(self, x: Tensor) -> Tensor:
        missing = [-size % self.divisor for size in x.shape[2:]]
        padding = [part for more in reversed(missing) for part in (more // 2, more - more // 2)]
        answer = self.network(F.pad(x, padding))
        for axis, more in enumerate(missing, start=2):
            answer = answer.narrow(axis, more // 2, x.shape[axis])
        return answer
