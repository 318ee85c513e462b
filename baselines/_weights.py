"""Weights from a local file, checked before they are used: safetensors only, nothing is unpickled or downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import BenchError

if TYPE_CHECKING:
    from torch import Tensor

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
