"""Files of weights, checked before they are used: safetensors only, nothing is unpickled or downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import BenchError, paths
from bench.weights.foreign_formats import check_present
from bench.weights.number_checks import other_kind, why_unusable
from bench.weights.tensor_names import first_names, shape_text

if TYPE_CHECKING:
    from torch import Tensor

LOADS = ("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir")


def without_weights(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check that options of a network do not load weights.

    Parameters
    ----------
    options : mapping of str to object
        Keyword arguments for a network.

    Returns
    -------
    mapping of str to object
        The same options.

    Raises
    ------
    BenchError
        If an option would download or unpickle weights (`LOADS`).
    """
    for name in options:
        if name in LOADS:
            raise BenchError(
                f"options must not contain {name!r}: weights are read only from a local file with a checksum"
            )
    return options


def verified(weights: str, checksum: str) -> Path:
    """Check a weights file.

    Parameters
    ----------
    weights : str
        Path of a .safetensors file; `~` is expanded.
    checksum : str
        Its SHA-256 in hexadecimal digits.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    BenchError
        If it is not a complete safetensors file, or has another checksum; the message says what to do.
    """
    path = readable(weights)
    found = sha256(path)
    if checksum != found:
        detail = (
            f"not checksum={checksum}" if checksum else "give it as checksum, so that the record says which weights"
        )
        raise BenchError(f"the SHA-256 of {path} is {found}; {detail}")
    return path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file; it is computed again only if size or time of the file change."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(64)
def _sha256(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tensors(path: Path) -> dict[str, Tensor]:
    """Load every tensor of a safetensors file by name.

    Raises
    ------
    BenchError
        If it is not a safetensors file, is truncated, or holds numbers that are not real and finite.
    """
    stored = stored_tensors(path)
    if reason := why_unusable(stored):
        raise BenchError(f"{path} {reason}")
    return stored


def stored_tensors(path: Path) -> dict[str, Tensor]:
    """Load every tensor of a safetensors file by name, whatever its numbers are. Errors: see `tensors`."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def fitting(path: Path, network: str, stored: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Check that the tensors of a file have the names and shapes that a network expects.

    Parameters
    ----------
    path : Path
        The file, for the message.
    network : str
        Name of the network, for the message.
    stored, expected : mapping of str to Tensor
        Tensors of the file and of the network, by name.

    Raises
    ------
    BenchError
        If names or shapes differ; the message lists which. Counters of batches may be missing.
    """
    other = [key for key in expected if key in stored and stored[key].shape != expected[key].shape]
    odd = [f"{key} is {shape_text(stored, key)}, not {shape_text(expected, key)}" for key in other]
    pairs = {key: (stored[key], expected[key]) for key in expected if key in stored}
    kinds = [f"{key} is {kind}" for key, pair in pairs.items() if (kind := other_kind(*pair))]
    missing = [key for key in expected if key not in stored and not counts_batches(key)]
    more = [key for key in stored if key not in expected and not counts_batches(key)]
    found = {"missing": missing, "unexpected": more, "of another shape": odd, "of another kind": kinds}
    differences = "; ".join(f"{words}: {first_names(names)}" for words, names in found.items() if names)
    if differences:
        raise BenchError(
            f"{path} does not hold the weights of {network}: {differences}; name the network that it was made for"
        )


def counts_batches(name: str) -> bool:
    """Return whether a tensor counts batches: not every program stores it, and nothing is computed from it."""
    return name.rpartition(".")[2] == "num_batches_tracked"


def readable(weights: str | Path) -> Path:
    """Return the path of a whole safetensors file.

    Raises
    ------
    BenchError
        If it is not one; the message says what to do.
    """
    from safetensors import SafetensorError, safe_open

    path = paths.expand(weights)
    if path.suffix != ".safetensors":
        remedy = "write one with: bench weights convert"
        raise BenchError(
            f"weights come from a .safetensors file, not {path.name}: other formats can run code; {remedy}"
        )
    check_present(path)
    try:
        with safe_open(path, "numpy"):
            return path
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BenchError:
    start = b""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(9)
    pickled = start[:2] == b"PK" or (start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"))
    if pickled and start[8:] != b"{":  # where the header of safetensors begins
        remedy = "write its tensors to a safetensors file with: bench weights convert"
        return BenchError(f"{path} is a pickle under another name, which can run code; {remedy}")
    return BenchError(f"{path} is not a complete safetensors file: {error}; download or copy it again")
