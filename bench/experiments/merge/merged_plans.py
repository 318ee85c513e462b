"""The plan of a study from its plans on several machines, which must agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from bench.core import BenchError
from bench.core.study_plan import StudyPlan

UNION = ("data", "cells", "notes", "cards")  # a machine may have run other data sets of the study than another
FREE = ("command",)  # how a machine was started


def merge_plans(plans: Sequence[tuple[str, StudyPlan]]) -> StudyPlan:
    """Join the plans of one study.

    Parameters
    ----------
    plans : sequence of (str, StudyPlan)
        Name of each folder of results, and its plan of the study.

    Returns
    -------
    StudyPlan
        The data sets, cells and notes of all; the rest is that of the first.

    Raises
    ------
    BenchError
        If they ask different things, or have other scans under one name.
    """
    (first_place, merged), *others = plans
    for place, plan in others:
        for each in fields(StudyPlan):
            ours, theirs = getattr(merged, each.name), getattr(plan, each.name)
            if each.name not in (*UNION, *FREE) and ours != theirs:
                raise BenchError(
                    f"the study {plan.study} is not the same in {first_place} and {place}: its {each.name} differs"
                    f" ({_short(ours)} and {_short(theirs)}). Merge runs of one study definition only"
                )
        _check_data(plan.study, (first_place, merged), (place, plan))
        merged = replace(
            merged,
            data=_union(merged.data, plan.data),
            cells=_union(merged.cells, plan.cells),
            notes=_union(merged.notes, plan.notes),
            cards=_cards(merged.cards, plan.cards),
        )
    return merged


def _check_data(study: str, first: tuple[str, StudyPlan], second: tuple[str, StudyPlan]) -> None:
    """Raise BenchError if the scans or the division of a data set differ, or its cells do."""
    known = {entry.name: entry for entry in first[1].data}
    for entry in second[1].data:
        other = known.get(entry.name)
        if other is None or other == entry:
            continue
        what = next(each.name for each in fields(entry) if getattr(entry, each.name) != getattr(other, each.name))
        raise BenchError(
            f"{study}: {entry.name} differs in {first[0]} and {second[0]} in its {what}"
            f" ({_short(getattr(other, what))} and {_short(getattr(entry, what))}): these are not the same"
            " scans in the same folds, and do not belong in one table. Prepare the data alike on both machines"
        )
    for name in known.keys() & {entry.name for entry in second[1].data}:
        _check_cells(study, name, first, second)


def _check_cells(study: str, name: str, first: tuple[str, StudyPlan], second: tuple[str, StudyPlan]) -> None:
    """Raise BenchError if the trials on a data set differ, or their places in the tables."""
    cells = [[cell for cell in plan.cells if cell.data == name] for _, plan in (first, second)]
    keys = [{cell.key for cell in each} for each in cells]
    if keys[0] != keys[1]:
        alone = f"{len(keys[0] - keys[1])} and {len(keys[1] - keys[0])} are in one of them only"
        raise BenchError(
            f"{study}: the trials planned on {name} differ in {first[0]} and {second[0]} ({alone}): their arms,"
            " methods or parameters differ"
        )
    places = [sorted(map(repr, each)) for each in cells]
    if places[0] != places[1]:
        raise BenchError(
            f"{study}: {first[0]} and {second[0]} have the same trials on {name} under other arms, folds or roles: one"
            " plan.json was changed by hand or by other code. Give the study there another run, which writes it again"
        )


def _union(first: Iterable[Any], second: Iterable[Any]) -> tuple[Any, ...]:
    """All parts, each once, in the order of the first."""
    parts = {repr(each): each for each in (*first, *second)}  # some hold mappings; plans may have 100,000 trials
    return tuple(parts.values())


def _cards(first: Mapping[str, Mapping[str, Any]], second: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {kind: {**second.get(kind, {}), **first.get(kind, {})} for kind in dict.fromkeys((*first, *second))}


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
