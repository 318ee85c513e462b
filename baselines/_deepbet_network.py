"""The 3D residual U-Net of deepbet: the encoder of a ResNet-18 in three dimensions, and narrow decoding blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines._input_sizes import cropped, multiples, padded

WIDTHS = (16, 32, 64, 128)  # channels of the encoder's stages
HALVED = 32  # the encoder's last map has 1/32 of the sizes of the scan


class Block(nn.Module):
    """Two 3x3x3 convolutions and a shortcut; the normalisation of each scan has no weights."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        first = nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False)
        second = nn.Conv3d(outputs, outputs, 3, padding=1, bias=False)
        norm = nn.InstanceNorm3d(outputs)
        self.double_conv = nn.Sequential(first, norm, nn.ReLU(inplace=True), second, norm)
        shortcut = nn.Conv3d(inputs, outputs, 1, stride, bias=False)
        self.downsample = nn.Sequential(shortcut, norm) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.double_conv(x) + self.downsample(x))


class Down(nn.Module):
    """Two blocks; the first halves the map if the width changes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.block1 = Block(inputs, outputs, 1 if inputs == outputs else 2)
        self.block2 = Block(outputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.block2(self.block1(x))


class Up(nn.Module):
    """To a quarter of the channels, doubled in size if the width changes, and to the width of the map that it joins."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        inner, stride = inputs // 4, 1 if inputs == outputs else 2
        doubled = nn.ConvTranspose3d(inner, inner, 3, stride, 1, stride - 1, bias=False)
        self.conv1 = _normed(nn.Conv3d(inputs, inner, 1, bias=False))
        self.tp_conv = _normed(doubled)
        self.conv2 = _normed(nn.Conv3d(inner, outputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.tp_conv(self.conv1(x)))


class Encoder(nn.Module):
    """(B, C, D, H, W) to the maps of the four stages, 1/4, 1/8, 1/16 and 1/32 of the size, after that of the stem."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        stem = nn.Conv3d(channels, WIDTHS[0], 7, 2, 3, bias=False)
        self.init = nn.Sequential(*_normed(stem), nn.MaxPool3d(3, 2, 1))
        for stage, (inputs, outputs) in enumerate(zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False)):
            self.add_module(f"down{stage}", Down(inputs, outputs))

    def maps(self, x: Tensor) -> list[Tensor]:
        """The map of the stem and those of the stages, of scans padded to multiples of 32 by repeating the border.

        A scan of at most 32 voxels is padded to 64 along one axis: one position alone cannot be normalised.
        """
        sizes = multiples(x.shape[2:], (HALVED,) * 3)
        sizes = sizes if max(sizes) > HALVED else (2 * HALVED, *sizes[1:])
        maps = [self.init(padded(x, sizes))]
        for stage in range(len(WIDTHS)):
            maps.append(self.get_submodule(f"down{stage}")(maps[-1]))
        return maps


class Classifier(Encoder):
    """(B, C, D, H, W) to (B, outputs): a linear layer on the mean of the encoder's last map."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__(channels)
        self.head = nn.Linear(WIDTHS[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.maps(x)[-1].mean((2, 3, 4)))


class Segmenter(Encoder):
    """(B, C, D, H, W) to (B, outputs, D, H, W)."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__(channels)
        widths = (*WIDTHS[::-1], WIDTHS[0])
        for step in range(len(WIDTHS)):
            self.add_module(f"up{step}", Up(widths[step], widths[step + 1]))
        self.tp_conv1 = _normed(nn.ConvTranspose3d(16, 8, 3, 2, 1, 1))
        self.conv = _normed(nn.Conv3d(8, 8, 3, padding=1))
        self.tp_conv2 = nn.ConvTranspose3d(8, outputs, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        *skipped, y = self.maps(x)
        for step, skip in enumerate(reversed(skipped)):
            y = self.get_submodule(f"up{step}")(y) + skip
        return cropped(self.tp_conv2(self.conv(self.tp_conv1(y))), tuple(x.shape[2:]))


def _normed(convolution: nn.Module) -> nn.Sequential:
    return nn.Sequential(convolution, nn.InstanceNorm3d(convolution.out_channels), nn.ReLU(inplace=True))
