"""Weights from a local file, checked before they are used: safetensors only, nothing is unpickled or downloaded."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import BenchError, paths

if TYPE_CHECKING:
    from torch import Tensor, nn

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
    path = _readable(weights)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if checksum != found:
        detail = (
            f"not checksum={checksum}" if checksum else "give it as checksum, so that the record says which weights"
        )
        raise BenchError(f"the SHA-256 of {path} is {found}; {detail}")
    return path


def tensors(path: Path) -> dict[str, Tensor]:
    """Load every tensor of a safetensors file by name.

    Raises
    ------
    BenchError
        If it is not a safetensors file, or is truncated.
    """
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
    odd = [f"{key} is {_shape(stored, key)}, not {_shape(expected, key)}" for key in other]
    missing = [key for key in expected if key not in stored and not _counts(key)]
    more = [key for key in stored if key not in expected and not _counts(key)]
    found = {"missing": missing, "unexpected": more, "of another shape": odd}
    differences = "; ".join(f"{words}: {_first(names)}" for words, names in found.items() if names)
    if differences:
        raise BenchError(
            f"{path} does not hold the weights of {network}: {differences}; name the network that it was made for"
        )


def _counts(name: str) -> bool:
    """Whether a tensor counts batches: not every program stores it, and nothing is computed from it."""
    return name.rpartition(".")[2] == "num_batches_tracked"


def _shape(tensors: Mapping[str, Tensor], key: str) -> str:
    return " x ".join(map(str, tensors[key].shape)) or "a number"


def _first(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _readable(weights: str | Path) -> Path:
    """The path of a whole safetensors file, else BenchError."""
    from safetensors import SafetensorError, safe_open

    path = paths.expand(weights)
    if path.suffix != ".safetensors":
        raise BenchError(f"weights come from a .safetensors file, not {path.name}: other formats can run code")
    if not path.is_file():
        raise BenchError(f"no file {path} to read weights from")
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
        remedy = "write the tensors with safetensors.torch.save_file where the file can be trusted"
        return BenchError(f"{path} is a pickle under another name, which can run code; {remedy}")
    return BenchError(f"{path} is not a complete safetensors file: {error}; download or copy it again")


@dataclass(frozen=True)
class Carried:
    """Which tensors a network took from a weights file, by name and shape, and which it did not."""

    file: str
    taken: tuple[str, ...]  # as the network names them
    other_shape: tuple[tuple[str, str, str], ...]  # name, shape in the file, shape here
    missing: tuple[str, ...]  # of the network, and not in the file
    unused: tuple[str, ...]  # in the file, and not of the network
    numbers: int  # of parameters and buffers that were taken over
    of: int  # that the network has
    file_prefix: str = ""  # removed from the names in the file before they are compared
    own_prefix: str = ""  # removed from the names in the network

    @property
    def left(self) -> str:
        """What was not taken, in words, but for counters of batches; empty if everything was."""
        shapes = [f"{name} is {stored}, not {own}" for name, stored, own in self.other_shape]
        missing, unused = ([name for name in names if not _counts(name)] for names in (self.missing, self.unused))
        found = {"of another shape": shapes, "not in the file": missing, "unused": unused}
        return "; ".join(f"{words}: {_first(names)}" for words, names in found.items() if names)

    def __str__(self) -> str:
        share = f"{len(self.taken)} tensors of {self.file} taken over, {self.numbers:,} of {self.of:,} numbers"
        if self.file_prefix != self.own_prefix:
            share += f", '{self.file_prefix}...' as '{self.own_prefix}...'"
        return "; ".join(filter(None, (share, self.left)))

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON, under the keys that stored records have."""
        values = dataclasses.asdict(self)
        return values | {"there": values.pop("file_prefix"), "here": values.pop("own_prefix")}


def carry_over(model: nn.Module, path: Path, strict: bool = False) -> Carried:
    """Initialise a network with the tensors of a file that have the same name and shape.

    If most of the network fits as a part of the stored one, or the reverse (the same backbone under another head),
    names are compared without their prefixes. The result names everything that was not taken.

    Parameters
    ----------
    model : nn.Module
        The network; changed in place.
    path : Path
        A safetensors file.
    strict : bool
        Raise if anything is left over on either side.

    Returns
    -------
    Carried
        What was taken, and what was not.

    Raises
    ------
    BenchError
        If nothing fits, or, with `strict`, if anything is left over. The network is then unchanged.
    """
    path = _readable(path)
    stored, own = tensors(path), model.state_dict()
    file_prefix, own_prefix = _before(stored, own)
    source = {own_prefix + name.removeprefix(file_prefix): name for name in stored if name.startswith(file_prefix)}
    both = [name for name in own if name in source]
    taken = [name for name in both if stored[source[name]].shape == own[name].shape]
    if not taken:
        names = f"it holds {_first(list(stored))}; the network has {_first(list(own))}"
        raise BenchError(f"{path} holds no tensor that this network has, by name and shape: {names}")
    carried = Carried(
        path.name,
        tuple(taken),
        tuple((name, _shape(stored, source[name]), _shape(own, name)) for name in both if name not in set(taken)),
        tuple(name for name in own if name not in source),
        tuple(name for name in stored if name not in {source[each] for each in both}),
        sum(own[name].numel() for name in taken),
        sum(tensor.numel() for tensor in own.values()),
        file_prefix,
        own_prefix,
    )
    if strict and carried.left:
        raise BenchError(f"{path} holds the weights of another network or configuration: {carried.left}")
    for name in taken:
        own[name].detach().copy_(stored[source[name]])
    return carried


def _before(stored: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> tuple[str, str]:
    """The prefixes (of the file, of the network) without which most names and shapes are equal; empty if none helps.

    Only parts that hold at least half of a side's numbers are tried, and at least half of the network's part must fit.
    """

    def fits(pair: tuple[str, str]) -> int:
        file_prefix, own_prefix = pair
        names = ((name, file_prefix + name.removeprefix(own_prefix)) for name in own if name.startswith(own_prefix))
        return sum(own[a].numel() for a, b in names if b in stored and stored[b].shape == own[a].shape)

    pairs = [(theirs, ours) for theirs in _parts(stored) for ours in _parts(own)]
    best = max(pairs, key=fits)  # the first, without any prefix, where others fit no better
    whole = sum(tensor.numel() for name, tensor in own.items() if name.startswith(best[1]))
    return best if 2 * fits(best) >= whole else ("", "")


def _parts(tensors: Mapping[str, Tensor]) -> list[str]:
    """The prefixes, of up to two names, of at least half of all numbers, shortest first; the first is empty."""
    sizes = dict.fromkeys([""], 0)
    for name, tensor in tensors.items():
        steps = name.split(".")[:-1][:2]
        for prefix in ("", *("".join(f"{step}." for step in steps[: end + 1]) for end in range(len(steps)))):
            sizes[prefix] = sizes.get(prefix, 0) + tensor.numel()
    return sorted((prefix for prefix, size in sizes.items() if 2 * size >= sizes[""]), key=len)
