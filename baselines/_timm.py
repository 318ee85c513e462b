"""Networks of timm by name, for the methods that use them."""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from baselines._input_sizes import multiples, padded, times
from bench.core import BenchError, UnsupportedInputSizeError
from bench.registry import did_you_mean
from bench.weights import Carried, fitting, tensors, without_weights
from bench.weights.tensor_names import shape_text


def check(network: str, options: Mapping[str, Any], weights: Path | None = None) -> None:
    """Raise BenchError if timm has no such network, it does not accept the options, or the weights do not fit."""
    _known(network)
    if options or weights:
        create(network, (3, 224, 224), 2, options, weights)


def create(
    network: str, shape: tuple[int, ...], outputs: int, options: Mapping[str, Any], weights: Path | None
) -> nn.Module:
    """The network for images of `shape`, (C, H, W); without outputs it returns its features, (B, F).

    A transformer is built for the size of the images, padded to whole patches. weights: a file; its first layer,
    positions and head are adapted to the images and the task. UnsupportedInputSizeError if it cannot read that size.
    """
    _known(network)
    import timm

    arguments: dict[str, Any] = {"in_chans": shape[0], "num_classes": outputs}
    config = timm.get_pretrained_cfg(network, allow_unregistered=True)
    sizes = shape[1:]
    try:
        if config is not None and config.fixed_input_size:
            sizes = arguments["img_size"] = _whole_patches(network, shape[1:], options)
        model = _made(network, {**arguments, **without_weights(options)}, weights, config, options)
    except TypeError as error:
        raise BenchError(f"timm's {network} does not take options={dict(options)}: {error}") from error
    except (RuntimeError, LookupError, AttributeError, ValueError, AssertionError) as error:
        detail = " ".join(str(error).split())[:300]
        if weights is None:
            raise UnsupportedInputSizeError(
                f"timm's {network} cannot be built for images of {times(shape[1:])}: {detail}"
            ) from error
        _of_another(network, weights, options)
        raise BenchError(f"{weights} does not hold the weights of {network}: {detail}; name its network") from error
    if weights is not None:
        model.carried = _carried(model, weights, _check_loaded(model, network, weights))
    if sizes != shape[1:]:
        model.register_forward_pre_hook(_Padding(sizes))
    return answering(model, network, shape, outputs)


