"""Weights from a local file, checked before they are used: safetensors only, nothing is unpickled or downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.core import BenchError

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
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if checksum != found:
        told = f"not checksum={checksum}" if checksum else "give it as checksum, so that the record says which weights"
        raise BenchError(f"the SHA-256 of {path} is {found}; {told}")
    return path
