"""Plain values: parameters of a dataclass, canonical JSON, digests and seeds."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any


def param(default: Any, meaning: str, choices: Sequence[Any] = ()) -> Any:
    """A dataclass field that says what it means and, where they are few, which values it takes."""
    return field(default=default, metadata={"meaning": meaning, "choices": tuple(choices)})


def plural(count: int, thing: str, things: str = "") -> str:
    """`1 fold`, `5 folds`, `2 people`."""
    return f"{count} {thing if count == 1 else things or thing + 's'}"


def plain(value: Any) -> Any:
    """`value` as JSON holds it: dataclasses become objects (a view with its kind), tuples lists, paths strings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        entries = {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        kind = getattr(value, "kind_name", None)
        version = getattr(value, "version", 1)
        return {"kind": kind, **({"version": version} if version != 1 else {}), **entries} if kind else entries
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values, and only they, give equal text."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any, length: int = 20) -> str:
    """The first `length` hexadecimal digits of the SHA-256 of `value` in canonical form."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:length]


def seed_of(*parts: Any) -> int:
    """A seed in [0, 2**31) that depends on `parts` alone: the same on every machine and in every process."""
    return int(digest(list(parts), 16), 16) % 2**31
