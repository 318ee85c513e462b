"""The layout of a published checkpoint, and what is shared by the tables of layouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

State = Mapping[str, "Tensor"]
Arm = tuple[str, Mapping[str, Any]]  # name of a method, its parameters


@dataclass(frozen=True)
class Layout:
    """How the tensors of a published network are named, and which arm reads them.

    Attributes
    ----------
    name : str
        The model.
    matches : callable
        Takes the tensors by name; returns whether they are of this layout.
    converted : callable
        Takes the tensors by name; returns those of the network under the names that the arm has.
    arm : callable
        Takes the converted tensors; returns a method and its parameters, or None if no method has this network.
    note : str
        What differs from the published network.
    merged : str
        Regular expression of the names of tensors that become part of another tensor; empty: none do.
    """

    name: str
    matches: Callable[[State], bool]
    converted: Callable[[State], dict[str, Tensor]] = field(default=dict)
    arm: Callable[[State], Arm | None] = field(default=lambda state: None)
    note: str = ""
    merged: str = ""


def part(state: State, prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def axes(state: State, name: str) -> int:
    """Return the number of axes of a tensor, 0 if there is none of that name."""
    return state[name].ndim if name in state else 0


def blocks(state: State, prefix: str) -> int:
    """Return the number of blocks that are numbered after a prefix: `blocks.0.`, `blocks.1.`."""
    return len({name.removeprefix(prefix).partition(".")[0] for name in state if name.startswith(prefix)})
