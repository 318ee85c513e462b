"""Conversion of the dataclasses of a plan to JSON and back, by their annotations."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import cache
from typing import Any, Union

from bench.core.serialization import plain


def optional_field(default: Any = None) -> Any:
    """A dataclass field that plan.json omits if it has its default.

    Parameters
    ----------
    default : object
        The default; an empty dict is created for each instance.

    Returns
    -------
    dataclasses.Field
        The field.
    """
    settings = {"default_factory": dict} if default == {} else {"default": default}
    return field(**settings, metadata={"omitted": default})


class PlanPart:
    """Part of a plan. All fields are written, except optional ones that have their default."""


def encode(value: Any) -> Any:
    """Convert a value of a plan to plain JSON.

    Parameters
    ----------
    value : object
        A part of a plan, a container of parts, or any value that `plain` converts.

    Returns
    -------
    object
        Plain values; optional fields that have their default are left out.
    """
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): encode(item) for name, item in value.items()}
    if not isinstance(value, PlanPart):
        return plain(value)
    values = {each: getattr(value, each.name) for each in dataclasses.fields(value)}
    return {
        each.name: encode(item)
        for each, item in values.items()
        if "omitted" not in each.metadata or item != each.metadata["omitted"]
    }


@cache
def make_decoder(kind: Any) -> Callable[[Any], Any]:
    """Make a function that creates a value of an annotated type from its JSON.

    Parameters
    ----------
    kind : type
        A dataclass, a tuple or mapping of one, or an optional one. Values of other types are returned unchanged.

    Returns
    -------
    callable
        JSON -> value. KeyError if a field without a default is missing.
    """
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass_decoder(kind)
    if origin in (Union, types.UnionType) and type(None) in args and len(args) == 2:
        inner = make_decoder(next(each for each in args if each is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        inner = make_decoder(args[0])
        return lambda value: tuple(inner(item) for item in value)
    if origin is Mapping and args[1] is not Any:
        inner = make_decoder(args[1])
        return lambda value: {name: inner(item) for name, item in value.items()}
    return lambda value: value


def _dataclass_decoder(kind: type) -> Callable[[Mapping[str, Any]], Any]:
    hints = typing.get_type_hints(kind)
    decoders = {each.name: make_decoder(hints[each.name]) for each in dataclasses.fields(kind)}
    needed = [
        each.name
        for each in dataclasses.fields(kind)
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    ]

    def decode(entry: Mapping[str, Any]) -> Any:
        if lacking := [name for name in needed if name not in entry]:
            raise KeyError(f"no {lacking[0]!r}")
        return kind(**{name: item(entry[name]) for name, item in decoders.items() if name in entry})

    return decode
