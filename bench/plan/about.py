"""What the members of a study say of themselves, kept with its plan: a report describes what was run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bench import registry
from bench.core import BenchError
from bench.plan.cells import Cell
from bench.plan.located import Found

KEPT = ("version", "about", "family", "title", "source", "licence", "citation", "parameters")


def cards(found: Sequence[Found], planned: Iterable[Cell]) -> dict[str, dict[str, Any]]:
    """kind -> name -> what `bench describe` would say of every data set, method and curriculum of a plan."""
    trials = [cell.trial for cell in planned]
    return described(
        [spec.name for item in found for spec in item.specs],
        [trial.method.name for trial in trials],
        [trial.curriculum.name for trial in trials],
    )


def described(
    datasets: Iterable[str], methods: Iterable[str], curricula: Iterable[str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """The same by names. A member that is not here has no entry."""
    asked = {"datasets": datasets, "methods": methods, "curricula": curricula}
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for kind, names in asked.items():
        found[kind] = {name: entry for name in dict.fromkeys(names) if (entry := _entry(kind, name))}
    return found


def _entry(kind: str, name: str) -> dict[str, Any]:
    try:
        told = registry.describe(kind, name)
    except BenchError:
        return {}
    return {key: told[key] for key in KEPT if told.get(key) not in (None, "", [])}
