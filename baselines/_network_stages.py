"""The stages of a network that give maps, in the order in which they are computed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.core import UnsupportedInputSizeError

CONTAINERS = ("stages", "features", "blocks")  # modules whose children are stages, one after the other
OUTPUT = Callable[[int, Tensor], Tensor | None]  # (number of the stage, its output) -> what the next one reads


def stage_names(model: nn.Module, most: int) -> list[str]:
    """Names of the modules that end the stages: `most` of them, or all if there are fewer, evenly spread.

    Known are `layer1` to `layerN` of a ResNet, and the children of `stages`, `features` or `blocks`.
    UnsupportedInputSizeError for any other network.
    """
    names = [name for name, _ in model.named_modules()]
    layers = [name for name in names if re.fullmatch(r"(.*\.)?layer\d+", name)]
    chains = [layers] if layers else []
    for container in CONTAINERS:
        found = [name for name in names if name.rpartition(".")[2] == container]
        chains += [[f"{name}.{child}" for child, _ in model.get_submodule(name).named_children()] for name in found]
    chain = next((each for each in chains if len(each) > 1), None)
    if chain is None:
        raise UnsupportedInputSizeError(
            f"{type(model).__name__} has no stages that can be found (layer1 ..., stages, features, blocks)"
        )
    count = min(most, len(chain))
    return [chain[round((number + 1) * len(chain) / count) - 1] for number in range(count)]


@contextmanager
def at_stages(model: nn.Module, names: list[str], read: OUTPUT) -> Iterator[None]:
    """Call `read` with the output of each stage while the network runs; what it returns replaces the output."""
    hooks = [
        model.get_submodule(name).register_forward_hook(lambda _, __, output, number=number: read(number, output))
        for number, name in enumerate(names)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def handed_on(model: nn.Module, losses: Sequence[Tensor], gradients: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """The sum of losses whose gradients are known, by the names of weights; `backward` adds these to the weights."""
    weights = dict(model.named_parameters())
    products = [(weights[name] * each).sum() for found in gradients for name, each in found.items()]
    handed = torch.stack(products).sum()
    return torch.stack(list(losses)).sum() + handed - handed.detach()


class StagedNetwork(nn.Module):
    """A network with heads at some of its stages, for a pretraining without labels.

    `reached` marks the parameters of the network, in their order, that the last of these stages depends on: the others
    learn nothing, and no arm begins with them.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, ...], stages: list[str]) -> None:
        super().__init__()
        self.pretrained, self.stages = network, stages
        self.widths, reached = _survey(network, stages, shape)
        self.register_buffer("reached", torch.tensor(reached))


def _survey(model: nn.Module, names: list[str], shape: tuple[int, ...]) -> tuple[list[int], list[bool]]:
    """The channels of each stage for scans of `shape`, and whether the last stage depends on each parameter.

    UnsupportedInputSizeError if a stage gives no maps.
    """
    outputs: dict[int, Tensor] = {}

    def read(number: int, output: Tensor) -> None:
        if output.ndim != len(shape) + 1:
            one = f"the stage {names[number]} of {type(model).__name__}"
            raise UnsupportedInputSizeError(f"{one} gives {output.ndim} axes for scans of {len(shape)}, no maps")
        outputs[number] = output

    training, weights = model.training, list(model.parameters())
    with torch.enable_grad(), torch.random.fork_rng(devices=[]), at_stages(model.eval(), names, read):
        model(torch.zeros(1, *shape))
    found = torch.autograd.grad(outputs[len(names) - 1].sum(), weights, allow_unused=True)
    model.train(training)
    return [outputs[number].shape[1] for number in range(len(names))], [each is not None for each in found]
