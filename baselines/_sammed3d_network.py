"""The image encoder of SAM-Med3D: a transformer on cubes of 16 voxels, with attention in windows and over the scan.

Relative positions enter as the published weights were trained with them. The equations of the paper add, for every
axis, the product of the query with the vector of its distance to the key. The authors' program adds them elsewhere, for
which the scan must be a cube (issue 101 of uni-medical/SAM-Med3D): the logit of query (d, h, w) and key (i, j, k) is

    q(d,h,w) . key(i,j,k) / sqrt(c) + q(d,h,w) . D[d-k] + q(d,h,i) . H[h-k] + q(d,h,j) . W[j-k]

A window that is not filled ends in positions of zeros. Their queries, keys and values are the biases of the layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines._input_sizes import multiples, padded

PATCH, WINDOW, NECK = 16, 14, 384  # voxels, patches, channels
EPSILON = 1e-6  # of all normalisations


class Attention(nn.Module):
    """(B, D, H, W, F) to the same: heads with relative positions, in a cube of which the scan may fill a part."""

    def __init__(self, width: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        for axis in "dhw":
            self.register_parameter(f"rel_pos_{axis}", nn.Parameter(torch.zeros(2 * side - 1, width // heads)))

    def forward(self, x: Tensor, side: int) -> Tensor:
        sizes = x.shape[1:4]
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).movedim((4, 5), (0, 2))  # (B, heads, D, H, W, c) each
        added = self._positions(q, side)
        q, k, v = (part.flatten(2, 4) for part in (q / q.shape[-1] ** 0.5, k, v))  # (B, heads, N, c) each
        logits = (q @ k.mT).unflatten(3, sizes).unflatten(2, sizes) + _among(added, sizes)
        logits = logits.flatten(5).flatten(2, 4)  # (B, heads, N, N)
        if (beyond := _beyond(added, sizes)) is not None:  # all positions of zeros as one key
            _, key, value = self.qkv.bias.unflatten(0, (3, self.heads, 1, -1))
            logits = torch.cat([logits, q @ key.mT + beyond.flatten(2).unsqueeze(3)], 3)
            v = torch.cat([v, value.expand(len(v), -1, -1, -1)], 2)
        mixed = (logits.softmax(3) @ v).unflatten(2, sizes)
        return self.proj(mixed.movedim(1, 4).flatten(4))

    def _positions(self, q: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
        """What relative positions add: (B, heads, D, H, W, k), (B, heads, D, H, i, k) and (B, heads, D, H, j, k)."""
        depth, height, width = q.shape[2:5]
        zeros = self.qkv.bias.unflatten(0, (3, self.heads, 1, 1, 1, -1))[0]
        whole = torch.cat([q, zeros.expand(len(q), -1, depth, height, side - width, -1)], 4)
        first, second, third = (_distances(self.get_parameter(f"rel_pos_{axis}"), side) for axis in "dhw")
        return (
            torch.einsum("bndhwc,dkc->bndhwk", q, first[:depth]),
            torch.einsum("bndhic,hkc->bndhik", whole, second[:height]),
            torch.einsum("bndhjc,jkc->bndhjk", whole, third),
        )


def _distances(positions: Tensor, side: int) -> Tensor:
    """(side, side, c): the vectors of the distances of two places, resampled linearly for another side."""
    table = resampling(len(positions), 2 * side - 1, positions) @ positions
    places = torch.arange(side, device=positions.device)
    return table[places[:, None] - places + side - 1]


def _among(added: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """(B, heads, D, H, W, D, H, W): what positions add to the logits of the scan's own keys."""
    first, second, third = (each[..., : sizes[2]] for each in added)
    second, third = second[:, :, :, :, : sizes[0]], third[:, :, :, :, : sizes[1]]
    return first[..., None, None, :] + second[:, :, :, :, None, :, None] + third[:, :, :, :, None, None]


