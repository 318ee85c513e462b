"""Networks of timm by name, for the methods that use them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from bench.core import BenchError
from bench.registry import did_you_mean
from bench.vision import mend_torchvision
from bench.weights import fitting, tensors, without_weights


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
        model = timm.create_model(network, **{**arguments, **without_weights(options)})
    except TypeError as error:
        raise BenchError(f"timm's {network} does not take options={dict(options)}: {error}") from error
    except (RuntimeError, LookupError, AttributeError, ValueError) as error:
        if weights is None:
            raise
        told = " ".join(str(error).split())[:300]
        raise BenchError(f"{weights} does not hold the weights of {network}: {told}; name its network") from error
    if weights is not None:
        _check_loaded(model, network, weights)
    return model


def _check_loaded(model: nn.Module, network: str, weights: Path) -> None:
    """BenchError where timm, which passes over what is missing when it fits the head, has not loaded all the rest."""
    stored, expected = tensors(weights), model.state_dict()
    if {*_body(model, stored)} != {*_body(model, expected)}:  # names of another version of timm, perhaps
        renamed = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
        stored = renamed(stored, model) if renamed else stored
    stored = _body(model, stored)
    fitting(weights, network, {key: expected.get(key, value) for key, value in stored.items()}, _body(model, expected))


def _body(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What of a state is neither head nor first layer, both of which timm fits to the task."""
    told = [model.pretrained_cfg.get(key) or () for key in ("classifier", "first_conv")]
    fitted = [f"{name}." for names in told for name in ((names,) if isinstance(names, str) else names)]
    return {key: value for key, value in state.items() if not key.startswith(tuple(fitted))}


def _known(network: str) -> None:
    mend_torchvision()
    import timm

    if network.partition(".")[0] not in (known := timm.list_models()):
        near = did_you_mean(network, known)
        raise BenchError(f"timm has no network {network!r}" + (f"; {near}" if len(near) < 100 else ""))
