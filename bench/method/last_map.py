"""How many positions the last stage of a network has: too few of them leave nothing to learn over space."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.core import BenchError

if TYPE_CHECKING:
    from torch import Tensor, nn

FEWEST = 2  # positions along each axis
_SIZES: dict[tuple[str, tuple[int, ...]], tuple[int, ...]] = {}  # (network, shape of a scan) -> sizes of its last map


def note_of_few_positions(key: str, build: Callable[[], nn.Module], shape: tuple[int, ...]) -> str:
    """Return a note if the last map of a network has fewer than two positions along an axis.

    Parameters
    ----------
    key : str
        Identifies the network; its answer is kept.
    build : callable
        Builds the network, without weights of a file.
    shape : tuple of int
        Shape of a scan after the view.

    Returns
    -------
    str
        A clause for the plan and the report; empty if there are enough, or if the network has no maps.
    """
    if (key, shape) not in _SIZES:
        _SIZES[key, shape] = last_map(build, shape)
    return few_positions(_SIZES[key, shape], shape)


def few_positions(sizes: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Return a note if a last map has fewer than two positions along an axis.

    Parameters
    ----------
    sizes : tuple of int
        Spatial sizes of the map; empty if there is none.
    shape : tuple of int
        Shape of a scan after the view.

    Returns
    -------
    str
        A clause for the plan and the report; empty if there are enough.
    """
    if not sizes or min(sizes) >= FEWEST:
        return ""
    last, scan = (" x ".join(map(str, each)) for each in (sizes, shape[1:]))
    larger = "larger images (view.size)" if len(shape) == 3 else "finer voxels"
    return f"its last stage has {last} positions for scans of {scan}; {larger} would give it more"


def last_map(build: Callable[[], nn.Module], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sizes of the last map that a network normalises or filters; empty if it has none.

    Parameters
    ----------
    build : callable
        Builds the network.
    shape : tuple of int
        Shape of a scan after the view.

    Returns
    -------
    tuple of int
        Its spatial sizes. Nothing is computed: the network runs on tensors without numbers.
    """
    import torch

    sizes: list[tuple[int, ...]] = []

    def record(_module: nn.Module, _inputs: tuple, output: Tensor) -> None:
        if getattr(output, "ndim", 0) == len(shape) + 1:
            sizes.append(tuple(output.shape[2:]))

    try:
        with torch.random.fork_rng(devices=[]):
            model = _without_numbers(build).eval()
        for module in model.modules():
            if _reads_space(module):
                module.register_forward_hook(record)
        with torch.no_grad():
            model(torch.zeros(1, *shape, device="meta"))
    except (BenchError, RuntimeError, ValueError, NotImplementedError, AssertionError):
        return ()  # it cannot read such scans, which its trials say, or not without numbers
    return sizes[-1] if sizes else ()


def _without_numbers(build: Callable[[], nn.Module]) -> nn.Module:
    """The network on the device of tensors without numbers; built there if that is possible, which takes no time."""
    import torch

    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # weights of a file are copied to nothing
            return build()
    except (BenchError, RuntimeError, ValueError, TypeError, NotImplementedError):
        return build().to("meta")


def _reads_space(module: nn.Module) -> bool:
    """Whether a module filters or normalises maps: not the 1x1 layers of gates, which read the mean of a map."""
    from torch import nn

    if isinstance(module, (nn.Conv2d, nn.Conv3d)):
        return max(module.kernel_size) > 1
    return isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d, nn.InstanceNorm2d, nn.InstanceNorm3d))
