"""The blocks of the backbone: an inverted-residual branch, and the blocks of one (LB1) or several branches (LB2)."""

from __future__ import annotations

from torch import Tensor, nn

from dclse.architecture import ATTENTION_RATIO, Structure


def convolution(channels_in: int, channels_out: int, size: int = 1, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU6."""
    layers = nn.Conv2d(channels_in, channels_out, size, stride, size // 2), nn.BatchNorm2d(channels_out)
    return nn.Sequential(*layers, nn.ReLU6(inplace=True))


def branch(
    channels_in: int, channels_out: int, size: int, stride: int, expansion: int, pointwise: bool
) -> nn.Sequential:
    """1x1 expansion, depthwise convolution (`size` x `size`), full 1x1 convolution if `pointwise`, 1x1 projection.

    The last two are linear: they end in a normalisation without an activation.
    """
    wide = channels_in * expansion
    layers = [*convolution(channels_in, wide)]
    layers += [
        nn.Conv2d(wide, wide, size, stride, size // 2, groups=wide),
        nn.BatchNorm2d(wide),
        nn.ReLU6(inplace=True),
    ]
    if pointwise:
        layers += [nn.Conv2d(wide, wide, 1), nn.BatchNorm2d(wide)]
    return nn.Sequential(*layers, nn.Conv2d(wide, channels_out, 1), nn.BatchNorm2d(channels_out))


class ChannelAttention(nn.Module):
    """Squeeze and excitation: scales each channel by a number in (0, 1) computed from the means of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // ATTENTION_RATIO
        self.excite = nn.Sequential(
            nn.Linear(channels, inner), nn.ReLU(inplace=True), nn.Linear(inner, channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.excite(x.mean((2, 3)))[:, :, None, None]  # (B, C, H, W)


class LB1(nn.Module):
    """One branch with 3x3 filters, a shortcut if width and size are unchanged, then channel attention."""

    def __init__(
        self, channels_in: int, channels_out: int, expansion: int, structure: Structure, stride: int = 1
    ) -> None:
        super().__init__()
        self.branch = branch(channels_in, channels_out, 3, stride, expansion, structure.pointwise)
        self.attention = ChannelAttention(channels_out) if structure.attention else nn.Identity()
        self.shortcut = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        y = self.branch(x)  # (B, C_out, H / stride, W / stride), rounded up
        return self.attention(y + x if self.shortcut else y)


class LB2(nn.Module):
    """The sum of a branch with 3x3 filters, one with 5x5, and a plain 1x1 convolution; no activation, no attention."""

    def __init__(
        self, channels_in: int, channels_out: int, expansion: int, structure: Structure, stride: int = 2
    ) -> None:
        super().__init__()
        sizes = {"small": 3, "large": 5} if structure.second_branch else {"small": 3}
        for name, size in sizes.items():
            self.add_module(name, branch(channels_in, channels_out, size, stride, expansion, structure.pointwise))
        self.branches = tuple(sizes)
        self.plain = nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride), nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        return sum(self.get_submodule(name)(x) for name in self.branches) + self.plain(x)
