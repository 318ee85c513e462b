"""The encoder of SwinUNETR with a linear head, for classes and numbers."""

from __future__ import annotations

from collections.abc import Sequence

from monai.networks.nets.swin_unetr import SwinTransformer
from torch import Tensor, nn


class SwinEncoder(nn.Module):
    """(B, C, D, H, W) to (B, num_classes): the mean of the last map, read by a linear layer.

    Layers and their names are those of MONAI's SwinUNETR, so weights of its self-supervised training fit.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        spatial_dims: int = 3,
        feature_size: int = 48,
        depths: Sequence[int] = (2, 2, 2, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int = 7,
    ) -> None:
        super().__init__()
        sizes, steps = (window_size,) * spatial_dims, (2,) * spatial_dims
        self.swinViT = SwinTransformer(
            in_channels, feature_size, sizes, steps, depths, num_heads, spatial_dims=spatial_dims
        )
        self.head = nn.Linear(16 * feature_size, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.swinViT(x)[-1].flatten(2).mean(2))
