"""Set the parameters of a member from a command line, a study or a file.

This module knows no member by name.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from bench.core.errors import BenchError
from bench.core.serialization import plain


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """End of an error message about an unknown name.

    Parameters
    ----------
    name : str
        The unknown name.
    allowed : iterable of str
        Names that exist.

    Returns
    -------
    str
        The most similar name as a question, or all names if none is similar.

    Examples
    --------
    >>> from bench.core.parameters import did_you_mean
    >>> did_you_mean("resnet", ["resnet3d", "vit"])
    "did you mean 'resnet3d'?"
    """
    allowed = sorted(allowed)
    near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(allowed) or 'none'}"


def construct(cls: type, params: Mapping[str, Any], owner: str) -> Any:
    """Create an instance of a dataclass, with its parameters converted to the types of their defaults.

    Parameters
    ----------
    cls : type
        A dataclass; its fields are the parameters.
    params : mapping of str to object
        Values that differ from the defaults. Strings are accepted for every type, as from a command line. The name
        `a.b` sets the field b of the parameter a.
    owner : str
        Name of the class in error messages.

    Returns
    -------
    object
        The instance.

    Raises
    ------
    BenchError
        If a parameter does not exist, or its value has the wrong type or is not allowed.
    """
    fields = {f.name: f for f in dataclasses.fields(cls)}
    values: dict[str, Any] = {}
    for name, value in sorted(params.items(), key=lambda item: item[0].count(".")):
        head, _, rest = name.partition(".")
        if head not in fields:
            raise BenchError(f"{owner} has no parameter {head!r}; {did_you_mean(head, fields)}")
        if rest:
            value = _with_part(values.get(head, fields[head].default), rest, value, f"{owner}: {head}")
        values[head] = _coerce(fields[head], value, owner)
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise BenchError(f"{owner}: {error}") from error


def _with_part(current: Any, name: str, value: Any, owner: str) -> Any:
    if current is None:  # the type of the part is unknown
        return {name: _free(value)}
    parts = plain(current)
    if not isinstance(parts, Mapping):
        raise BenchError(f"{owner} is {current!r}, which has no parameters of its own; remove {name!r}")
    return {**parts, name: value if dataclasses.is_dataclass(current) else _free(value)}


def _free(value: Any) -> Any:
    """A value of any type: the text parsed as JSON, or the text itself if it is not JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _coerce(field: dataclasses.Field, value: Any, owner: str) -> Any:
    default, choices = field.default, field.metadata.get("choices", ())
    parse = getattr(type(default), "parse", None)
    try:
        value = parse(value) if parse else _as_type(default, value)
    except (TypeError, ValueError) as error:
        kind = type(default).__name__
        raise BenchError(f"{owner}: {field.name} must be {kind} (default {default!r}), not {value!r}") from error
    if isinstance(value, float) and not math.isfinite(value) and math.isfinite(default or 0.0):
        raise BenchError(f"{owner}: {field.name} must be a finite number (default {default!r}), not {value!r}")
    for item in value if isinstance(default, tuple) else [value]:
        if choices and item not in choices:
            allowed = ", ".join(str(choice) for choice in choices)
            raise BenchError(f"{owner}: {field.name} has no {item!r}; there are: {allowed}")
    if (limits := field.metadata.get("within")) and value is not None:
        low, high = limits[0], limits[1] if len(limits) > 1 else math.inf
        if not low <= value <= high:
            allowed = f"{low:g} or more" if math.isinf(high) else f"from {low:g} to {high:g}"
            raise BenchError(f"{owner}: {field.name} must be {allowed}, not {value!r}")
    return value


def _as_type(default: Any, value: Any) -> Any:
    if isinstance(value, str) and not isinstance(default, (str, tuple)):
        value = {"on": True, "off": False, "true": True, "false": False, "none": None}.get(value.lower(), value)
        if default is None:
            return _free(value)
        value = json.loads(value) if isinstance(value, str) else value
    if default is None:
        return value
    if isinstance(default, tuple):
        if isinstance(value, str):
            value = [] if value.lower() in ("", "none", "off") else value.split(",")
        return tuple(_as_type(default[0], item) if default else item for item in value)
    if isinstance(default, bool) != isinstance(value, bool):
        raise TypeError("True and False are not numbers")
    if isinstance(default, float) and isinstance(value, int):
        return float(value)
    if not isinstance(value, type(default)):
        raise TypeError(f"{value!r} is not of type {type(default).__name__}")
    return value
