"""GPConv: a 1x1 convolution whose groups are learnt, after Fig. 5 of the paper (element-wise and Kronecker products).

The construction is dynamic grouping convolution (Zhang et al., ICCV 2019, arXiv 1908.05867), the only published method
with these two operators: the weights are multiplied by a 0/1 pattern, the Kronecker product of 2 x 2 matrices; a
learnable gate makes each of them the identity or all ones. We infer that the paper means this form.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.core import BenchError
from dclse.architecture import RESTS

START = 0.01  # initial magnitude of a gate; only its sign matters


class GPConv(nn.Module):
    """(B, channels_in, H, W) to (B, channels_out, H, W) by the weights W times the pattern U, without bias.

    U = U_1 (x) ... (x) U_K (x) R from left to right, on the smaller of the two widths, n = 2^K m with m odd. U_k is all
    ones if gate k is at least 0, else the identity; the gradient passes this step unchanged (straight-through). R,
    m x m, is all ones or the identity. If the widths differ, each entry of U is repeated along the larger one, which
    must be a multiple of the smaller. Training multiplies W by U; evaluation runs the equivalent grouped convolution.

    groups: initial number of groups, a power of two; at most 2^K.
    """

    def __init__(self, channels_in: int, channels_out: int, groups: int = 1, rest: str = "ones") -> None:
        super().__init__()
        narrow, wide = sorted((channels_in, channels_out))
        if wide % narrow:
            raise BenchError(f"dynamic groups need widths where one divides the other, not {narrow} and {wide}")
        if rest not in RESTS:
            raise BenchError(f"rest must be one of {', '.join(RESTS)}, not {rest!r}")
        self.channels_in, self.channels_out, self.rest = channels_in, channels_out, rest
        self.odd = narrow // (narrow & -narrow)
        doublings = int(math.log2(narrow // self.odd))
        split = min(doublings, int(math.log2(max(1, groups))))  # identities on the left: those of a grouped convolution
        self.gates = nn.Parameter(torch.tensor([-START] * split + [START] * (doublings - split)))
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in))
        bound = math.sqrt(self.groups / channels_in)  # 1 / sqrt(channels that one output reads), as in nn.Conv2d
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return grouped(x, *blocks(self))
        return F.conv2d(x, (self.weight * self.pattern())[:, :, None, None])

    @property
    def groups(self) -> int:
        """The current number of groups."""
        return 2 ** int((self.gates < 0).sum()) * (self.odd if self.rest == "eye" else 1)

    def hard_gates(self) -> Tensor:
        """The binarised gates, (K,): exactly 1 or 0, with the gradient of the gates (straight-through)."""
        return (self.gates >= 0).to(self.gates.dtype) + (self.gates - self.gates.detach())

    def pattern(self) -> Tensor:
        """U, (channels_out, channels_in): 1 where an output reads an input."""
        weight = self.weight
        ones, eye = weight.new_ones(2, 2), torch.eye(2, dtype=weight.dtype, device=weight.device)
        whole = self.hard_gates()[:0].prod().reshape(1, 1)  # 1, connected to the gates even if there are none
        for gate in self.hard_gates():
            whole = torch.kron(whole, gate * ones + (1 - gate) * eye)
        size = (self.odd, self.odd)
        last = weight.new_ones(size) if self.rest == "ones" else torch.eye(self.odd).to(weight)
        whole = torch.kron(whole, last)
        return torch.kron(whole, weight.new_ones(self.channels_out // len(whole), self.channels_in // len(whole)))

    def complexity(self) -> Tensor:
        """The fraction of W that U keeps, in (0, 1]: the mean of U, 0-d, differentiable in the gates."""
        return ((1 + self.hard_gates()) / 2).prod() / (self.odd if self.rest == "eye" else 1)

    def group_members(self, channels: int) -> Tensor:
        """The group of each of the input or output channels, (channels,) int64 on the CPU."""
        narrow = min(self.channels_in, self.channels_out)
        places = torch.arange(channels) // (channels // narrow)
        group = places % self.odd if self.rest == "eye" else torch.zeros_like(places)
        radix, places = (self.odd if self.rest == "eye" else 1), places // self.odd
        for gate in reversed(self.gates.detach().cpu()):  # the last factor is the lowest digit
            if gate < 0:
                group, radix = group + places % 2 * radix, radix * 2
            places = places // 2
        return group


class Folded(nn.Module):
    """A GPConv as a plain grouped 1x1 convolution between permutations of its inputs and outputs."""

    def __init__(self, conv: GPConv) -> None:
        super().__init__()
        weight, inputs, outputs = blocks(conv)
        self.convolution = nn.Conv2d(conv.channels_in, conv.channels_out, 1, groups=conv.groups, bias=False)
        self.convolution.weight = nn.Parameter(weight.detach().flatten(0, 1)[:, :, None, None])
        self.register_buffer("inputs", inputs)
        self.register_buffer("outputs", outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(x[:, self.inputs])[:, self.outputs]


def blocks(conv: GPConv) -> tuple[Tensor, Tensor, Tensor]:
    """The grouped convolution equivalent to a GPConv: every pattern is block-diagonal after permutations.

    Returns the blocks of W, (groups, outputs per group, inputs per group), and the permutations of inputs and outputs.
    """
    device = conv.weight.device
    inputs, outputs = (conv.group_members(size).argsort(stable=True) for size in (conv.channels_in, conv.channels_out))
    rows, columns = (places.reshape(conv.groups, -1).to(device) for places in (outputs, inputs))
    return conv.weight[rows[:, :, None], columns[:, None, :]], columns.flatten(), outputs.argsort().to(device)


def grouped(x: Tensor, weight: Tensor, inputs: Tensor, outputs: Tensor) -> Tensor:
    """Apply the result of `blocks`: (B, channels_in, H, W) to (B, channels_out, H, W)."""
    return F.conv2d(x[:, inputs], weight.flatten(0, 1)[:, :, None, None], groups=len(weight))[:, outputs]


def fold(model: nn.Module) -> nn.Module:
    """A copy of the network with every GPConv replaced by a plain grouped convolution, for use or export."""
    if isinstance(model, GPConv):
        return Folded(model)
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, GPConv):
                setattr(module, name, Folded(child))
    return model


def groups_of(model: nn.Module) -> dict[str, int]:
    """The number of groups of every GPConv, by its name in the network."""
    return {name: module.groups for name, module in model.named_modules() if isinstance(module, GPConv)}


def complexity(model: nn.Module) -> Tensor:
    """The mean complexity of all GPConvs, 0-d, the regulariser of their gates; 0 if there is none."""
    each = [module.complexity() for module in model.modules() if isinstance(module, GPConv)]
    return torch.stack(each).mean() if each else torch.zeros(())
