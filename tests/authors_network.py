"""The released network of DCL-SE's authors, restated from its description, with the names of its tensors."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn


class Gate(nn.Module):
    """A squeeze and excitation with the names that the authors' attention has."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 16
        self.channel_attention = nn.Sequential(
            nn.Linear(channels, inner), nn.ReLU(), nn.Linear(inner, channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.channel_attention(x.mean((2, 3)))[:, :, None, None]


class Mechanism(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        grouped = {"kernel_size": 1, "groups": 4, "bias": False}
        first, second = nn.Conv2d(channels, channels // 4, **grouped), nn.Conv2d(channels // 4, channels, **grouped)
        self.weight_layer = nn.Sequential(first, nn.ReLU(), second, nn.Sigmoid())
        self.pointwise_groups = nn.Conv2d(channels, channels, **grouped)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise_groups(x * self.weight_layer(x))


def one_branch(inputs: int, outputs: int, stride: int, wider: int, size: int) -> nn.Sequential:
    wide = inputs * wider
    steps = (
        (nn.Conv2d(inputs, wide, 1), True),
        (nn.Conv2d(wide, wide, size, stride, size // 2, groups=wide), True),
        (nn.Conv2d(wide, wide, 1), False),
        (nn.Conv2d(wide, outputs, 1), False),
    )
    layers = [
        each for conv, active in steps for each in (conv, nn.BatchNorm2d(conv.out_channels), *([nn.ReLU6()] * active))
    ]
    return nn.Sequential(*layers)


class Narrow(nn.Module):
    def __init__(self, inputs: int, outputs: int, wider: int) -> None:
        super().__init__()
        self.residual = one_branch(inputs, outputs, 1, wider, 3)
        self.attention = Gate(outputs)
        self.same = inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.residual(x)
        return self.attention(y + x if self.same else y)


class Wide(nn.Module):
    def __init__(self, inputs: int, outputs: int, wider: int) -> None:
        super().__init__()
        self.residual = one_branch(inputs, outputs, 2, wider, 3)
        self.residual_1 = one_branch(inputs, outputs, 2, wider, 5)
        self.residual_2 = nn.Sequential(nn.Conv2d(inputs, outputs, 1, 2), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(x) + self.residual_1(x) + self.residual_2(x)


def staged(blocks: int, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    first = Wide(inputs, outputs, 6) if stride == 2 else Narrow(inputs, outputs, 6)
    return nn.Sequential(first, *(Narrow(outputs, outputs, 6) for _ in range(blocks - 1)))


def authors_network(mechanisms: bool) -> nn.Sequential:
    """The released network, restated from its description, with the names of its tensors."""

    def followed(stage: nn.Module, channels: int) -> nn.Module:
        return nn.Sequential(stage, Mechanism(channels)) if mechanisms else stage

    last = [nn.Conv2d(320, 1280, 1), nn.BatchNorm2d(1280), nn.ReLU6(), *([Mechanism(1280)] if mechanisms else [])]
    parts = {
        "pre": nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU6()),
        "stage1": followed(Narrow(32, 16, 1), 16),
        "stage2": staged(2, 16, 24, 2),
        "stage3": staged(3, 24, 32, 2),
        "stage4": followed(staged(4, 32, 64, 2), 64),
        "stage5": staged(3, 64, 96, 1),
        "stage6": followed(staged(3, 96, 160, 2), 160),
        "stage7": Narrow(160, 320, 6),
        "conv1": nn.Sequential(*last),
        "pool": nn.AdaptiveAvgPool2d(1),
        "conv2": nn.Conv2d(1280, 2, 1),
        "flat": nn.Flatten(),
    }
    return nn.Sequential(OrderedDict(parts))
