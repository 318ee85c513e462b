"""Names and shapes of tensors in words, for messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def shape_text(tensors: Mapping[str, Tensor], key: str) -> str:
    """Return the shape of a tensor in words: 4 x 3."""
    return " x ".join(map(str, tensors[key].shape)) or "a number"


def first_names(names: Sequence[str], most: int = 3) -> str:
    """Return the first of many names, and the number of the others. Signs that a terminal would obey are escaped."""
    return ", ".join(map(printable, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")


def printable(name: str) -> str:
    """Return a name from a file with every sign escaped that is not printed, such as a line break."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in name)
