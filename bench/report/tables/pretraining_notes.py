"""Notes on arms that begin with a pretraining, and on weights that may have seen the people that they are tested on."""

from __future__ import annotations

from bench.core import DataSpec
from bench.data.audit.pretraining_overlap import pretraining_caution
from bench.data.audit.pretraining_people import CountPeople, people_counter
from bench.report.tables.results import DatasetResults, Run


def pretraining_notes(section: DatasetResults) -> tuple[str, ...]:
    """A note for the arms that share a caution; none for phantoms, which nobody can have seen."""
    arms: dict[str, list[str]] = {}
    count = people_counter(_tested(section), "" if section.external else section.data.split)
    for arm in [] if section.phantom else section.arms:
        for run in section.of(arm):
            if run.done and (words := _caution(run, section, count)):
                arms.setdefault(words, []).append(arm)
                break
    notes = tuple(f"{', '.join(labels)}: {words}." for words, labels in arms.items())
    return (*notes, *_begun(section))


def _caution(run: Run, section: DatasetResults, count: CountPeople) -> str:
    trained = run.record.resolved.get("pretraining_people")
    return pretraining_caution(run.record.trial.method.params, section.tested_on, count, trained)


def _tested(section: DatasetResults) -> DataSpec:
    """The data set that the test scans come from."""
    data = section.data
    return (
        data.external.data
        if data.external
        else DataSpec(data.set_name, params=data.params, fingerprint=data.fingerprint or "")
    )


def _begun(section: DatasetResults) -> tuple[str, ...]:
    """On which data set, and how many people of it, the networks of arms were trained first."""
    arms: dict[str, list[str]] = {}
    for arm in section.arms:
        known = [run.record.resolved["pretraining"] for run in section.of(arm) if _has_pretraining(run)]
        for name in dict.fromkeys(each["data"] for each in known):
            people = [each["people"] for each in known if each["data"] == name]
            few, many = min(people), max(people)
            count = f"{few} people" if few == many else f"{few} to {many} people, depending on the fold"
            arms.setdefault(f"{name} ({count}", []).append(arm)
    return tuple(
        f"{', '.join(labels)}: the network was first trained on {words}; nobody of the validation and test parts)."
        for words, labels in arms.items()
    )


def _has_pretraining(run: Run) -> bool:
    return run.done and "pretraining" in run.record.resolved
