"""Input sizes of networks: checks before training, and padding."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bench.core import BenchError
from bench.views import View, effective

if TYPE_CHECKING:
    from torch import Tensor

STEPS = (0.5, 1.0, 8.0)  # millimetres: a view with one output shape at all of these does not depend on the spacing


def shape_after_view(view: View, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape after the view of prepared scans of `shape`; None if it depends on their spacing."""
    seen = {effective(view, shape).shape(shape, (step,) * (len(shape) - 1)) for step in STEPS}
    return seen.pop() if len(seen) == 1 else None


def misfit(build: Callable[[tuple[int, ...]], object], view: View, shape: tuple[int, ...]) -> str | None:
    """Why no network can be built for scans of `shape` before the view; None if it can, or if it is not yet known.

    If the shape after the view depends on the spacing, the reason is given when the network is built.
    """
    import torch

    shown = shape_after_view(view, shape)
    if shown is None:
        return None
    try:
        with (
            torch.device("meta"),
            warnings.catch_warnings(),
        ):  # computes no initial weights, which take most of the time
            warnings.simplefilter("ignore")  # weights of a file are copied to nothing
            build(shown)
        return None
    except (BenchError, RuntimeError, ValueError, TypeError, NotImplementedError):
        pass  # it may need numbers: the reason is that of the network with them
    try:
        with torch.random.fork_rng(devices=[]):
            build(shown)
    except BenchError as error:
        return str(error)
    return None


def times(sizes: Sequence[int]) -> str:
    """Sizes in words: 8 x 8 x 8."""
    return " x ".join(map(str, sizes))


def padded(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """Pad (B, C, ...) on all sides to at least `sizes` by repeating the border, so that no edge appears."""
    from torch.nn import functional as F

    missing = [max(0, wanted - size) for wanted, size in zip(sizes, x.shape[2:], strict=True)]
    if not any(missing):
        return x
    return F.pad(x, [part for more in reversed(missing) for part in (more // 2, more - more // 2)], mode="replicate")


def cropped(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """Crop (B, C, ...) to `sizes` around the centre: the inverse of `padded`."""
    for axis, size in enumerate(sizes, start=2):
        x = x.narrow(axis, (x.shape[axis] - size) // 2, size)
    return x


def multiples(sizes: Sequence[int], divisors: Sequence[int]) -> tuple[int, ...]:
    """The smallest multiples of `divisors` that are at least `sizes`."""
    return tuple(size + -size % by for size, by in zip(sizes, divisors, strict=True))
