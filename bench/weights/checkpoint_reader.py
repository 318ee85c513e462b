"""Read the tensors of a published checkpoint without running code of the file."""

from __future__ import annotations

import pickle
import re
import shlex
import struct
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import BenchError, paths
from bench.weights.weights_file import first_names, tensors

if TYPE_CHECKING:
    from torch import Tensor

WRAPPINGS = (  # keys under which published files have the tensors of a network, the usual ones first
    *("state_dict", "model_state_dict", "model", "teacher", "network_weights", "model_state", "net", "network"),
    *("weights", "ema", "student", "params", "module", "encoder"),
)
PARALLEL = ("module.", "_orig_mod.")  # prefixes of torch's DataParallel and of compiled networks
FAULTS = (  # what torch.load and zipfile raise for a file that is damaged, or was made to do harm
    *(RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, OSError, ArithmeticError),
    *(AssertionError, MemoryError, ImportError, pickle.UnpicklingError, struct.error, zipfile.BadZipFile),
)


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of one network in a file.

    Attributes
    ----------
    tensors : mapping of str to Tensor
        By name, without prefixes of parallel training.
    wrappings : tuple of str
        Keys that were followed to the tensors, and prefixes that were removed.
    left_out : tuple of str
        Other keys of the file, such as the optimiser.
    """

    tensors: Mapping[str, Tensor]
    wrappings: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def read_checkpoint(path: str | Path, key: str = "", run_torchscript: bool = False) -> Checkpoint:
    """Read a checkpoint of PyTorch or a safetensors file.

    Pickles are read with `torch.load(weights_only=True)`, which creates tensors and plain values only.

    Parameters
    ----------
    path : str or Path
        The file; `~` is expanded.
    key : str
        Key of the tensors in the file, with dots for nested ones; empty: the usual keys are tried.
    run_torchscript : bool
        Read TorchScript archives too, which runs code of the file.

    Returns
    -------
    Checkpoint
        Tensors on the CPU, contiguous and in memory of their own.

    Raises
    ------
    BenchError
        If the file cannot be read without running its code, is damaged, or has no tensors of a network.
    """
    path = paths.expand(path)
    if not path.is_file():
        raise BenchError(f"no file {path} to read weights from")
    content = _content(path, run_torchscript)
    state, wrappings, left_out = _state_of(path, content, key)
    for prefix in PARALLEL * 2:
        if all(name.startswith(prefix) for name in state):
            state, wrappings = {name.removeprefix(prefix): value for name, value in state.items()}, (*wrappings, prefix)
    return Checkpoint({name: value.detach().clone().contiguous() for name, value in state.items()}, wrappings, left_out)


def _content(path: Path, run_torchscript: bool) -> Any:
    if path.suffix == ".safetensors":
        return tensors(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old protocols and formats: published files keep those that they have
        return _pytorch_content(path, run_torchscript)


def _pytorch_content(path: Path, run_torchscript: bool) -> Any:
    import torch

    if _is_torchscript(path):
        if not run_torchscript:
            raise BenchError(
                f"{path} is a TorchScript archive, and reading it runs code of the file; "
                "if you trust its source, add --run-torchscript"
            )
        try:
            return dict(torch.jit.load(str(path), map_location="cpu").state_dict())
        except FAULTS as error:
            raise BenchError(f"{path} is not a complete TorchScript archive: {_line(error)}") from error
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refusal(path, str(error)) from error
    except FAULTS as error:
        raise BenchError(f"{path} is not a complete file of PyTorch: {_line(error)}; download it again") from error


def _is_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except FAULTS:
        return False


def _refusal(path: Path, message: str) -> BenchError:
    """Why torch refuses a pickle: the class or function that it names, if it names one."""
    named = re.search(r"(?:GLOBAL|global|class|function)s?:? ([A-Za-z_][\w]*(?:\.\w+)+)", message)
    if named is None:
        return BenchError(f"{path} is not a file of PyTorch that can be read safely: {message.splitlines()[0][:200]}")
    place = shlex.quote(str(path))
    remedy = (
        "where you trust the file, save its tensors alone and convert that file: "
        f"c = torch.load({place!r}, weights_only=False); torch.save(c['state_dict'], 'tensors.pt')"
    )
    return BenchError(f"{path} holds {named[1]} beside its tensors, and reading that can run code; {remedy}")


def _state_of(path: Path, content: Any, key: str) -> tuple[dict[str, Tensor], tuple[str, ...], tuple[str, ...]]:
    """The tensors by name, the keys that led to them, and the keys that were not followed."""
    followed: list[str] = []
    left: list[str] = []
    steps = key.split(".") if key else []
    while True:
        if not isinstance(content, Mapping):
            raise BenchError(f"{path} holds {type(content).__name__}, not tensors by name")
        values = {str(name): value for name, value in content.items()}
        if steps:
            step = steps.pop(0)
            if step not in values:
                raise BenchError(f"{path} has no key {step!r}; it has {first_names(list(values), 8)}")
        elif found := {name: value for name, value in values.items() if _is_tensor(value)}:
            left += [name for name in values if name not in found]
            return found, tuple(followed), tuple(left)
        else:
            step = _next_key(path, values)
        followed.append(step)
        left += [name for name in values if name != step]
        content = values[step]


def _next_key(path: Path, values: Mapping[str, Any]) -> str:
    inside = {name: value for name, value in values.items() if isinstance(value, Mapping) and _has_tensors(value)}
    usual = [name for name in WRAPPINGS if name in inside]
    if usual or len(inside) == 1:
        return usual[0] if usual else next(iter(inside))
    if inside:
        raise BenchError(
            f"{path} has tensors under several keys: {first_names(list(inside), 8)}; choose one with --key"
        )
    raise BenchError(f"{path} holds no tensors of a network; its keys are: {first_names(list(values), 8) or 'none'}")


def _has_tensors(value: Any, depth: int = 3) -> bool:
    if not isinstance(value, Mapping) or not depth:
        return False
    return any(_is_tensor(each) or _has_tensors(each, depth - 1) for each in value.values())


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_quantized


def _line(error: BaseException) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text[:200]
