"""How a data set is prepared: decode side by side, write in order, say what was found, rename when whole.

It is made in `.<folder>.unfinished` with a journal, by the process that holds the claim; others wait for it. What a
killed process left is gone on with, as far as its rows are whole and its files the same.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import registry
from bench.core import BenchError, Dataset, RunAbortedError, Sample, Task, plain
from bench.data.prepare import journal
from bench.data.prepare.arrays import Arrays, NeedsFloatError
from bench.data.prepare.checks import FAULTS, DecodedScan, checksum_of, decode, mask_type
from bench.data.prepare.groups import merge_groups
from bench.data.prepare.journal import Journal, JournalEntry
from bench.data.prepare.manifest import PreparationResult, source_checksum, write
from bench.data.prepared import TRUTH, DamagedDataError, Prepared, folder_of, open_prepared
from bench.storage.array_file import NpyWriter
from bench.storage.atomic_io import disk_errors, remove_tree
from bench.storage.locks import locked
from bench.storage.source_code import code_checksum

Progress = Callable[[int, int], None]
AHEAD = 4  # scans decoded ahead of the writer, for each worker
NAMED = 10  # broken scans that an error names
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


@dataclass(frozen=True)
class PreparationJob:
    """What is to be prepared, and how."""

    name: str
    dataset: Dataset
    samples: Sequence[Sample]
    root: Path | None
    workers: int
    progress: Progress
    skip_broken: bool
    notes: Sequence[str] = ()
    seconds: dict[str, float] = field(default_factory=dict)  # by stage, over all threads


def prepare(
    name: str,
    params: Mapping[str, Any] | None = None,
    source: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    skip_broken: bool = False,
    thorough: bool = False,
    waiting: Callable[[], None] = lambda: None,
) -> Prepared:
    """The prepared set, made from the files under `source` where it is not there yet or these are other files.

    source: a folder of the set's layout; None for a phantom, or for what is prepared already. workers: threads, by
    default one a core. progress: called with (scans done, scans). skip_broken: leave out scans that cannot be used.
    thorough: read what is prepared through, to see that it is what was written; a damaged set is set aside and made
    anew. waiting: called once where another process is preparing the same. BenchError where nothing can be
    prepared; RunAbortedError where scans are broken or the disk refuses.
    """
    dataset, (there, damage) = registry.make("datasets", name, params), _look(name, params, thorough)
    source = source or (damage.source if damage else None)
    if there is not None and (source is None or dataset.phantom):
        return there
    if source is None and not dataset.phantom:
        raise damage or _unprepared(name, dataset)
    root = None if dataset.phantom else Path(source).expanduser()
    samples = _samples(dataset, name, root)
    threads = workers or os.cpu_count() or 1
    job = PreparationJob(name, dataset, samples, root, threads, progress or (lambda *_: None), skip_broken)
    folder = folder_of(name, params)
    with disk_errors(folder.parent), locked(folder.with_name(f".{folder.name}.claim"), waiting) as held:
        there, damage = _look(name, params, thorough and damage is not None)  # somebody may have mended it meanwhile
        if there is None or not _is_of(there, job):
            unfinished = folder.with_name(f".{folder.name}.unfinished{held.mark}")
            unfinished.mkdir(exist_ok=True)
            aside = _set_aside(folder, damage) if damage else []
            _make(unfinished, replace(job, notes=[*dataset.notes(root), *aside]))
            _publish(unfinished, folder, held.mark)
    return open_prepared(name, params)


def _unprepared(name: str, dataset: Dataset) -> BenchError:
    where = f"bench describe {name} says where the scans are published"
    how = f"run: bench prepare {name} --from FOLDER, laid out as: {dataset.layout} ({where})"
    return BenchError(f"{name} is not prepared; {how}")


def _look(
    name: str, params: Mapping[str, Any] | None, thorough: bool
) -> tuple[Prepared | None, DamagedDataError | None]:
    """What is prepared, or what is wrong with it."""
    try:
        there = open_prepared(name, params)
        if there is not None:
            there.verify(thorough)
        return there, None
    except DamagedDataError as error:
        return None, error


def _set_aside(folder: Path, damage: DamagedDataError) -> list[str]:
    """Rename a damaged folder; the note to keep of it."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.damaged-{number}")).exists():
        number += 1
    folder.rename(aside)
    return [
        f"the prepared data set was damaged ({damage.reason}); it is set aside as {aside.name} and was prepared again"
    ]


