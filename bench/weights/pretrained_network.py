"""Begin a network with the weights of the same network after a pretraining."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import UnsupportedInputSizeError
from bench.weights.adapted_tensors import fitted
from bench.weights.carried_tensors import Carried
from bench.weights.weights_file import first_names, shape_text, tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

PART, REACHED = "pretrained.", "reached"  # tensors of a pretraining without labels: the network, what it trained
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def carry_pretraining(model: nn.Module, path: Path, head: Collection[str], source: str) -> Carried:
    """Initialise a network with the weights and batch statistics of a pretraining, but for its output layers.

    Other buffers, such as the state of a curriculum, stay as they were built.

    Parameters
    ----------
    model : nn.Module
        The network; changed in place.
    path : Path
        The saved weights of the pretraining.
    head : collection of str
        Names of the parameters that are not taken: those of the output layers; empty for the same task. Those that a
        pretraining without labels has not trained are not taken either.
    source : str
        What the weights were trained on, in words.

    Returns
    -------
    Carried
        What was taken, and what was not.

    Raises
    ------
    UnsupportedInputSizeError
        If a parameter other than those of `head` is missing or has another shape. The network is then unchanged.
    """
    stored, own = tensors(path), model.state_dict()
    if any(name.startswith(PART) for name in stored):
        head = {*head, *_untrained(model, stored)}
        stored = {name.removeprefix(PART): value for name, value in stored.items() if name.startswith(PART)}
    learnt = {*dict(model.named_parameters()), *(name for name in own if name.rpartition(".")[2] in STATISTICS)}
    pairs = {name: (stored[name], own[name]) for name in own if name in learnt and name in stored and name not in head}
    values = {name: one for name, (one, other) in pairs.items() if one.shape == other.shape}
    changed = fitted(model, {name: pair for name, pair in pairs.items() if name not in values})
    taken = tuple(name for name in pairs if name in values or name in changed)
    _check_whole(learnt - {*taken, *head}, stored, own, source)
    for name, value in {**values, **changed}.items():
        own[name].detach().copy_(value)
    return Carried(
        file=source,
        taken=taken,
        other_shape=(),
        missing=tuple(name for name in own if name not in stored),
        unused=tuple(name for name in stored if name not in own),
        numbers=sum(own[name].numel() for name in taken),
        of=sum(tensor.numel() for tensor in own.values()),
        adapted=tuple((name, shape_text(stored, name), shape_text(own, name)) for name in changed),
        other_task=tuple(name for name in own if name in head and name in stored),
    )


def _untrained(model: nn.Module, stored: Mapping[str, Tensor]) -> list[str]:
    """The parameters after the stage that a pretraining without labels ends with: it has not trained them."""
    names = [name for name, _ in model.named_parameters()]
    return [name for name, reached in zip(names, stored[REACHED].tolist(), strict=True) if not reached]


def _check_whole(
    lacking: Collection[str], stored: Mapping[str, Tensor], own: Mapping[str, Tensor], source: str
) -> None:
    """UnsupportedInputSizeError if a weight before the output layers cannot be taken."""
    names = [name for name in own if name in lacking]
    if names:
        why = [
            f"{name} is {shape_text(stored, name)} there and {shape_text(own, name)} here" if name in stored else
            f"{name} is missing there" for name in names
        ]  # fmt: skip
        raise UnsupportedInputSizeError(
            f"the network of {source} is another one: {first_names(why)}; its pretraining must have the same network,"
            " and scans of a size for which it is the same"
        )
