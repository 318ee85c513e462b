"""A VGG of three dimensions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class Network(nn.Module):
    """(B, C, D, H, W) to (B, outputs)."""

    def __init__(
        self, inputs: int, outputs: int, width: int, convolutions: Sequence[int], dense: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for level, many in enumerate(convolutions):
            channels = width * 2 ** min(level, 3)
            for _ in range(many):
                layers += [
                    nn.Conv3d(inputs, channels, 3, padding=1, bias=False),
                    nn.BatchNorm3d(channels),
                    nn.ReLU(inplace=True),
                ]
                inputs = channels
            layers.append(nn.MaxPool3d(2, ceil_mode=True))  # odd sizes are rounded up
        self.features = nn.Sequential(*layers)
        head: list[nn.Module] = []
        for units in dense:
            head += [nn.Linear(inputs, units), nn.ReLU(inplace=True), nn.Dropout(dropout)]
            inputs = units
        self.head = nn.Sequential(*head, nn.Linear(inputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean((2, 3, 4)))