def _is_of(there: Prepared, job: PreparationJob) -> bool:
    """Whether a prepared set was made from these very files, and lacks none of them unless it may."""
    if there.manifest["broken"] and not job.skip_broken:
        return False
    checksums = _in_parallel(job, [lambda s=s: _checksum(s, job.root) for s in job.samples])
    return there.phantom or there.manifest["files"] == source_checksum(job.dataset, job.samples, list(checksums))


def _samples(dataset: Dataset, name: str, root: Path | None) -> Sequence[Sample]:
    if root is not None and not root.is_dir():
        if root.suffix.lower() in ARCHIVES and root.is_file():
            raise BenchError(f"{root} is an archive; unpack it, and give the folder")
        raise BenchError(f"no folder {root}; {name} expects: {dataset.layout}")
    try:
        samples = dataset.samples(root)
    except OSError as error:
        raise RunAbortedError(f"cannot read {error.filename or root}: {error.strerror or error}") from error
    if not samples:
        raise BenchError(f"no scan of {name} in {root}; expected: {dataset.layout}")
    twice = [key for key, count in Counter(sample.id for sample in samples).items() if count > 1]
    if twice:
        raise BenchError(f"{name}: {len(twice)} ids occur more than once, {twice[0]!r} among them")
    wrong = [sample for sample in samples if not _allowed(sample.target, dataset.task)]
    if wrong:
        said = f"{len(wrong)} targets are not what the task predicts, {wrong[0].target} of {wrong[0].id} among them"
        raise BenchError(f"{name}: {said}; it predicts {_predicted(dataset.task)}")
    return samples


def _allowed(target: float, task: Task) -> bool:
    if task.kind == "classification":
        return target in range(len(task.classes))
    return task.kind == "segmentation" or math.isfinite(target)


def _predicted(task: Task) -> str:
    if task.kind != "classification":
        return "a finite number"
    return f"{len(task.classes)} classes, 0 to {len(task.classes) - 1}: {', '.join(task.classes)}"


def _make(folder: Path, job: PreparationJob) -> None:
    """Fill `folder` with a whole prepared set, from what lies there already."""
    import numpy as np

    about, entries = journal.read(folder)
    same = _unchanged(entries, job) if {**about, "dtype": ""} == _identity(job, "") else []
    begun = np.dtype(about["dtype"]) if same and len(same) == len(entries) else np.dtype(np.uint8)
    try:
        made = _write(folder, job, begun, same if begun.str == about.get("dtype") else [])
    except NeedsFloatError:
        made = _write(folder, job, np.dtype(np.float32), [])
    if len(made.broken) == len(made.samples) or (made.broken and not job.skip_broken):
        raise RunAbortedError(_broken_message(made))
    whole = [entry for entry in made.entries if not entry.fault]
    groups, told = merge_groups(job.dataset, made.usable, whole, folder)
    write(folder, replace(made, groups=groups, notes=[*told, *made.notes]))


def _broken_message(made: PreparationResult) -> str:
    """What is wrong with the scans that cannot be used, and what to do."""
    broken = made.broken
    lines = [f"{each['id']} ({', '.join(each['files']) or 'no file'}): {each['reason']}" for each in broken[:NAMED]]
    more = [f"and {len(broken) - NAMED} more"] if len(broken) > NAMED else []
    if len(broken) == len(made.samples):
        head = f"none of the {len(broken)} scans of {made.name} can be used"
        return "\n  ".join([f"{head}:", *lines, *more])
    head = f"{len(broken)} of {len(made.samples)} scans of {made.name} cannot be used"
    remedy = "mend or remove them, or leave them out with --skip-broken; the others need not be read again"
    return "\n  ".join([f"{head}:", *lines, *more]) + f"\n{remedy}"


