"""Names and shapes of tensors in words, for messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench.core.printable_text import printable

if TYPE_CHECKING:
    from torch import Tensor


def shape_text(tensors: Mapping[str, Tensor], key: str) -> str:
    """Return the shape of a tensor in words: 4 x 3."""
    return " x ".join(map(str, tensors[key].shape)) or "a number"


def first_names(names: Sequence[str], most: int = 3) -> str:
    """Return the first of many names, and the number of the others. Signs that a terminal would obey are escaped."""
    return ", ".join(map(printable, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")