def _beyond(added: Sequence[Tensor], sizes: Sequence[int]) -> Tensor | None:
    """(B, heads, D, H, W): the logarithm of the sum over all keys beyond the scan; None if the scan fills the cube.

    They are those beyond its depth, those beyond its height and within its depth, and those beyond its width and
    within both.
    """
    first, second, third = added
    depth, height, width = sizes
    parts = (
        (second[:, :, :, :, depth:], third, first),
        (second[:, :, :, :, :depth], third[:, :, :, :, height:], first),
        (second[:, :, :, :, :depth, width:], third[:, :, :, :, :height, width:], first[..., width:]),
    )
    sums = [
        own + (over_i.logsumexp(4) + over_j.logsumexp(4)).unsqueeze(4)
        for over_i, over_j, own in parts
        if over_i.numel() and over_j.numel()
    ]
    return torch.cat(sums, 5).logsumexp(5) if sums else None


class Block(nn.Module):
    """Attention and a perceptron, each beside a shortcut. window: patches along a side; 0: the whole scan, a cube."""

    def __init__(self, width: int, heads: int, side: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(width, EPSILON)
        self.attn = Attention(width, heads, window or side)
        self.norm2 = nn.LayerNorm(width, EPSILON)
        self.mlp = nn.ModuleDict({"lin1": nn.Linear(width, 4 * width), "lin2": nn.Linear(4 * width, width)})

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm1(x)
        if self.window:
            attended = torch.zeros_like(normed)
            for places in _windows(x.shape[1:4], self.window):
                attended[places] = self.attn(normed[places], self.window)
        else:
            attended = self.attn(normed, x.shape[1])
        x = x + attended
        return x + self.mlp["lin2"](F.gelu(self.mlp["lin1"](self.norm2(x))))


def _windows(sizes: Sequence[int], side: int) -> Iterator[tuple[slice, ...]]:
    for starts in product(*(range(0, size, side) for size in sizes)):
        yield slice(None), *(slice(start, start + side) for start in starts)


class ChannelNorm(nn.LayerNorm):
    """Normalise the channels of every place of (B, C, D, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, 4)).movedim(4, 1)


class Patches(nn.Module):
    """(B, C, D, H, W) to (B, D / 16, H / 16, W / 16, F)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(channels, width, PATCH, PATCH)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).movedim(1, 4)


class Encoder(nn.Module):
    """(B, C, D, H, W) to (B, 384, g, g, g): scans are padded to a cube of g patches a side by repeating the border.

    side: patches along a side for which the positions are stored. Those of another cube are resampled linearly. The
    last block in every quarter of the depth attends to the whole scan, the others to windows of 14 patches.
    """

    def __init__(self, channels: int, width: int, depth: int, heads: int, side: int) -> None:
        super().__init__()
        quarter = max(1, depth // 4)
        self.patch_embed = Patches(channels, width)
        self.pos_embed = nn.Parameter(torch.zeros(1, side, side, side, width))
        windows = (0 if (at + 1) % quarter == 0 else WINDOW for at in range(depth))
        self.blocks = nn.ModuleList(Block(width, heads, side, window) for window in windows)
        first, second = nn.Conv3d(width, NECK, 1, bias=False), nn.Conv3d(NECK, NECK, 3, padding=1, bias=False)
        self.neck = nn.Sequential(first, ChannelNorm(NECK, EPSILON), second, ChannelNorm(NECK, EPSILON))

    def map(self, x: Tensor) -> Tensor:
        """The map of a scan after the neck."""
        x = self.patch_embed(padded(x, (max(multiples(x.shape[2:], (PATCH,) * 3)),) * 3))
        by = resampling(self.pos_embed.shape[1], x.shape[1], x)
        x = x + torch.einsum("bijkf,di,hj,wk->bdhwf", self.pos_embed, by, by, by)
        for block in self.blocks:
            x = block(x)
        return self.neck(x.movedim(4, 1))


class Classifier(Encoder):
    """(B, C, D, H, W) to (B, outputs): a linear layer on the mean of the encoder's map."""

    def __init__(self, channels: int, outputs: int, width: int, depth: int, heads: int, side: int) -> None:
        super().__init__(channels, width, depth, heads, side)
        self.head = nn.Linear(NECK, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.map(x).mean((2, 3, 4)))


def resampling(before: int, after: int, like: Tensor) -> Tensor:
    """(after, before): the matrix that resamples linearly; the identity for equal sizes. Its gradient is exact."""
    identity = torch.eye(before, device=like.device, dtype=like.dtype)
    return identity if before == after else F.interpolate(identity[None], after, mode="linear")[0].T
