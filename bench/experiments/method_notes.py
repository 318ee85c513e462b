"""What the methods of a planned study say of the scans that they would read: refusals, notes, people seen before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from bench import registry
from bench.core import Arm, canonical, plain
from bench.data.audit.pretraining_overlap import pretraining_caution
from bench.data.audit.pretraining_people import people_counter
from bench.experiments.plan import ResolvedData
from bench.experiments.plan.method_answers import remembered
from bench.method import Method, why_refused
from bench.method.augmentation_policies import NONE
from bench.views import View, effective

Rows = Iterable[tuple[str, Arm]]


def notes(data: Iterable[ResolvedData], rows: Rows) -> list[str]:
    """Notes of methods on the scans that they would read, one line for the arms that share a note.

    rows: (label, arm) of the study. An arm that is refused has none, unless its augmentation is the reason.
    """
    return _shared(data, list(rows), lambda item, arm: [_remembered("note", item, arm), _pretraining_note(item, arm)])


def refusals(data: Iterable[ResolvedData], rows: Rows) -> list[str]:
    """Arms that will be refused on a data set, one line for those that share a reason; their trials train nothing."""
    return _shared(data, list(rows), lambda item, arm: [_remembered("refusal", item, arm)])


def _shared(
    data: Iterable[ResolvedData], rows: list[tuple[str, Arm]], ask: Callable[[ResolvedData, Arm], list[str]]
) -> list[str]:
    """`data: arms: answer`, for all arms that have one answer."""
    labels: dict[tuple[str, str], list[str]] = {}  # (data, answer) -> arms
    for item in data:
        for label, arm in rows:
            for answer in filter(None, ask(item, arm)):
                labels.setdefault((item.where, answer), []).append(label)
    return [f"{where}: {_named(arms)}: {answer}" for (where, answer), arms in labels.items()]


def _remembered(kind: str, item: ResolvedData, arm: Arm) -> str:
    """The answer of an arm's method, remembered for the next plan."""
    dataset = registry.make("datasets", item.spec.name, item.spec.params)
    scans = [dataset.shape, dataset.spacing, dataset.sides_matter, dataset.task, item.spec.version, arm.tasks]
    ask = partial({"note": _note, "refusal": _refusal}[kind], item, arm)
    return remembered(f"{kind} {canonical(plain(scans))}", arm, ask)


def _refusal(item: ResolvedData, arm: Arm) -> str:
    """That an arm's method refuses the scans of a data set, and why; empty if it does not, or is not meant for them."""
    dataset = registry.make("datasets", item.spec.name, item.spec.params)
    if dataset.task.kind not in (arm.tasks or (dataset.task.kind,)):
        return ""
    reason = why_refused(registry.make("methods", arm.method, arm.params), dataset.task, dataset.shape)
    return f"it will be refused: {reason}" if reason else ""


def _note(item: ResolvedData, arm: Arm) -> str:
    """What an arm's method says of the scans of a data set after its view, and of its augmentation; else empty.

    It is empty if the method refuses the scans.
    """
    method = registry.make("methods", arm.method, arm.params)
    silent = type(method).note is Method.note  # it has no notes; calling a method may build a network
    if silent and method.augment == NONE:
        return ""
    dataset = registry.make("datasets", item.spec.name, item.spec.params)
    if dataset.task.kind not in (arm.tasks or (dataset.task.kind,)) or why_refused(method, dataset.task, dataset.shape):
        return ""
    view = effective(method.view_for(dataset.task), dataset.shape)
    notes = ["" if silent else method.note(view.shape(dataset.shape, dataset.spacing))]
    notes += [_augmentation_note(method, dataset, view)] if method.augment != NONE else []
    return "; ".join(each for each in notes if each)


def _augmentation_note(method: Method, dataset: Any, view: View) -> str:
    """That the method's augmentation is refused on a data set, or which part of it does nothing; else empty."""
    from bench.training.augment.augmentation_checks import effect_note, why_not_augmented

    scans = (dataset.shape, dataset.spacing, dataset.sides_matter)
    if reason := why_not_augmented(method, dataset.task, view, *scans):
        return f"it will be refused: {reason}"
    return effect_note(method, view, *scans)


def _pretraining_note(item: ResolvedData, arm: Arm) -> str:
    """Whether weights that an arm begins with may have seen the people that it is tested on; phantoms are no people."""
    if registry.make("datasets", item.tested.name, item.tested.params).phantom:
        return ""
    count = people_counter(item.tested, "" if item.external else item.split)
    return pretraining_caution(registry.spec("methods", arm.method, arm.params).params, item.tested.name, count)


def _named(arms: list[str]) -> str:
    """Labels of arms in one line; between semicolons where a label has a comma, as those of a factorial design have."""
    return ("; " if any("," in arm for arm in arms) else ", ").join(arms)
