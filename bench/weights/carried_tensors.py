"""Initialise a network with the tensors of a file, and record which were taken and which were not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import BenchError
from bench.weights.adapted_tensors import fitted
from bench.weights.number_checks import other_kind
from bench.weights.tensor_names import first_names, shape_text
from bench.weights.weights_file import counts_batches, readable, tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

LEAST = 0.01  # share of a network's numbers that a file must have to be one of this network


@dataclass(frozen=True)
class Carried:
    """Which tensors a network took from a weights file, by name and shape, and which it did not."""

    file: str
    taken: tuple[str, ...]  # as the network names them
    other_shape: tuple[tuple[str, str, str], ...]  # name, shape in the file, shape here
    missing: tuple[str, ...]  # of the network, and not in the file
    unused: tuple[str, ...]  # in the file, and not of the network
    numbers: int  # of parameters and buffers that were taken over
    of: int  # that the network has
    file_prefix: str = ""  # removed from the names in the file before they are compared
    own_prefix: str = ""  # removed from the names in the network
    adapted: tuple[tuple[str, str, str], ...] = ()  # of `taken`, resampled or spread: name, shape in the file, here
    other_task: tuple[str, ...] = ()  # of both, and not taken: layers that predict something else there

    @property
    def left(self) -> str:
        """What was not taken, in words, but for counters of batches; empty if everything was."""
        shapes = [f"{name} is {stored}, not {own}" for name, stored, own in self.other_shape]
        missing, unused = (
            [name for name in names if not counts_batches(name)] for names in (self.missing, self.unused)
        )
        others = list(self.other_task)
        found = {"of another task": others, "of another shape": shapes, "not in the file": missing, "unused": unused}
        return "; ".join(f"{words}: {first_names(names)}" for words, names in found.items() if names)

    def __str__(self) -> str:
        share = f"{len(self.taken)} tensors of {self.file} taken over, {self.numbers:,} of {self.of:,} numbers"
        if self.file_prefix != self.own_prefix:
            share += f", '{self.file_prefix}...' as '{self.own_prefix}...'"
        if self.adapted:
            share += "; adapted: " + first_names(
                [f"{name} from {stored} to {own}" for name, stored, own in self.adapted]
            )
        return "; ".join(filter(None, (share, self.left)))

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON, under the keys that stored records have."""
        values = dataclasses.asdict(self)
        return values | {"there": values.pop("file_prefix"), "here": values.pop("own_prefix")}


def carry_over(model: nn.Module, path: Path, strict: bool = False, adapt: bool = False) -> Carried:
    """Initialise a network with the tensors of a file that have the same name and shape.

    If most of the network fits as a part of the stored one, or the reverse (the same backbone under another head),
    names are compared without their prefixes. The result names everything that was not taken.

    Parameters
    ----------
    model : nn.Module
        The network; changed in place.
    path : Path
        A safetensors file.
    strict : bool
        Raise if anything is left over on either side.
    adapt : bool
        Also take position embeddings of another grid and first layers for another number of channels, see
        `bench.weights.adapted_tensors`.

    Returns
    -------
    Carried
        What was taken, and what was not.

    Raises
    ------
    BenchError
        If less than a hundredth of the network fits, numbers are not finite or of another kind, or, with `strict`, if
        anything is left over. The network is then unchanged.
    """
    path = readable(path)
    stored, own = tensors(path), model.state_dict()
    file_prefix, own_prefix = _before(stored, own)
    source = {own_prefix + name.removeprefix(file_prefix): name for name in stored if name.startswith(file_prefix)}
    pairs = {name: (stored[source[name]], own[name]) for name in own if name in source}
    values = {name: pair[0] for name, pair in pairs.items() if pair[0].shape == pair[1].shape}
    changed = fitted(model, {name: pair for name, pair in pairs.items() if name not in values}) if adapt else {}
    if not values:
        names = f"it holds {first_names(list(stored))}; the network has {first_names(list(own))}"
        raise BenchError(f"{path} holds no tensor that this network has, by name and shape: {names}")
    if kinds := [f"{name} is {kind}" for name, pair in pairs.items() if (kind := other_kind(*pair))]:
        raise BenchError(f"{path} holds quantized weights or those of another network: {first_names(kinds)}")
    taken = [name for name in pairs if name in values or name in changed]
    shapes = {name: (name, shape_text(stored, source[name]), shape_text(own, name)) for name in pairs}
    carried = Carried(
        path.name,
        tuple(taken),
        tuple(shapes[name] for name in pairs if name not in taken),
        tuple(name for name in own if name not in source),
        tuple(name for name in stored if name not in {source[each] for each in pairs}),
        sum(own[name].numel() for name in taken),
        sum(tensor.numel() for tensor in own.values()),
        file_prefix,
        own_prefix,
        tuple(shapes[name] for name in changed),
    )
    if carried.numbers < LEAST * carried.of:
        raise BenchError(
            f"{path} holds only {carried.numbers:,} of the {carried.of:,} numbers of this network, so it is of another"
            f" network or configuration: {carried.left}"
        )
    if strict and carried.left:
        raise BenchError(f"{path} holds the weights of another network or configuration: {carried.left}")
    for name, value in {**values, **changed}.items():
        own[name].detach().copy_(value)
    return carried


def carried_by(model: nn.Module) -> dict[str, Carried]:
    """Return what a network and its parts took from files.

    Parameters
    ----------
    model : nn.Module
        A network; parts that began with weights of a file have the attribute `carried`.

    Returns
    -------
    dict of str to Carried
        Prefix of the names in the network -> record of that part.
    """
    parts = ((name, getattr(module, "carried", None)) for name, module in model.named_modules())
    return {f"{name}." if name else "": carried for name, carried in parts if carried is not None}


def _before(stored: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> tuple[str, str]:
    """The prefixes (of the file, of the network) without which most names and shapes are equal; empty if none helps.

    Only parts that hold at least half of a side's numbers are tried, and at least half of the network's part must fit.
    """

    def fits(pair: tuple[str, str]) -> int:
        file_prefix, own_prefix = pair
        names = ((name, file_prefix + name.removeprefix(own_prefix)) for name in own if name.startswith(own_prefix))
        return sum(own[a].numel() for a, b in names if b in stored and stored[b].shape == own[a].shape)

    pairs = [(theirs, ours) for theirs in _parts(stored) for ours in _parts(own)]
    best = max(pairs, key=fits)  # the first, without any prefix, where others fit no better
    whole = sum(tensor.numel() for name, tensor in own.items() if name.startswith(best[1]))
    return best if 2 * fits(best) >= whole else ("", "")


def _parts(tensors: Mapping[str, Tensor]) -> list[str]:
    """The prefixes, of up to two names, of at least half of all numbers, shortest first; the first is empty."""
    sizes = dict.fromkeys([""], 0)
    for name, tensor in tensors.items():
        steps = name.split(".")[:-1][:2]
        for prefix in ("", *("".join(f"{step}." for step in steps[: end + 1]) for end in range(len(steps)))):
            sizes[prefix] = sizes.get(prefix, 0) + tensor.numel()
    return sorted((prefix for prefix, size in sizes.items() if 2 * size >= sizes[""]), key=len)
