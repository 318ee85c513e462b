"""Descriptions of members in plain values, for the command line and the plan of a study."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Iterable
from typing import Any

from bench.core import BenchError, plain
from bench.registry.member_modules import sources_by_kind
from bench.registry.members import member

DESCRIBED = ("version", "about", "family", "title", "source", "licence", "citation", "parameters")  # in a plan


def describe(kind: str, name: str) -> dict[str, Any]:
    """Describe a member in plain values.

    Parameters
    ----------
    kind : {"datasets", "methods", "curricula", "studies"}
        Kind of member.
    name : str
        Name of the member.

    Returns
    -------
    dict
        ``about`` is the docstring, ``parameters`` a list with name, default, meaning and choices of each parameter.
        What the class declares beside them (title, source, licence and so on) is included.

    Raises
    ------
    BenchError
        If there is no such member.
    """
    subject = member(kind, name)
    owner = sys.modules[subject.__module__] if inspect.isclass(subject) else sources_by_kind()[kind][name]
    text = inspect.getdoc(subject) if inspect.isclass(subject) else owner.__doc__
    entry = {
        "name": name,
        "kind": kind,
        "version": getattr(subject, "version", 1),
        "about": inspect.cleandoc(text or ""),
    }
    for key in ("family", "title", "source", "licence", "citation", "layout", "phantom", "twin", "expected"):
        if hasattr(subject, key):
            entry[key] = plain(getattr(subject, key))
    if getattr(subject, "floor_covariates", ()):
        entry["floor_covariates"] = plain(subject.floor_covariates)
    if inspect.isclass(subject):
        entry["parameters"] = [_parameter(f) for f in dataclasses.fields(subject)]
    if getattr(subject, "space", None):
        entry["space"] = {name: f"{type(one).__name__} {plain(one)}" for name, one in subject.space.items()}
    return entry


def descriptions(
    datasets: Iterable[str], methods: Iterable[str], curricula: Iterable[str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Descriptions of the members of a study, for its plan.

    Parameters
    ----------
    datasets, methods, curricula : iterable of str
        Names of members.

    Returns
    -------
    dict
        Kind, then name, then `describe` reduced to the keys in `DESCRIBED`. A name without member has no entry.
    """
    names_by_kind = {"datasets": datasets, "methods": methods, "curricula": curricula}
    entries: dict[str, dict[str, dict[str, Any]]] = {}
    for kind, names in names_by_kind.items():
        entries[kind] = {name: entry for name in dict.fromkeys(names) if (entry := _description(kind, name))}
    return entries


def _description(kind: str, name: str) -> dict[str, Any]:
    try:
        entry = describe(kind, name)
    except BenchError:
        return {}
    return {key: entry[key] for key in DESCRIBED if entry.get(key) not in (None, "", [])}


def _parameter(field: dataclasses.Field) -> dict[str, Any]:
    meta = field.metadata
    entry = {"name": field.name, "default": plain(field.default), "meaning": meta.get("meaning", "")}
    return {**entry, "choices": plain(meta["choices"])} if meta.get("choices") else entry
