"""Plans with arms that were trained elsewhere: a study of their own, or an existing study with them beside its arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench import registry
from bench.core import PROTOCOL, BenchError, Recipe, Trial, plain
from bench.core.outside_arm import OUTSIDE, OUTSIDE_FAMILY, outside_label
from bench.core.study_plan import DataEntry, PlannedCell, StudyPlan
from bench.experiments.outside.division import Division

ABOUT = (
    "Predictions that another program made: no training, selection or data of it is known here.\n\n"
    "They were checked to be of the people of the test parts, each once, and are scored as those of trained arms are."
)
Arms = Mapping[str, Sequence[Trial]]  # name -> its trials, one for each fold


def own_plan(study: str, division: Division, arms: Arms, command: str) -> StudyPlan:
    """A study of arms from outside alone.

    Parameters
    ----------
    study : str
        Name of the study.
    division : Division
        Data set and folds.
    arms : mapping of str to sequence of Trial
        The arms; the first is the one that the others are compared with.
    command : str
        The command that made it.

    Returns
    -------
    StudyPlan
        Its contrasts are exploratory.
    """
    labels = [outside_label(name) for name in arms]
    return StudyPlan(
        study=study,
        question="How good are predictions that were made elsewhere?",
        protocol=PROTOCOL,
        reference=labels[0],
        contrasts=tuple((label, labels[0]) for label in labels[1:]),
        folds=division.split.folds,
        partitions=division.partitions,
        seeds=1,
        recipe=Recipe(),
        data=(_data_entry(division),),
        cards=_cards(registry.descriptions([division.prepared.name], [], ())),
        cells=_cells(division.where, arms),
        command=command,
    )


def joined_plan(study: str, base: StudyPlan, division: Division, arms: Arms, command: str) -> StudyPlan:
    """A study with arms from outside beside its own; its declared tests and their correction do not change.

    Parameters
    ----------
    study : str
        Name of the new study.
    base : StudyPlan
        The study that was run.
    division : Division
        One of its data sets, with its folds.
    arms : mapping of str to sequence of Trial
        The arms from outside, each compared with the reference of the study.
    command : str
        The command that made it.

    Returns
    -------
    StudyPlan
        All cells of `base`, and those of the arms on that data set.
    """
    labels = [outside_label(name) for name in arms]
    if taken := set(labels) & {cell.arm for cell in base.cells}:
        raise BenchError(f"the study {base.study} has an arm {min(taken)!r} already; give another --name")
    return replace(
        base,
        study=study,
        contrasts=(*base.contrasts, *((label, base.reference) for label in labels)),
        cards=_cards(base.cards),
        cells=(*base.cells, *_cells(division.where, arms)),
        command=command,
    )


def _data_entry(division: Division) -> DataEntry:
    prepared = division.prepared
    kind = division.split
    dataset = registry.make("datasets", prepared.name, prepared.params)
    return DataEntry(
        name=division.where,
        data=prepared.name,
        params=plain(prepared.params),
        fingerprint=prepared.fingerprint,
        phantom=prepared.phantom,
        title=dataset.title,
        task=prepared.task,
        shape=tuple(prepared.shape),
        split=kind.kind,
        fraction=kind.fraction,
        folds=kind.folds,
        partitions=division.partitions,
    )


def _cells(where: str, arms: Arms) -> tuple[PlannedCell, ...]:
    return tuple(
        PlannedCell(
            key=trial.key, data=where, arm=outside_label(name), role="arm", family=OUTSIDE_FAMILY, method=OUTSIDE,
            partition=trial.partition, fold=trial.fold, seed=trial.seed,
        )
        for name, trials in arms.items()
        for trial in trials
    )  # fmt: skip


def _cards(cards: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    methods = {**cards.get("methods", {}), OUTSIDE: {"about": ABOUT}}
    return {"datasets": {}, "curricula": {}, **cards, "methods": methods}
