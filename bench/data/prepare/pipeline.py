"""Pipeline of preparation: decode in parallel, write in order, write the manifest, rename the complete folder.

The process that holds the lock writes to `.<folder>.unfinished` with a journal; other processes wait. A later process
resumes from a killed one if the rows are complete and the source files unchanged.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import registry
from bench.core import BenchError, Dataset, RunAbortedError, Sample, paths, plain
from bench.data.prepare import journal
from bench.data.prepare.accounting import Accounting, account, save_names
from bench.data.prepare.alike_policy import TOGETHER, check_policy, is_treated, settle_alike
from bench.data.prepare.arrays import Arrays, NeedsFloatError
from bench.data.prepare.checks import FAULTS, DecodedScan, checksum_of, decode, mask_type
from bench.data.prepare.groups import merge_groups
from bench.data.prepare.journal import Journal, JournalEntry
from bench.data.prepare.manifest import PreparationResult, source_checksum, update, write
from bench.data.prepare.sample_list import list_samples, notes_on
from bench.data.prepared import TRUTH, DamagedDataError, Prepared, folder_of, open_prepared
from bench.storage.array_file import NpyWriter
from bench.storage.atomic_io import disk_errors, remove_tree
from bench.storage.locks import locked
from bench.storage.source_code import code_checksum

Progress = Callable[[int, int], None]
AHEAD = 4  # scans decoded ahead of the writer, for each worker
NAMED = 10  # broken scans that an error names


@dataclass(frozen=True)
class PreparationJob:
    """Data set to prepare, its samples, and the options."""

    name: str
    dataset: Dataset
    samples: Sequence[Sample]
    root: Path | None
    workers: int
    progress: Progress
    skip_broken: bool
    alike: str = ""  # what to do with scans of different groups that look like one person's; empty: stop
    notes: Sequence[str] = ()
    accounting: Accounting = field(default_factory=Accounting)
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
    alike: str = "",
) -> Prepared:
    """Return the prepared set; prepare it from `source` if it does not exist or the source files differ.

    source: a folder of the set's layout; None for a phantom, or if the set is already prepared. workers: threads, by
    default one per core. progress: called with (scans done, scans). skip_broken: exclude scans that cannot be used.
    thorough: verify the checksums of an existing set; a damaged set is set aside and prepared again. waiting: called
    once if another process is preparing the same set. alike: what to do with scans of different groups that look like
    one person's: `together` makes them one group, `apart` declares that they are of different people; by default as
    before, or stop. BenchError if the set cannot be prepared; RunAbortedError if scans are broken, scans of different
    groups are alike, or the disk cannot be written.
    """
    check_policy(alike)
    dataset, (existing, damage) = registry.make("datasets", name, params), _open_verified(name, params, thorough)
    if existing is not None and (source is None or dataset.phantom) and is_treated(existing.manifest["alike"], alike):
        return existing
    source, alike = source or _earlier_source(existing, damage), alike or (damage.alike if damage else "")
    if source is None and not dataset.phantom:
        raise damage or _unprepared(name, dataset)
    root = None if dataset.phantom else paths.expand(source)
    samples, log = list_samples(dataset, name, root)
    threads, listed = workers or os.cpu_count() or 1, account(root, samples, log)
    report = progress or (lambda *_: None)
    job = PreparationJob(name, dataset, samples, root, threads, report, skip_broken, alike, accounting=listed)
    folder = folder_of(name, params)
    with disk_errors(folder.parent), locked(folder.with_name(f".{folder.name}.claim"), waiting) as held:
        # Check again under the lock: another process may have prepared the set in the meantime.
        existing, damage = _open_verified(name, params, thorough and damage is not None)
        if existing is None or not _has_same_source(existing, job):
            unfinished = folder.with_name(f".{folder.name}.unfinished{held.mark}")
            unfinished.mkdir(exist_ok=True)
            aside = _set_aside(folder, damage) if damage and not damage.outdated else []
            notes = [*dataset.notes(root), *notes_on(dataset.task, samples), *aside]
            _fill(unfinished, replace(job, notes=notes))
            _publish(unfinished, folder, held.mark)
        elif existing.manifest.get("accounting") != listed.to_manifest() and not dataset.phantom:
            save_names(folder, listed)
            update(folder, existing.manifest, {"accounting": listed.to_manifest()})
    return open_prepared(name, params)


def _unprepared(name: str, dataset: Dataset) -> BenchError:
    where = f"bench describe {name} shows where to get the scans"
    how = f"run: bench prepare {name} --from FOLDER; layout of FOLDER: {dataset.layout} ({where})"
    return BenchError(f"{name} is not prepared; {how}")


def _earlier_source(existing: Prepared | None, damage: DamagedDataError | None) -> Path | None:
    """The folder that a set, or a damaged one, was prepared from, if that is known."""
    if existing is None:
        return damage.source if damage else None
    return Path(existing.manifest["source"]) if existing.manifest["source"] else None


def _open_verified(
    name: str, params: Mapping[str, Any] | None, thorough: bool
) -> tuple[Prepared | None, DamagedDataError | None]:
    """The prepared set, or the error that describes its damage; both None if it is not prepared."""
    try:
        existing = open_prepared(name, params)
        if existing is not None:
            existing.verify(thorough)
        return existing, None
    except DamagedDataError as error:
        return None, error


def _set_aside(folder: Path, damage: DamagedDataError) -> list[str]:
    """Rename a damaged folder; returns a note for the manifest."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.damaged-{number}")).exists():
        number += 1
    folder.rename(aside)
    return [f"the prepared data set was damaged ({damage.reason}); it was renamed to {aside.name} and prepared again"]