def _write(folder: Path, job: PreparationJob, dtype: Any, before: Sequence[JournalEntry]) -> PreparationResult:
    """Decode all scans and write the good ones in order. NeedsFloatError where `dtype` cannot hold one.

    before: what an earlier process has done, as far as its files are the same.
    """
    about = _identity(job, dtype.str)
    with Arrays(folder, dtype) as arrays:
        entries = arrays.go_on(before, tuple(job.dataset.shape), mask_type(job.dataset.task))
        with Journal(folder, about, entries) as notebook:
            if entries:
                job.progress(len(entries), len(job.samples))
            for each in _decoded(job, len(entries)):
                started = time.perf_counter()
                entries.append(_append(arrays, each))
                notebook.add(entries[-1])
                _count(job, {**each.seconds, "write": time.perf_counter() - started})
                job.progress(len(entries), len(job.samples))
        hashes = arrays.close()
    truth = job.dataset.truth()
    if truth is not None:
        file = NpyWriter(folder / TRUTH, truth.shape[1:], "float32")
        for row in truth:
            file.append(row)
        hashes[TRUTH] = file.close()
    return PreparationResult(job.name, job.dataset, job.root, job.samples, entries, hashes, (), job.notes, job.seconds)


def _identity(job: PreparationJob, dtype: str) -> dict[str, Any]:
    """What is being made, and by which program: what another one began is not gone on with."""
    made = job.dataset
    program = [registry.code(type(job.dataset)), code_checksum([decode.__module__, Arrays.__module__])]
    return {"dtype": dtype, "shape": [*made.shape], "spacing": [*made.spacing], "task": plain(made.task), "by": program}


def _unchanged(entries: Sequence[JournalEntry], job: PreparationJob) -> list[JournalEntry]:
    """The entries of an earlier process, up to the first whose files are not the same any more."""
    pairs = list(zip(job.samples, entries, strict=False))
    found = _in_parallel(job, [lambda s=sample: _checksum(s, job.root) for sample, _ in pairs])
    same = [
        sample.id == entry.id and checksum == entry.checksum and (not entry.fault or _still_broken(sample, job))
        for (sample, entry), checksum in zip(pairs, found, strict=True)
    ]
    return list(entries[: same.index(False) if False in same else len(same)])


def _still_broken(sample: Sample, job: PreparationJob) -> bool:
    """Whether a scan that was left out is so again: a fault may have been of the machine, and be over."""
    return bool(decode(sample, job.dataset, job.root).fault)


def _append(arrays: Arrays, each: DecodedScan) -> JournalEntry:
    if each.fault:
        return JournalEntry(each.sample.id, each.checksum, fault=each.fault)
    try:
        image, mask = arrays.append(each.image, each.mask)
    except ValueError as error:
        return JournalEntry(each.sample.id, each.checksum, fault=str(error))
    return JournalEntry(each.sample.id, each.checksum, each.fitted, "", image, mask, each.affine)


def _decoded(job: PreparationJob, begin: int) -> Iterator[DecodedScan]:
    """Every sample from `begin` on decoded, in order."""
    calls = [lambda s=sample: decode(s, job.dataset, job.root) for sample in job.samples[begin:]]
    return _in_parallel(job, calls)


def _in_parallel(job: PreparationJob, calls: Sequence[Callable[[], Any]]) -> Iterator[Any]:
    """What the calls return, in order, a few ahead: decompression and numpy work side by side in threads."""
    waiting: deque = deque()
    with ThreadPoolExecutor(job.workers) as pool:
        try:
            for call in calls:
                waiting.append(pool.submit(call))
                if len(waiting) > AHEAD * job.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _count(job: PreparationJob, spent: Mapping[str, float]) -> None:
    for stage, seconds in spent.items():
        job.seconds[stage] = job.seconds.get(stage, 0.0) + seconds


def _checksum(sample: Sample, root: Path | None) -> str:
    try:
        return checksum_of(sample, root)
    except FAULTS:
        return ""


def _publish(unfinished: Path, folder: Path, mark: str) -> None:
    """Rename the whole folder into its place; what was prepared from other files before makes way."""
    old = folder.with_name(f".{folder.name}.old{mark}")
    remove_tree(old)
    if folder.exists():
        folder.rename(old)
    unfinished.rename(folder)
    (folder / journal.JOURNAL).unlink()
    remove_tree(old)
