"""Check that the fields of a study have the types of their annotations.

A field of Study, or of a class that it contains, needs only an annotation to be checked.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Union

from bench.core.errors import BenchError
from bench.core.search_space import Range, check_space
from bench.core.study import Study

Check = Callable[[Any, str], None]  # a value and what it is called
_ANYTHING = (Any, object)


def check_form(study: Any, name: str) -> None:
    """Check the types of all parts of a study.

    Parameters
    ----------
    study : object
        Should be a `Study`.
    name : str
        Name of the study in error messages.

    Raises
    ------
    BenchError
        If a part has the wrong type; the message has the part, its value and the expected type. Also if
        there are no data sets.
    """
    where = f"the study {name}"
    if not isinstance(study, Study):
        raise BenchError(f"{where}: STUDY must be a Study, not {_short(study)}")
    _check_fields(study, where)
    if not study.datasets:
        raise BenchError(f"{where} has no data sets; give at least one: datasets=[Data(...)]")


def _wrong(value: Any, where: str, wanted: str) -> BenchError:
    return BenchError(f"{where} must be {wanted}, not {_short(value)}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@cache
def _annotations(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return {each.name: hints[each.name] for each in dataclasses.fields(kind)}


def _check_fields(value: Any, where: str) -> None:
    for name, kind in _annotations(type(value)).items():
        _check(getattr(value, name), kind, f"{where}: {name}")


def _check(value: Any, kind: Any, where: str) -> None:
    """BenchError unless the value is of an annotated type."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind in CHECKS:
        CHECKS[kind](value, where)
    elif origin is Annotated:
        _check_whole(value, where, args[1].number)
    elif origin in (Union, types.UnionType):
        _check_union(value, args, where)
    elif origin is Mapping:
        _check_mapping(value, args, where)
    elif origin in (Sequence, tuple):
        _check_list(value, kind, where)
    elif kind not in _ANYTHING:
        _check_class(value, kind, where)


def _check_text(value: Any, where: str) -> None:
    if not isinstance(value, str):
        raise _wrong(value, where, "a string")


def _check_whole(value: Any, where: str, least: int = 1) -> None:
    if type(value) is not int or value < least:
        raise _wrong(value, where, f"an integer of at least {least}")


def _check_number(value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _wrong(value, where, "a number")


def _check_union(value: Any, kinds: Sequence[Any], where: str) -> None:
    """None where that is allowed, a string where it is, else of the other type: `X | None`, `str | Sequence[str]`."""
    if value is None and type(None) in kinds:
        return
    if isinstance(value, str) and str in kinds:
        return
    rest = [kind for kind in kinds if kind not in (type(None), str)] or [str]
    _check(value, rest[0], where)


def _check_mapping(value: Any, kinds: Sequence[Any], where: str) -> None:
    if not isinstance(value, Mapping):
        raise _wrong(value, where, f"a mapping of names to {_plural(kinds[1])}")
    for name, item in value.items():
        _check_text(name, f"{where}: a name")
        _check(item, kinds[1], f"{where} {name!r}")


def _check_list(value: Any, kind: Any, where: str) -> None:
    """A list of any length for `Sequence[X]`, and of two for `tuple[X, X]`."""
    pair = typing.get_origin(kind) is tuple
    inner = typing.get_args(kind)[0]
    if isinstance(value, str) or not isinstance(value, Sequence) or (pair and len(value) != 2):
        raise _wrong(value, where, f"a {'pair' if pair else 'list'} of {_plural(inner)}")
    for number, item in enumerate(value):
        _check(item, inner, f"{where}[{number}]")


def _check_class(value: Any, kind: type, where: str) -> None:
    if not isinstance(value, kind):
        raise _wrong(value, where, f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}")
    _check_fields(value, where)


def _plural(kind: Any) -> str:
    """Several of an annotated type in words: `strings`, `mappings`, `lists`, `pairs of strings`, `Data`."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(_plural(each) for each in args)
    if origin is tuple:
        return f"pairs of {_plural(args[0])}"
    words = {str: "strings", int: "integers", float: "numbers", Mapping: "mappings", Sequence: "lists"}
    return words.get(origin or kind) or ("values" if kind in _ANYTHING else kind.__name__)


CHECKS: Mapping[Any, Check] = {
    str: _check_text,
    int: _check_whole,
    float: _check_number,
    Mapping[str, Range]: check_space,
}
