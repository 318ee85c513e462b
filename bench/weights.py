"""Weights from a local file, checked before they are used: safetensors only, nothing is unpickled or downloaded."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import BenchError

if TYPE_CHECKING:
    from torch import Tensor, nn

LOADS = ("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir")


def without_weights(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options of a network, if none of them makes it fetch or unpickle weights; else BenchError."""
    for name in options:
        if name in LOADS:
            raise BenchError(f"options may not hold {name!r}: weights come from a local, checked file or from nowhere")
    return options


def verified(weights: str, checksum: str) -> Path:
    """The file, if it is safetensors and its SHA-256 is `checksum`; else BenchError with what to do."""
    path = Path(weights).expanduser()
    if path.suffix != ".safetensors":
        raise BenchError(f"weights come from a .safetensors file, not {path.name}: other formats can run code")
    if not path.is_file():
        raise BenchError(f"no file {path} to read weights from")
    _check_whole(path)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if checksum != found:
        told = f"not checksum={checksum}" if checksum else "give it as checksum, so that the record says which weights"
        raise BenchError(f"the SHA-256 of {path} is {found}; {told}")
    return path


def tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a safetensors file by name. BenchError where it is no such file, or is cut short."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def fitting(path: Path, network: str, stored: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """BenchError unless what a file holds has the names and shapes that the network expects: which have not."""
    other = [key for key in expected if key in stored and stored[key].shape != expected[key].shape]
    odd = [f"{key} is {_shape(stored, key)}, not {_shape(expected, key)}" for key in other]
    missing = [key for key in expected if key not in stored]
    more = [key for key in stored if key not in expected]
    found = {"missing": missing, "unexpected": more, "of another shape": odd}
    told = "; ".join(f"{words}: {_first(names)}" for words, names in found.items() if names)
    if told:
        raise BenchError(
            f"{path} does not hold the weights of {network}: {told}; name the network that it was made for"
        )


def _shape(tensors: Mapping[str, Tensor], key: str) -> str:
    return " x ".join(map(str, tensors[key].shape)) or "a number"


def _first(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _check_whole(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy"):
            return
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BenchError:
    return BenchError(f"{path} is no whole safetensors file: {error}; download or copy it again")


@dataclass(frozen=True)
class Carried:
    """What a network took over from the weights of another one, by name and shape, and what not."""

    file: str
    taken: tuple[str, ...]
    other_shape: tuple[str, ...]  # in both, with other dimensions
    missing: tuple[str, ...]  # of the network, and not in the file
    unused: tuple[str, ...]  # in the file, and not of the network
    numbers: int  # of parameters and buffers that were taken over
    of: int  # that the network has

    def __str__(self) -> str:
        left = {"of another shape": self.other_shape, "not in the file": self.missing, "unused": self.unused}
        rest = "; ".join(f"{words}: {_first(names)}" for words, names in left.items() if names)
        share = f"{len(self.taken)} tensors of {self.file} taken over, {self.numbers:,} of {self.of:,} numbers"
        return f"{share}; {rest}" if rest else share

    def plain(self) -> dict[str, Any]:
        """As plain JSON."""
        return dataclasses.asdict(self)


def carry_over(model: nn.Module, path: Path) -> Carried:
    """Begin with the weights of a file: every tensor whose name and shape the network has is taken over.

    Nothing is dropped in silence: what was not taken is told by name. A network whose layers lie one step deeper (a
    mechanism put around a stage renames it) shows as missing and unused. BenchError where nothing fits.
    """
    import torch

    stored, own = tensors(path), model.state_dict()
    both = [name for name in own if name in stored]
    taken = [name for name in both if stored[name].shape == own[name].shape]
    if not taken:
        names = f"it holds {_first(list(stored))}; the network has {_first(list(own))}"
        raise BenchError(f"{path} holds no tensor that this network has, by name and shape: {names}")
    with torch.no_grad():
        for name in taken:
            own[name].copy_(stored[name])
    return Carried(
        path.name,
        tuple(taken),
        tuple(f"{name} ({_shape(stored, name)}, here {_shape(own, name)})" for name in both if name not in set(taken)),
        tuple(name for name in own if name not in stored),
        tuple(name for name in stored if name not in own),
        sum(own[name].numel() for name in taken),
        sum(tensor.numel() for tensor in own.values()),
    )
