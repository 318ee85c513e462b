"""Plain values: parameters of a dataclass, canonical JSON, digests and seeds."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any


def param(
    default: Any, meaning: str, choices: Sequence[Any] = (), later: bool = False, within: Sequence[float] = ()
) -> Any:
    """Declare a parameter: a dataclass field with its meaning and, if they are few, the allowed values.

    Parameters
    ----------
    default : object
        Default value; its type is the type of the parameter.
    meaning : str
        What the parameter does, for `bench describe`.
    choices : sequence
        Allowed values; empty if all values of the type are allowed.
    later : bool
        True for a parameter that was added when there were records already. `plain` omits it while it has its default
        value, so that the keys of earlier trials stay valid.
    within : sequence of float
        Smallest and largest allowed number, or the smallest alone; empty if all are allowed.

    Returns
    -------
    dataclasses.Field
        The field.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from bench.core import param
    >>> @dataclass(frozen=True)
    ... class Example:
    ...     dropout: float = param(0.1, "share of the units that are set to zero")
    """
    about = {"meaning": meaning, "choices": tuple(choices), "later": later, "within": tuple(within)}
    return field(default=default, metadata=about)


def plural(count: int, thing: str, things: str = "") -> str:
    """Write a number with its noun.

    Parameters
    ----------
    count : int
        The number.
    thing : str
        The noun in the singular.
    things : str
        The plural; `thing` with an s by default.

    Returns
    -------
    str
        For example `1 fold`, `5 folds`, `2 people`.
    """
    return f"{count} {thing if count == 1 else things or thing + 's'}"


def plain(value: Any) -> Any:
    """Convert a value to what JSON can store.

    Parameters
    ----------
    value : object
        Any nesting of dataclasses, mappings, lists, tuples, paths and scalars.

    Returns
    -------
    object
        Dataclasses become dictionaries (a view with its kind), tuples become lists, paths become strings. A parameter
        that was declared with `later` is omitted while it has its default value.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        entries = {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if not _omitted(value, f)}
        kind = getattr(value, "kind_name", None)
        version = getattr(value, "version", 1)
        return {"kind": kind, **({"version": version} if version != 1 else {}), **entries} if kind else entries
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _omitted(owner: Any, parameter: dataclasses.Field) -> bool:
    """Whether a parameter was added later and has its default value."""
    return parameter.metadata.get("later", False) and getattr(owner, parameter.name) == parameter.default


def canonical(value: Any) -> str:
    """Serialize a value to canonical JSON: sorted keys and no spaces.

    Parameters
    ----------
    value : object
        As for `plain`.

    Returns
    -------
    str
        The same text for equal values, and only for them.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any, length: int = 20) -> str:
    """Hash a value.

    Parameters
    ----------
    value : object
        As for `plain`.
    length : int
        Number of digits, at most 64.

    Returns
    -------
    str
        The first hexadecimal digits of the SHA-256 of its canonical JSON.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:length]


def seed_of(*parts: Any) -> int:
    """Derive a seed.

    Parameters
    ----------
    *parts : object
        Values that identify what the seed is for.

    Returns
    -------
    int
        In [0, 2**31). It depends on `parts` alone, and is the same on every machine and in every process.
    """
    return int(digest(list(parts), 16), 16) % 2**31
