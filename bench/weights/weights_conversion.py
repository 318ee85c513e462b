"""Convert a published checkpoint into a safetensors file with the names of a network here."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import BenchError, paths, plural
from bench.core.printable_text import printable
from bench.weights.checkpoint_reader import Checkpoint, read_checkpoint
from bench.weights.layout import Layout, State
from bench.weights.number_checks import why_unusable
from bench.weights.published_layouts import recognised, unwrapped
from bench.weights.tensor_names import first_names
from bench.weights.weights_file import sha256

if TYPE_CHECKING:
    from torch import Tensor


RESERVED = "__metadata__"  # in the header of a safetensors file


@dataclass(frozen=True)
class Inspection:
    """What a file of weights holds.

    Attributes
    ----------
    path : Path
        The file.
    sha256 : str
        Its checksum.
    checkpoint : Checkpoint
        The tensors in the file.
    layout : Layout or None
        The published layout that they have; None if none is recognised.
    tensors : mapping of str to Tensor
        The tensors under the names of the network here.
    """

    path: Path
    sha256: str
    checkpoint: Checkpoint
    layout: Layout | None
    tensors: Mapping[str, Tensor]

    @property
    def arm(self) -> tuple[str, Mapping[str, Any]] | None:
        """The method that has this network and its parameters; None if no method is known to have it."""
        return self.layout.arm(self.tensors) if self.layout else None

    @property
    def numbers(self) -> int:
        """The number of values of all tensors."""
        return sum(tensor.numel() for tensor in self.tensors.values())

    def lines(self) -> list[str]:
        """Return what the file holds, in words."""
        checkpoint = self.checkpoint
        kept = f"{plural(len(self.tensors), 'tensor')}, {self.numbers:,} number{'' if self.numbers == 1 else 's'}"
        wrappings = f", under {' / '.join(checkpoint.wrappings)}" if checkpoint.wrappings else ""
        other = [*checkpoint.left_out, *self._dropped()]
        lines = [f"{self.path}: {kept}{wrappings}", f"SHA-256: {self.sha256}"]
        lines += [f"left out: {first_names(other, 6)}"] if other else []
        lines += [f"unusable: the file {reason}"] if (reason := why_unusable(self.tensors)) else []
        if self.layout is None:
            return [*lines, "layout: not recognised; the names of the tensors are kept"]
        note = f"; {self.layout.note}" if self.layout.note else ""
        lines.append(f"layout: {self.layout.name}{note}")
        return lines if self.arm else [*lines, "no method here has this network"]

    def _dropped(self) -> list[str]:
        """The parts of a network that the layout leaves out: their first words, or the last where a part is kept."""
        before, merged = self.checkpoint.tensors, self.layout.merged if self.layout else ""
        if len(before) == len(self.tensors):
            return []
        taken = {tensor.data_ptr() for tensor in self.tensors.values()}
        kept = {name for name in before if before[name].data_ptr() in taken or (merged and re.search(merged, name))}
        parts = {name.partition(".")[0] for name in kept}
        words = (name.rpartition(".")[2] if name.partition(".")[0] in parts else name.partition(".")[0]
                 for name in before if name not in kept)  # fmt: skip
        return list(dict.fromkeys(words))

    def summary(self) -> dict[str, Any]:
        """Return the same as JSON."""
        return {
            "file": str(self.path),
            "sha256": self.sha256,
            "tensors": {name: list(tensor.shape) for name, tensor in self.tensors.items()},
            "numbers": self.numbers,
            "wrappings": list(self.checkpoint.wrappings),
            "left_out": list(self.checkpoint.left_out),
            "layout": self.layout.name if self.layout else None,
            "arm": dict(zip(("method", "params"), self.arm, strict=True)) if self.arm else None,
        }


def inspect(path: str | Path, key: str = "", run_torchscript: bool = False) -> Inspection:
    """Read a file of weights and recognise its layout.

    Parameters
    ----------
    path, key, run_torchscript
        As for `bench.weights.checkpoint_reader.read_checkpoint`.

    Returns
    -------
    Inspection
        What it holds.

    Raises
    ------
    BenchError
        If it cannot be read without running its code, is damaged, or has no tensors of a network.
    """
    path = paths.expand(path)
    checkpoint = read_checkpoint(path, key, run_torchscript)
    state = unwrapped(checkpoint.tensors)
    layout = recognised(state)
    return Inspection(path, sha256(path), checkpoint, layout, _converted(path, layout, state) if layout else state)


def _converted(path: Path, layout: Layout, state: State) -> Mapping[str, Tensor]:
    """The tensors under the names of the network here. BenchError if the file has only a part of the layout's."""
    try:
        tensors = layout.converted(state)
        layout.arm(tensors)
    except (KeyError, ValueError, IndexError) as error:
        lacks = f": {printable(str(error.args[0]))}" if isinstance(error, KeyError) else ""
        raise BenchError(
            f"{path} begins like {layout.name}, but is no complete network of that kind, or has further parts{lacks}"
        ) from error
    return tensors


def convert(path: str | Path, out: str | Path, key: str = "", run_torchscript: bool = False) -> tuple[Inspection, str]:
    """Write the tensors of a checkpoint to a safetensors file, under the names of the network here.

    The same source gives the same bytes.

    Parameters
    ----------
    path, key, run_torchscript
        As for `inspect`.
    out : str or Path
        The file to write; its name ends in `.safetensors`.

    Returns
    -------
    Inspection, str
        What the source holds, and the SHA-256 of the new file.

    Raises
    ------
    BenchError
        As for `inspect`, or if `out` exists or has another ending.
    """
    out = paths.expand(out)
    if out.suffix != ".safetensors":
        raise BenchError(f"--out must end in .safetensors, not {out.name}")
    if out.exists():
        raise BenchError(f"{out} exists; choose another name or remove it")
    if not out.parent.is_dir():
        raise BenchError(f"no folder {out.parent} to write {out.name} to")
    inspected = inspect(path, key, run_torchscript)
    if not inspected.tensors:
        raise BenchError(f"{inspected.path} has the layout of {inspected.layout.name}, but none of its tensors")
    if reason := why_unusable(inspected.tensors):
        raise BenchError(f"{inspected.path} {reason}; nothing was written")
    if RESERVED in inspected.tensors:
        raise BenchError(f"{inspected.path} has a tensor named {RESERVED}, which safetensors reserves; rename it")
    origin = {"source_sha256": inspected.sha256, "layout": inspected.layout.name if inspected.layout else ""}
    _write(dict(inspected.tensors), out, {"bench": json.dumps(origin, sort_keys=True)})
    return inspected, sha256(out)


def _write(tensors: dict[str, Tensor], out: Path, metadata: dict[str, str]) -> None:
    """Write a file at once: an interrupted command leaves none of that name."""
    from safetensors.torch import save_file

    part = out.with_name(f".{out.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    try:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part, metadata)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
