"""Networks that generate one contrast of a scan from another one: (B, 2, ...) to (B, 1, ...).

The first channel is the image of the source contrast; the second one has the code of source and target in every voxel,
see `bench.evaluation.translation.pair_code`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1  # of the rectifiers below 0


def pair_of(x: Tensor, contrasts: int) -> tuple[Tensor, Tensor]:
    """Positions of the source and the target contrast of each sample, (B,) each, from the second channel."""
    code = x[:, 1].flatten(1)[:, 0].float().round().long().clamp(0, contrasts**2 - 1)
    return code // contrasts, code % contrasts


def with_pair(image: Tensor, source: Tensor, target: Tensor, contrasts: int) -> Tensor:
    """A sample (B, 2, ...) of an image (B, 1, ...) and its pair of contrasts, (B,) each."""
    code = (source * contrasts + target).to(image.dtype).reshape(-1, *[1] * (image.ndim - 1))
    return torch.cat([image, code.expand_as(image)], dim=1)


class ConditionalConvolution(nn.Module):
    """A convolution whose kernel is a linear function of a condition: P (A c + a), of size `terms` in between.

    At the start A is such that the kernels of two conditions are as different as those of two layers: if they were
    nearly alike, the bilinear form would take long to part them.
    """

    def __init__(self, axes: int, before: int, after: int, condition: int, terms: int, edge: int = 3) -> None:
        super().__init__()
        self._convolve, self._padding = getattr(F, f"conv{axes}d"), edge // 2
        self.reads_features = edge == 1  # `mix` reads the code of the contrasts
        self.kernels = nn.Parameter(torch.empty(terms, after, before, *[edge] * axes))
        self.biases = nn.Parameter(torch.zeros(terms, after))
        self.mix = nn.Linear(condition, terms)
        nn.init.normal_(self.kernels, std=(2 / (before * edge**axes)) ** 0.5)
        nn.init.normal_(self.mix.weight, std=(2 * terms) ** -0.5)  # two entries are 1: kernels have the usual size
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        shares = self.mix(condition)
        kernels, biases = (torch.tensordot(shares, each, dims=1) for each in (self.kernels, self.biases))
        together = x.reshape(1, -1, *x.shape[2:])  # a group for each sample
        made = self._convolve(together, kernels.flatten(0, 1), biases.flatten(), 1, self._padding, 1, len(x))
        return made.reshape(len(x), -1, *x.shape[2:])


class Translator(nn.Module):
    """An encoder that is the same for all contrasts, and a decoder whose kernels follow the pair of contrasts.

    axes: of the scans. contrasts: K. channels: of each level, each of half the resolution. terms: of a kernel. source:
    whether the condition has the source too, not the target alone.
    """

    def __init__(self, axes: int, contrasts: int, channels: list[int], terms: int, source: bool) -> None:
        super().__init__()
        convolution = getattr(nn, f"Conv{axes}d")
        self.contrasts, self.source, self.mode = contrasts, source, "bilinear" if axes == 2 else "trilinear"
        condition = contrasts * (1 + source)
        self.stem = nn.Sequential(convolution(1, channels[0], 1), nn.LeakyReLU(SLOPE))  # of each voxel's grey value
        steps = zip([channels[0], *channels], channels, strict=False)
        self.encoder = nn.ModuleList(
            nn.Sequential(
                convolution(before, after, 3, 2 if level else 1, 1), nn.LeakyReLU(SLOPE),
                convolution(after, after, 3, 1, 1), nn.LeakyReLU(SLOPE),
            )
            for level, (before, after) in enumerate(steps)
        )  # fmt: skip
        self.stem.encodes = self.encoder.encodes = True
        self.stem.reads_features = False
        ups = list(zip(channels[::-1], [*channels[-2::-1], channels[0]], strict=True))
        widths = [channels[-1], *(after + after for _, after in ups[:-1])]
        self.decoder = nn.ModuleList(
            ConditionalConvolution(axes, width, after, condition, terms)
            for width, (_, after) in zip(widths, ups, strict=True)
        )
        self.last = ConditionalConvolution(axes, 2 * channels[0], 1, condition, terms, edge=1)

    def forward(self, x: Tensor) -> Tensor:
        source, target = (F.one_hot(each, self.contrasts).to(x.dtype) for each in pair_of(x, self.contrasts))
        condition = torch.cat([source, target], dim=1) if self.source else target
        stem = maps = self.stem(x[:, :1])
        kept: list[Tensor] = []
        for block in self.encoder:
            maps = block(maps)
            kept.append(maps)
        for level, block in enumerate(self.decoder[:-1]):
            maps = F.leaky_relu(block(maps, condition), SLOPE)
            skip = kept[-2 - level]
            maps = torch.cat([F.interpolate(maps, skip.shape[2:], mode=self.mode, align_corners=False), skip], dim=1)
        maps = F.leaky_relu(self.decoder[-1](maps, condition), SLOPE)
        return self.last(torch.cat([maps, stem], dim=1), condition)


class SourceCopy(nn.Module):
    """(B, 2, ...) to its first channel."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1].clone()


class MeanImages(nn.Module):
    """The mean image of the target contrast over the training scans. contrasts: K. shape: of a scan, without K."""

    def __init__(self, contrasts: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.contrasts = contrasts
        self.register_buffer("images", torch.zeros(contrasts, *shape))

    def forward(self, x: Tensor) -> Tensor:
        return self.images[pair_of(x, self.contrasts)[1]][:, None].to(x.dtype)


class GreyValues(nn.Module):
    """A curve for each pair of contrasts, from the grey value of a voxel to its grey value in the target contrast.

    edges: (K, bins + 1) of the source contrast. values: (K, K, bins), in the middle of each bin; linear in between.
    """

    def __init__(self, contrasts: int, bins: int) -> None:
        super().__init__()
        self.contrasts = contrasts
        self.register_buffer("edges", torch.zeros(contrasts, 2))
        self.register_buffer("values", torch.zeros(contrasts, contrasts, bins))

    def forward(self, x: Tensor) -> Tensor:
        source, target = pair_of(x, self.contrasts)
        bins = self.values.shape[-1]
        shape = (-1, *[1] * (x.ndim - 1))
        low, high = (each.reshape(shape) for each in self.edges[source].T)
        place = ((x[:, :1] - low) / (high - low) * bins - 0.5).clamp(0, bins - 1)
        below = place.floor().clamp(max=bins - 2).long()
        curves = self.values[source, target]
        one, other = (curves.gather(1, (below + step).flatten(1)).reshape(below.shape) for step in (0, 1))
        return (one + (place - below) * (other - one)).to(x.dtype)
