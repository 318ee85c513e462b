"""Weights from a local file, checked before they are used: safetensors only, nothing is unpickled or downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bench.core import BenchError


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
