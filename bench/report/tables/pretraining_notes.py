"""Notes on arms whose pretrained weights may have seen the people that they are tested on."""

from __future__ import annotations

from bench.data.audit.pretraining_overlap import pretraining_caution
from bench.report.tables.results import DatasetResults


def pretraining_notes(section: DatasetResults) -> tuple[str, ...]:
    """A note for the arms that share a caution; none for phantoms, which nobody can have seen."""
    arms: dict[str, list[str]] = {}
    for arm in [] if section.phantom else section.arms:
        for run in section.of(arm):
            if run.done and (words := pretraining_caution(run.record.trial.method.params, section.tested_on)):
                arms.setdefault(words, []).append(arm)
                break
    return tuple(f"{', '.join(labels)}: {words}." for words, labels in arms.items())
