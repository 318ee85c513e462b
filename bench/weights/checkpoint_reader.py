"""Read the tensors of a published checkpoint without running code of the file."""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import BenchError, paths
from bench.weights.foreign_formats import check_archive, check_present
from bench.weights.tensor_names import first_names
from bench.weights.weights_file import stored_tensors

if TYPE_CHECKING:
    from torch import Tensor

WRAPPINGS = (  # keys under which published files have the tensors of a network, the usual ones first
    *("state_dict", "model_state_dict", "model", "teacher", "network_weights", "model_state", "net", "network"),
    *("weights", "ema", "student", "params", "module", "encoder"),
)
PARALLEL = ("module.", "_orig_mod.")  # prefixes of torch's DataParallel and of compiled networks
REPEATED = 2**20  # bytes up to which a tensor may repeat the numbers that a file has
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
    check_present(path)
    content = _content(path, run_torchscript)
    state, wrappings, left_out = _state_of(path, content, key)
    for prefix in PARALLEL * 2:
        if all(name.startswith(prefix) for name in state):
            state, wrappings = {name.removeprefix(prefix): value for name, value in state.items()}, (*wrappings, prefix)
    return Checkpoint({name: value.detach().clone().contiguous() for name, value in state.items()}, wrappings, left_out)


def _content(path: Path, run_torchscript: bool) -> Any:
    if path.suffix == ".safetensors":
        return stored_tensors(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old protocols and formats: published files keep those that they have
        return _pytorch_content(path, run_torchscript)


def _pytorch_content(path: Path, run_torchscript: bool) -> Any:
    import torch

    check_archive(path)
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
        raise _unreadable(path) from error


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
        return _unreadable(path)
    load = f"c = torch.load({str(path)!r}, weights_only=False)"
    if named[1].startswith("torch.nn.modules."):
        holds, save = f"a whole network ({named[1]})", "torch.save(c.state_dict(), 'tensors.pt')"
    else:
        holds, save = f"{named[1]} beside its tensors", "torch.save(c['state_dict'], 'tensors.pt')"
        save += ", with the file's own key in place of 'state_dict'"
    remedy = f"where you trust the file, save its tensors alone and convert that file: {load}; {save}"
    return BenchError(f"{path} holds {holds}, and reading that can run code; {remedy}")


def _unreadable(path: Path) -> BenchError:
    return BenchError(
        f"{path} is not a complete file of PyTorch: it was cut or damaged, or is of another kind; download it again,"
        " and compare its size with the published one"
    )


def _state_of(path: Path, content: Any, key: str) -> tuple[dict[str, Tensor], tuple[str, ...], tuple[str, ...]]:
    """The tensors by name, the keys that led to them, and the keys that were not followed."""
    followed: list[str] = []
    left: list[str] = []
    steps = key.split(".") if key else []
    while True:
        if not isinstance(content, Mapping):
            raise BenchError(f"{path} holds {type(content).__name__}, not tensors by name")
        values = _by_text(path, content)
        if steps:
            step = steps.pop(0)
            if step not in values:
                raise BenchError(f"{path} has no key {step!r}; it has {first_names(list(values), 8)}")
        elif (step := _wrapping(values)) is None:
            found = {name: value for name, value in values.items() if _why_no_numbers(value) is None}
            if found:
                left += [_left_out(name, value) for name, value in values.items() if name not in found]
                return found, tuple(followed), tuple(left)
            step = _only_key(path, values)
        followed.append(step)
        left += [name for name in values if name != step]
        content = values[step]


def _by_text(path: Path, content: Mapping[Any, Any]) -> dict[str, Any]:
    """The entries under texts: networks that are kept in lists have numbers as keys."""
    values = {str(name): value for name, value in content.items()}
    if len(values) < len(content):
        raise BenchError(f"{path} has two entries under one name, such as '1' and 1; rename the tensors in it")
    return values


def _wrapping(values: Mapping[str, Any]) -> str | None:
    """The first of the usual keys under which there are tensors; tensors beside it are counters and the like."""
    return next((name for name in WRAPPINGS if _has_tensors(values.get(name))), None)


def _only_key(path: Path, values: Mapping[str, Any]) -> str:
    inside = [name for name, value in values.items() if _has_tensors(value)]
    if len(inside) == 1:
        return inside[0]
    if inside:
        raise BenchError(f"{path} has tensors under several keys: {first_names(inside, 8)}; choose one with --key")
    held = [_left_out(name, value) for name, value in values.items()]
    raise BenchError(f"{path} holds no tensors of a network; its keys are: {first_names(held, 8) or 'none'}")


def _has_tensors(value: Any, depth: int = 3) -> bool:
    if not isinstance(value, Mapping) or not depth:
        return False
    return any(_why_no_numbers(each) is None or _has_tensors(each, depth - 1) for each in value.values())


def _left_out(name: str, value: Any) -> str:
    """A name that is left out; of a tensor with the reason."""
    reason = _why_no_numbers(value)
    return f"{name} ({reason})" if reason else name


def _why_no_numbers(value: Any) -> str | None:
    """Why a value is no tensor of a network: an adjective, empty for what is no tensor; None if it is one."""
    import torch

    if not isinstance(value, torch.Tensor):
        return ""
    if value.is_meta:
        return "without values"
    if value.is_quantized:
        return "quantized"
    if value.layout == torch.strided and value.numel() * value.element_size() > max(
        value.untyped_storage().nbytes(), REPEATED
    ):
        return "fewer numbers, repeated"  # a small file would fill the memory
    return None if value.layout == torch.strided else "sparse"


def _line(error: BaseException) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text[:200]