def _made(
    network: str, arguments: Mapping[str, Any], weights: Path | None, config: Any, options: Mapping[str, Any]
) -> nn.Module:
    """The network of timm with these arguments, with the weights of a file if one is given."""
    import timm

    if weights is None:
        return timm.create_model(network, **arguments)
    from baselines._sam_positions import resampled_file

    size = _input_of(network, weights, config, options)
    with resampled_file(weights, network, arguments) as file:
        overlay = {"file": str(file), "custom_load": False, **size}
        with _quiet():
            return timm.create_model(network, **arguments, pretrained=True, pretrained_cfg_overlay=overlay)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without timm's warnings: it writes every name that it does not expect, and `_check_loaded` says it in a line."""
    logger = logging.getLogger("timm")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _input_of(network: str, weights: Path, config: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """The size of the images that a file was trained on, if they have another number of channels than timm's own.

    timm adapts the first layer from the channels of its published weights, and refuses a file of others.
    """
    size = getattr(config, "input_size", None)
    layers = getattr(config, "first_conv", None) or ()
    names = [f"{name}.weight" for name in ((layers,) if isinstance(layers, str) else layers)]
    stored = next((value for name, value in tensors(weights).items() if name in names), None)
    if size is None or stored is None or stored.ndim != 4 or stored.shape[1] == size[0]:
        return {}
    import timm

    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        expected = timm.create_model(network, **{**without_weights(options), "in_chans": size[0]}).state_dict()
    share = next((expected[name].shape[1] / size[0] for name in names if name in expected), 1.0)
    channels = stored.shape[1] / share  # some networks fold blocks of pixels into channels
    return {"input_size": (int(channels), *size[1:])} if channels == int(channels) else {}


def _of_another(network: str, weights: Path, options: Mapping[str, Any]) -> None:
    """Raise BenchError with the tensors of the file that timm's network lacks or has in another shape."""
    import timm

    with torch.random.fork_rng(devices=[]):
        fitting(weights, network, tensors(weights), timm.create_model(network, **options).state_dict())


def scale_head(model: nn.Module, factor: float) -> None:
    """Multiply the weights of the output layer that were drawn, not those of a file."""
    taken = model.carried.taken if hasattr(model, "carried") else ()
    drawn = [f"{name}.weight" for name in _named(model, "classifier") if f"{name}.weight" not in taken]
    if factor != 1.0:
        with torch.no_grad():
            for name in drawn:
                model.get_parameter(name).mul_(factor)


class _Padding:
    """Pad images before the network reads them; a hook, so that the names of its weights do not change."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.sizes = sizes

    def __call__(self, model: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        return (padded(inputs[0], self.sizes),)


def last_stage(model: nn.Module, head: Collection[str]) -> set[str]:
    """Names of the parameters of the last stage in timm's `feature_info` with a layer, and of all later modules."""
    names = [name for name, _ in model.named_modules()]
    stages = [entry["module"] for entry in getattr(model, "feature_info", [])]
    for stage in reversed([stage for stage in stages if stage in names]):
        later = {name for name in names[names.index(stage) :] if not stage.startswith(f"{name}.")}
        weights = {key: weight for key, weight in model.named_parameters() if key.rpartition(".")[0] in later}
        if any(weight.ndim > 1 and key not in head for key, weight in weights.items()):
            return set(weights)
    raise BenchError(f"timm lists no stages of {type(model).__name__}: set train to all or head")


def _whole_patches(network: str, sizes: tuple[int, ...], options: Mapping[str, Any]) -> tuple[int, ...]:
    """Sizes of images, padded to whole patches."""
    import timm

    with torch.random.fork_rng(devices=[]):
        made = timm.create_model(network, **without_weights(options))
    patch = getattr(getattr(made, "patch_embed", None), "patch_size", (1, 1))
    if any(step > size for step, size in zip(patch, sizes, strict=True)):
        raise UnsupportedInputSizeError(
            f"{network} reads patches of {times(patch)}, and images of {times(sizes)} hold none"
        )
    return multiples(sizes, patch)


def answering(model: nn.Module, network: str, shape: tuple[int, ...], outputs: int) -> nn.Module:
    """Return the network if it returns one row of numbers per scan, else raise BenchError. It runs on meta tensors."""
    shadow = copy.deepcopy(model).to("meta").eval()
    try:
        with torch.no_grad():
            answer = shadow(torch.zeros(1, *shape, device="meta"))
    except (RuntimeError, ValueError, AssertionError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnsupportedInputSizeError(f"{network} cannot read scans of {times(shape[1:])}: {detail}") from error
    if answer.ndim != 2 or answer.shape[1] != (outputs or answer.shape[1]):
        raise BenchError(f"{network} gives {tuple(answer.shape)} for a scan of {shape}, not one row of {outputs}")
    return model


def width(model: nn.Module, shape: tuple[int, ...]) -> int:
    """Number of features of a network without outputs for an image of `shape`, (C, H, W)."""
    with torch.no_grad():
        return copy.deepcopy(model).to("meta").eval()(torch.zeros(1, *shape, device="meta")).shape[1]


def _check_loaded(model: nn.Module, network: str, weights: Path) -> Mapping[str, Tensor]:
    """The tensors of the file under the names of the network.

    BenchError unless all weights but the head were in the file: timm ignores missing ones.
    """
    stored, expected = tensors(weights), model.state_dict()
    if {*_body(model, stored)} != {*_body(model, expected)}:  # names of another version of timm, perhaps
        renamed = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
        stored = renamed(stored, model) if renamed else stored
    body = _body(model, stored)
    fitting(weights, network, {key: expected.get(key, value) for key, value in body.items()}, _body(model, expected))
    for layer in _named(model, "first_conv"):  # timm adapts its channels to ours if it is in the file
        if f"{layer}.weight" not in stored:
            raise BenchError(f"{weights} does not hold the weights of {network}: missing: {layer}.weight")
    return stored


def _carried(model: nn.Module, weights: Path, stored: Mapping[str, Tensor]) -> Carried:
    """What a network has of a file that timm read, by comparison of the values. stored: under the network's names."""
    raw = tensors(weights)
    own, head = model.state_dict(), tuple(f"{name}." for name in _named(model, "classifier"))
    pairs = {name: (stored[name], own[name]) for name in own if name in stored}
    equal = {name for name, pair in pairs.items() if _equal(*pair)}
    published = {name: next((key for key in raw if f".{key}".endswith(f".{name}")), name) for name in pairs}
    before = {**stored, **raw}  # timm resamples some as it renames them
    shapes = {name: (name, shape_text(before, published[name]), shape_text(own, name)) for name in pairs}
    other = {name for name in pairs if before[published[name]].shape != own[name].shape}
    adapted = [name for name in pairs if not name.startswith(head) and (name in other or name not in equal)]
    taken = [name for name in pairs if name in equal or name in adapted]
    return Carried(
        weights.name,
        tuple(taken),
        tuple(shapes[name] for name in pairs if name not in taken),
        tuple(name for name in own if name not in stored),
        tuple(name for name in stored if name not in own),
        sum(own[name].numel() for name in taken),
        sum(tensor.numel() for tensor in own.values()),
        adapted=tuple(shapes[name] for name in adapted),
    )


def _equal(stored: Tensor, own: Tensor) -> bool:
    return stored.shape == own.shape and torch.equal(stored.to(own.dtype), own)


def _body(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state without head and first layer, which timm adapts to the task."""
    fitted = tuple(f"{name}." for key in ("classifier", "first_conv") for name in _named(model, key))
    return {key: value for key, value in state.items() if not key.startswith(fitted)}


def _named(model: nn.Module, key: str) -> tuple[str, ...]:
    """Names of the layers that timm adapts to the task: `classifier` or `first_conv`."""
    names = model.pretrained_cfg.get(key) or ()
    return (names,) if isinstance(names, str) else tuple(names)


def _known(network: str) -> None:
    import timm

    if network.partition(".")[0] not in (known := timm.list_models()):
        near = did_you_mean(network, known)
        raise BenchError(f"timm has no network {network!r}" + (f"; {near}" if len(near) < 100 else ""))