def _has_same_source(prepared: Prepared, job: PreparationJob) -> bool:
    """True if the set was prepared from these files, and excluded scans are allowed if it has any."""
    manifest = prepared.manifest
    if (manifest["broken"] and not job.skip_broken) or not is_treated(manifest["alike"], job.alike):
        return False
    checksums = _in_parallel(job, [lambda s=s: _checksum(s, job.root) for s in job.samples])
    return prepared.phantom or manifest["files"] == source_checksum(job.dataset, job.samples, list(checksums))


def _fill(folder: Path, job: PreparationJob) -> None:
    """Write a complete prepared set into `folder`; resumes from what an earlier process left there."""
    import numpy as np

    about, entries = journal.read(folder)
    same = _unchanged(entries, job) if {**about, "dtype": ""} == _identity(job, "") else []
    dtype = np.dtype(about["dtype"]) if same and len(same) == len(entries) else np.dtype(np.uint8)
    try:
        made = _write(folder, job, dtype, same if dtype.str == about.get("dtype") else [])
    except NeedsFloatError:
        made = _write(folder, job, np.dtype(np.float32), [])
    if len(made.broken) == len(made.samples) or (made.broken and not job.skip_broken):
        raise RunAbortedError(_broken_message(made))
    whole = [entry for entry in made.entries if not entry.fault]
    grouped = merge_groups(job.dataset, made.usable, whole, folder, job.alike == TOGETHER)
    alike, kept_apart = settle_alike(grouped, job.alike, job.name, folder)
    save_names(folder, job.accounting)
    notes = [*grouped.notes, *kept_apart, *made.notes]
    write(folder, replace(made, groups=grouped.groups, clusters=grouped.alike.clusters, alike=alike, notes=notes))


def _broken_message(made: PreparationResult) -> str:
    """Message that lists the unusable scans with reasons, and what to do."""
    broken = made.broken
    lines = [f"{each['id']} ({', '.join(each['files']) or 'no file'}): {each['reason']}" for each in broken[:NAMED]]
    more = [f"and {len(broken) - NAMED} more"] if len(broken) > NAMED else []
    if len(broken) == len(made.samples):
        head = f"none of the {len(broken)} scans of {made.name} can be used"
        return "\n  ".join([f"{head}:", *lines, *more])
    head = f"{len(broken)} of {len(made.samples)} scans of {made.name} cannot be used"
    remedy = "repair or remove them, or exclude them with --skip-broken; the other scans are not read again"
    return "\n  ".join([f"{head}:", *lines, *more]) + f"\n{remedy}"


