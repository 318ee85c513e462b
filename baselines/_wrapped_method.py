"""The method inside another method: its own parameters, and the training parameters that are given outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench import registry
from bench.core import BenchError
from bench.method import Method


def inner_method(
    outer: Method, name: str, params: Mapping[str, Any], defaults: Mapping[str, Any], words: tuple[str, str]
) -> Method:
    """The method `name` with `params`, and the training parameters of `outer` that differ from `defaults`.

    words: the name of the outer method, and of its field that holds `params`, for messages. BenchError if a parameter
    is given in both places with different values.
    """
    alone = registry.make("methods", name, params)
    heads = {each.partition(".")[0] for each in params}
    given = {each: getattr(outer, each) for each, default in defaults.items() if getattr(outer, each) != default}
    for each, value in given.items():
        if each in heads and getattr(alone, each) != value:
            raise BenchError(f"{words[0]}: {each} is {value!r}, but {words[1]} has another value; give it once")
    return registry.make("methods", name, {**params, **{k: v for k, v in given.items() if k not in heads}})
