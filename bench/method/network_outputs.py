"""Outputs of a network: logits, and the features and the attention map that hooks find inside any network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Outputs:
    """Outputs of a network for B scans.

    Attributes
    ----------
    logits : Tensor of shape (B, outputs, ...)
        One column per class, or one number per scan; for masks with the spatial axes of the scan.
    features : Tensor of shape (B, F)
        The input of the network's last linear (or 1x1) layer.
    attention : Tensor of shape (B, ...) or None
        Energy of the last feature map: the mean square over its channels. None if it was not requested, and for
        networks that end in tokens or slices, or that predict masks.
    """

    logits: Tensor
    features: Tensor
    attention: Tensor | None = None

    def at(self, index: Tensor) -> Outputs:
        """Select scans.

        Parameters
        ----------
        index : Tensor of shape (b,)
            Positions of the scans.

        Returns
        -------
        Outputs
            The outputs of these scans.
        """
        return Outputs(
            self.logits[index], self.features[index], None if self.attention is None else self.attention[index]
        )


def outputs(model: nn.Module, x: Tensor, attention: bool = False) -> Outputs:
    """Run a network and return its logits and penultimate features.

    Parameters
    ----------
    model : nn.Module
        Any network with a linear or 1x1 layer.
    x : Tensor of shape (B, C, ...)
        Scans after the view.
    attention : bool
        Also return the energy of the last feature map.

    Returns
    -------
    Outputs
        The outputs for `x`.

    Raises
    ------
    ValueError
        If the network has no linear or 1x1 layer to read features from.
    """
    with capture_outputs(model, attention) as captured:
        model(x)
    return captured[-1]


@contextmanager
def capture_outputs(model: nn.Module, attention: bool = False) -> Iterator[list[Outputs]]:
    """Record the outputs of every forward pass of a network by hooks, which are removed at the end.

    Parameters
    ----------
    model : nn.Module
        The network; its forward pass is unchanged.
    attention : bool
        Also record the energy of the last feature map.

    Yields
    ------
    list of Outputs
        Filled during the context: one entry for each forward pass.

    Raises
    ------
    ValueError
        During a forward pass, if the network has no linear or 1x1 layer.
    """
    captured: list[Outputs] = []
    current: dict[str, Tensor | None] = {}

    def record(_module: nn.Module, _inputs: tuple, logits: Tensor) -> None:
        last_map, features = current.get("map"), _features(model, logits, current.get("read"))
        usable = last_map is not None and logits.ndim == 2 and len(last_map) == len(logits)  # not of slices or masks
        captured.append(Outputs(logits, features, _attention(last_map, features.shape[1]) if usable else None))
        current.clear()

    last, inner = _last_linear(model), [module for module in model.modules() if module is not model]
    hooks = [last.register_forward_pre_hook(lambda _, inputs: current.update(read=inputs[0]))] if last else []
    if attention:
        hooks += [
            module.register_forward_hook(lambda _, inputs, output: _keep_map(current, output)) for module in inner
        ]
    hooks.append(model.register_forward_hook(record))
    try:
        yield captured
    finally:
        for hook in hooks:
            hook.remove()


def _keep_map(current: dict[str, Tensor | None], output: object) -> None:
    """Keep the last map of more than one position and one channel; tokens after it show that it was not the last."""
    axes = getattr(output, "ndim", 0)
    if axes == 3:
        current["map"] = None
    elif axes in (4, 5) and output.shape[1] > 1 and output.shape[2:].numel() > 1:
        current["map"] = output


def _attention(features: Tensor, width: int) -> Tensor:
    """The mean square over the channels, (B, ...). features: (B, C, ...), or (B, ..., C) if only that C is `width`."""
    last = features.shape[1] != width and features.shape[-1] == width
    return features.float().square().mean(-1 if last else 1)


def _features(model: nn.Module, logits: Tensor, read: Tensor | None) -> Tensor:
    """(B, F). Of masks, the mean over the positions of what the last 1x1 layer reads, or else of the logits."""
    if logits.ndim > 2:
        return (read if read is not None and read.ndim == logits.ndim else logits).flatten(2).mean(2)
    if read is None:
        raise ValueError(f"{type(model).__name__} has no linear or 1x1 layer to read features from")
    return read.flatten(1)


def _last_linear(model: nn.Module) -> nn.Module | None:
    from torch import nn

    layers = [
        module
        for module in model.modules()
        if isinstance(module, nn.Linear)
        or (isinstance(module, (nn.Conv2d, nn.Conv3d)) and set(module.kernel_size) == {1})
    ]
    return layers[-1] if layers else None