def _write(folder: Path, job: PreparationJob, dtype: Any, before: Sequence[JournalEntry]) -> PreparationResult:
    """Decode all scans and write the usable ones in order. NeedsFloatError if `dtype` cannot hold a scan.

    before: entries of an earlier process whose source files are unchanged.
    """
    about = _identity(job, dtype.str)
    with Arrays(folder, dtype) as arrays:
        entries = arrays.resume(before, tuple(job.dataset.shape), mask_type(job.dataset.task))
        with Journal(folder, about, entries) as writer:
            if entries:
                job.progress(len(entries), len(job.samples))
            for each in _decoded(job, len(entries)):
                started = time.perf_counter()
                entries.append(_append(arrays, each))
                writer.add(entries[-1])
                _count(job, {**each.seconds, "write": time.perf_counter() - started})
                job.progress(len(entries), len(job.samples))
        hashes = arrays.close()
    truth = job.dataset.truth()
    if truth is not None:
        file = NpyWriter(folder / TRUTH, truth.shape[1:], "float32")
        for row in truth:
            file.append(row)
        hashes[TRUTH] = file.close()
    counts = job.accounting.to_manifest()
    return PreparationResult(
        job.name, job.dataset, job.root, job.samples, entries, hashes, (), job.notes, counts, job.seconds
    )


def _identity(job: PreparationJob, dtype: str) -> dict[str, Any]:
    """Identity of the data set and the program; a preparation with another identity is not resumed."""
    dataset = job.dataset
    program = [registry.code(type(dataset)), code_checksum([decode.__module__, Arrays.__module__])]
    grid = {"dtype": dtype, "shape": [*dataset.shape], "spacing": [*dataset.spacing]}
    return {**grid, "task": plain(dataset.task), "by": program}


def _unchanged(entries: Sequence[JournalEntry], job: PreparationJob) -> list[JournalEntry]:
    """The entries of an earlier process, up to the first whose files have changed."""
    pairs = list(zip(job.samples, entries, strict=False))
    checksums = _in_parallel(job, [lambda s=sample: _checksum(s, job.root) for sample, _ in pairs])
    same = [
        sample.id == entry.id and checksum == entry.checksum and (not entry.fault or _still_broken(sample, job))
        for (sample, entry), checksum in zip(pairs, checksums, strict=True)
    ]
    return list(entries[: same.index(False) if False in same else len(same)])


def _still_broken(sample: Sample, job: PreparationJob) -> bool:
    """True if an excluded scan still cannot be decoded; the fault may have been a temporary one of the machine."""
    return bool(decode(sample, job.dataset, job.root).fault)


def _append(arrays: Arrays, each: DecodedScan) -> JournalEntry:
    if each.fault:
        return JournalEntry(each.sample.id, each.checksum, fault=each.fault)
    try:
        image, mask = arrays.append(each.image, each.mask)
    except ValueError as error:
        return JournalEntry(each.sample.id, each.checksum, fault=str(error))
    return JournalEntry(each.sample.id, each.checksum, each.fitted, "", image, mask, each.affine, each.notes)


def _decoded(job: PreparationJob, begin: int) -> Iterator[DecodedScan]:
    """Decode every sample from `begin` on, in order."""
    calls = [lambda s=sample: decode(s, job.dataset, job.root) for sample in job.samples[begin:]]
    return _in_parallel(job, calls)


def _in_parallel(job: PreparationJob, calls: Sequence[Callable[[], Any]]) -> Iterator[Any]:
    """Results of the calls, in order, computed in threads: decompression and numpy release the interpreter lock."""
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
    """Rename the complete folder to its final name; a set prepared from other files is removed."""
    old = folder.with_name(f".{folder.name}.old{mark}")
    remove_tree(old)
    if folder.exists():
        folder.rename(old)
    unfinished.rename(folder)
    (folder / journal.JOURNAL).unlink()
    remove_tree(old)
