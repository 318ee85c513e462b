"""VGG11 features of a dynamic image, weighted by a map of attention."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512)  # VGG11 to its last convolution
FIRST = "features.0.weight"  # of the first layer in a file
GRID = 6  # the head reads 6 x 6 positions, the size for images of 110 x 110 pixels


class AttentiveVgg(nn.Module):
    """(B, C, H, W) to (B, outputs). `features` is named and laid out as in torchvision's VGG11, up to module 18."""

    def __init__(
        self, channels: int, outputs: int, dense: Sequence[int], dropout: float, over: str = "positions"
    ) -> None:
        """over: axes of the attention's softmax, `positions` or `height`; `none`: equal weights."""
        super().__init__()
        self.over = over
        self.features = nn.Sequential(*_vgg(channels))
        self.attention = nn.Sequential(*_scores()) if over != "none" else None
        widths = (512 * GRID * GRID, *dense)
        layers = [layer for pair in pairwise(widths) for layer in _dense(*pair, dropout)]
        self.head = nn.Sequential(*layers, nn.Linear(widths[-1], outputs))

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (B, 512, h, w)
        x = x if self.attention is None else x * self.weigh(x)
        if x.shape[2:] != (GRID, GRID):  # pooling onto the grid that is there has no deterministic gradient on a GPU
            x = F.adaptive_avg_pool2d(x, GRID)
        return self.head(x.flatten(1))

    def weigh(self, features: Tensor) -> Tensor:
        """The attention of each position, (B, 1, h, w): a softmax over all positions, or over the rows of each column.

        It is multiplied by the number of positions in the softmax, so its mean is 1 for any size of the image.
        """
        scores = self.attention(features)
        if self.over == "height":
            return scores.softmax(2) * scores.shape[2]
        return scores.flatten(1).softmax(1).view_as(scores) * scores[0].numel()

    def load(self, path: Path) -> None:
        """Load the features of a VGG11 stored by torchvision or timm; later layers keep their initial weights."""
        from bench.weights import Carried, fitting, tensors

        expected = {f"features.{key}": value for key, value in self.features.state_dict().items()}
        everything = tensors(path)
        stored = {key: value for key, value in everything.items() if key in expected}
        channels = self.features[0].in_channels
        fitting(path, f"the features of a VGG11 for images of {channels} channels", stored, expected)
        self.features.load_state_dict({key.removeprefix("features."): value for key, value in stored.items()})
        own = self.state_dict()
        missing, unused = (tuple(key for key in each if key not in stored) for each in (own, everything))
        numbers = [sum(value.numel() for value in each.values()) for each in (stored, own)]
        self.carried = Carried(path.name, tuple(stored), (), missing, unused, *numbers)


def stored_channels(path: Path) -> int:
    """The channels of the images that a stored VGG11 reads. BenchError if the file does not hold its features."""
    from bench.weights import tensors

    first = tensors(path).get(FIRST)
    channels = first.shape[1] if first is not None and first.ndim == 4 else 3
    with torch.random.fork_rng(devices=[]):
        AttentiveVgg(channels, 1, (), 0.0).load(path)
    return channels


def _vgg(channels: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for width in WIDTHS:
        if width == "pool":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
    return layers[:-1]  # the last one feeds the attention without an activation


def _scores() -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in ((512, 512), (512, 256), (256, 64)):
        layers += [nn.Conv2d(inputs, outputs, 1), nn.ReLU(inplace=True)]
    return [*layers, nn.Conv2d(64, 1, 1)]


def _dense(inputs: int, outputs: int, dropout: float) -> list[nn.Module]:
    return [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(inplace=True), nn.Dropout(dropout)]
