"""List the samples of a data set and check them: ids, targets, and strata that contradict the classes."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

from bench.core import BenchError, Dataset, RunAbortedError, Sample, Task
from bench.data.prepare.spellings import check_spellings
from bench.data.readers.labels import comparable_label, quote_label
from bench.data.readers.omissions import OmissionLog, omission_log

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


def list_samples(dataset: Dataset, name: str, root: Path | None) -> tuple[Sequence[Sample], OmissionLog]:
    """The samples of a data set, and what its readers left out. BenchError for samples that cannot be right."""
    if root is not None and not root.is_dir():
        if root.suffix.lower() in ARCHIVES and root.is_file():
            raise BenchError(f"{root} is an archive; unpack it and give the folder")
        raise BenchError(f"no folder {root}; {name} expects: {dataset.layout}")
    try:
        with omission_log() as log:
            samples = dataset.samples(root)
    except OSError as error:
        raise RunAbortedError(f"cannot read {error.filename or root}: {error.strerror or error}") from error
    if not samples and root is None:
        raise BenchError(f"{name} has no scans: `samples` of its class returned none")
    if not samples:
        left = f"; left out: {_reasons(log)}" if log.omitted else ""
        raise BenchError(f"no scan of {name} in {root}{left}; expected: {dataset.layout}")
    twice = [key for key, count in Counter(sample.id for sample in samples).items() if count > 1]
    if twice:
        raise BenchError(f"{name}: {len(twice)} ids occur more than once, for example {twice[0]!r}; make them unique")
    wrong = [sample for sample in samples if not _allowed(sample.target, dataset.task)]
    if wrong:
        example = f"for example {wrong[0].target} of {wrong[0].id}"
        allowed = _allowed_targets(dataset.task)
        raise BenchError(f"{name}: {len(wrong)} targets do not fit the task, {example}; a target must be {allowed}")
    if not dataset.phantom:
        _check_strata(name, dataset.task, samples, log.labels)
        check_spellings(name, dataset, samples)
    return samples, log


def notes_on(task: Task, samples: Sequence[Sample]) -> list[str]:
    """Notes on targets and strata that are unusual: a class without scans, one value only, strata of one scan."""
    if task.kind == "classification":
        present = {int(sample.target) for sample in samples}
        notes = [f"no scan has the class {label}" for at, label in enumerate(task.classes) if at not in present]
    else:
        same = task.kind == "regression" and len({sample.target for sample in samples}) == 1
        notes = ["all scans have the same target: there is nothing to predict"] if same and len(samples) > 1 else []
    unsplit = sum(not sample.part for sample in samples)
    if 0 < unsplit < len(samples):
        notes.append(f"{unsplit} scans are in neither part of the publisher's split, which leaves them out")
    alone = [stratum for stratum, count in Counter(sample.stratum for sample in samples).items() if count == 1]
    if len(samples) > 2 and len(alone) > len(samples) / 2:
        notes.append(f"{len(alone)} strata have one scan each, so folds cannot be balanced by them")
    return notes


def _reasons(log: OmissionLog) -> str:
    counts = Counter(reason for reason, _ in log.omitted)
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())


def _allowed(target: float, task: Task) -> bool:
    if task.kind == "classification":
        return target in range(len(task.classes))
    return task.per_voxel or math.isfinite(target)


def _allowed_targets(task: Task) -> str:
    if task.kind != "classification":
        return "a finite number"
    return f"a class index, 0 to {len(task.classes) - 1}: {', '.join(task.classes)}"


def _check_strata(name: str, task: Task, samples: Sequence[Sample], known: Collection[str]) -> None:
    """Raise BenchError for a stratum that contradicts the class of its sample, and for samples without a stratum.

    A data set that compares a label with one class only, as `group == "patient"`, puts every other label into the
    other class: n/a, Patient and MCI become controls. The stratum, usually the label itself, then shows it. Strata are
    labels if a class has one of its own name; then the first class, and each with its own name, has no other. Without
    such names, several strata in one class while the others have no scan are refused too. known: labels that the data
    set has mapped to a class, which are not questioned.
    """
    for sample in samples:
        if not isinstance(sample.stratum, str):
            raise BenchError(f"{name}: {sample.id} has no stratum: its label is missing; {_advice(task)}")
    if task.kind != "classification":
        return
    questioned = [sample for sample in samples if sample.stratum not in known]
    strata: dict[int, dict[str, str]] = defaultdict(dict)  # class -> stratum -> a sample
    for sample in questioned:
        strata[int(sample.target)].setdefault(sample.stratum, sample.id)
    others = {comparable_label(label): label for label in task.classes}
    for at, found in strata.items():
        own = comparable_label(task.classes[at])
        for stratum, sample in found.items():
            other = others.get(comparable_label(stratum))
            if other is not None and comparable_label(other) != own:
                what = f"{sample} has the label {quote_label(stratum)} and the class {task.classes[at]}"
                raise BenchError(f"{name}: {what}; {_advice(task)}")
        named = [each for each in strata if task.classes[each] in strata[each]]
        label = task.classes[at]
        foreign = {each: sample for each, sample in found.items() if not _is_of_class(each, label, bool(named))}
        suspicious = at == 0 or at in named if named else len(strata) < min(2, len(task.classes)) and len(found) > 1
        if foreign and suspicious:
            stratum, sample = next(iter(foreign.items()))
            label = quote_label(stratum)
            what = f"{sample} has the label {label} and the class {task.classes[at]}, which may be a default"
            raise BenchError(f"{name}: {what}; {_advice(task)}")


def _is_of_class(stratum: str, label: str, exact: bool) -> bool:
    """True if the stratum is the name of the class, or that and more behind a sign, as in `control, site A`.

    exact: case, spaces and signs of the name count, because other strata are names of classes.
    """
    if stratum == label or (not exact and comparable_label(stratum) == comparable_label(label)):
        return True
    rest = stratum.removeprefix(label).strip()
    return stratum.startswith(label) and rest[:1] in set(",;:/|_(") and bool(comparable_label(rest))


def _advice(task: Task) -> str:
    return (
        f"known labels: {', '.join(task.classes)}; correct the table, or let the data set map its labels with"
        " row.label(column, labels), which leaves out those that you name"
    )
