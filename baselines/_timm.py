"""Networks of timm by name, for the methods that use them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from baselines._weights import without_weights
from bench.core import BenchError
from bench.registry import did_you_mean
from bench.vision import mend_torchvision


def check(network: str, options: Mapping[str, Any]) -> None:
    """BenchError where timm has no such network (with the nearest name), or where it does not take the options."""
    _known(network)
    if options:
        create(network, (3, 224, 224), 2, options, None)


def create(
    network: str, shape: tuple[int, ...], outputs: int, options: Mapping[str, Any], weights: Path | None
) -> nn.Module:
    """The network for images of `shape`, (C, H, W). weights: a file whose first layer and head are fitted to ours."""
    _known(network)
    import timm

    arguments: dict[str, Any] = {"in_chans": shape[0], "num_classes": outputs}
    config = timm.get_pretrained_cfg(network, allow_unregistered=True)
    if config is not None and config.fixed_input_size:
        arguments["img_size"] = shape[1:]
    if weights is not None:
        arguments |= {"pretrained": True, "pretrained_cfg_overlay": {"file": str(weights), "custom_load": False}}
    try:
        return timm.create_model(network, **{**arguments, **without_weights(options)})
    except TypeError as error:
        raise BenchError(f"timm's {network} does not take options={dict(options)}: {error}") from error


def _known(network: str) -> None:
    mend_torchvision()
    import timm

    if network.partition(".")[0] not in (known := timm.list_models()):
        near = did_you_mean(network, known)
        raise BenchError(f"timm has no network {network!r}" + (f"; {near}" if len(near) < 100 else ""))
