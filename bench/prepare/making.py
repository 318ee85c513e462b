"""How a data set is prepared: decode side by side, write in order, say what was found, rename when whole."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import registry
from bench.core import PROTOCOL, BenchError, Dataset, Sample, Task, digest, plain
from bench.prepare.arrays import Arrays, NeedsFloatError
from bench.prepare.checks import FAULTS, Decoded, checksum_of, decode
from bench.prepare.prepared import INDEX, MANIFEST, TRUTH, Prepared, folder_of, open_prepared

Progress = Callable[[int, int], None]
AHEAD = 4  # scans decoded ahead of the writer, for each worker
STALE = 86400  # seconds after which an unfinished folder is nobody's


@dataclass(frozen=True)
class Job:
    """What is to be prepared, and how."""

    name: str
    dataset: Dataset
    samples: Sequence[Sample]
    root: Path | None
    workers: int
    progress: Progress


@dataclass
class Outcome:
    """What came of the scans so far, in their order."""

    kept: list[Decoded] = field(default_factory=list)  # their arrays are on disk, no longer here
    broken: list[dict[str, Any]] = field(default_factory=list)
    checksums: list[str] = field(default_factory=list)  # of every scan, broken or not
    hashes: dict[str, str] = field(default_factory=dict)  # file of arrays -> SHA-256 of what it holds


def prepare(
    name: str,
    params: Mapping[str, Any] | None = None,
    source: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """The prepared set, made from the files under `source` where it is not there yet or these are other files.

    source: a folder of the set's layout; None for a phantom, or for what is prepared already. workers: threads, by
    default one a core. progress: called with (scans done, scans). BenchError where nothing can be prepared.
    """
    dataset = registry.make("datasets", name, params)
    there = open_prepared(name, params)
    if there is not None and (source is None or dataset.phantom):
        return there
    if source is None and not dataset.phantom:
        how = f"run: bench prepare {name} --from FOLDER (bench describe {name} says where the scans are published)"
        raise BenchError(f"{name} is not prepared; {how}")
    root = None if dataset.phantom else Path(source).expanduser()
    samples = _samples(dataset, name, root)
    if there is not None and there.manifest["files"] == _mark(dataset, samples, [_checksum(s, root) for s in samples]):
        return there
    job = Job(name, dataset, samples, root, workers or os.cpu_count() or 1, progress or (lambda *_: None))
    folder = folder_of(name, params)
    with _scratch(folder) as scratch:
        _make(scratch, job)
        _publish(scratch, folder)
    return open_prepared(name, params)


def _samples(dataset: Dataset, name: str, root: Path | None) -> Sequence[Sample]:
    if root is not None and not root.is_dir():
        raise BenchError(f"no folder {root}; {name} expects: {dataset.layout}")
    samples = dataset.samples(root)
    if not samples:
        raise BenchError(f"no scan of {name} in {root}; expected: {dataset.layout}")
    twice = [key for key, count in Counter(sample.id for sample in samples).items() if count > 1]
    if twice:
        raise BenchError(f"{name}: {len(twice)} ids occur more than once, {twice[0]!r} among them")
    wrong = [sample for sample in samples if not _allowed(sample.target, dataset.task)]
    if wrong:
        raise BenchError(f"{name}: {len(wrong)} targets are not what the task predicts, {wrong[0].target} among them")
    return samples


def _allowed(target: float, task: Task) -> bool:
    if task.kind == "classification":
        return target in range(len(task.classes))
    return task.kind == "segmentation" or math.isfinite(target)


def _make(folder: Path, job: Job) -> None:
    """Fill `folder` with a whole prepared set."""
    import numpy as np

    try:
        outcome = _write(folder, job, np.uint8)
    except NeedsFloatError:
        outcome = _write(folder, job, np.float32)
    if not outcome.kept:
        first = "; ".join(f"{each['id']}: {each['reason']}" for each in outcome.broken[:3])
        raise BenchError(f"none of the {len(job.samples)} scans of {job.name} can be used: {first}")
    truth = job.dataset.truth()
    if truth is not None:
        np.save(folder / TRUTH, truth.astype(np.float32), allow_pickle=False)
    index = _index([each.sample for each in outcome.kept])
    (folder / INDEX).write_text(json.dumps(index, allow_nan=False) + "\n")
    (folder / MANIFEST).write_text(json.dumps(_manifest(job, outcome, index), indent=1, allow_nan=False) + "\n")


def _write(folder: Path, job: Job, dtype: Any) -> Outcome:
    """Decode all scans and write the good ones in order. NeedsFloatError where `dtype` cannot hold one."""
    outcome = Outcome()
    with Arrays(folder, dtype) as arrays:
        for done, each in enumerate(_decoded(job), start=1):
            outcome.checksums.append(each.checksum)
            fault = each.fault or _append(arrays, each)
            if fault:
                files = _names(each.sample, job.root)
                outcome.broken.append({"id": each.sample.id, "files": files, "reason": fault})
            else:
                outcome.kept.append(replace(each, image=None, mask=None))
            job.progress(done, len(job.samples))
        outcome.hashes = arrays.close()
    return outcome


def _append(arrays: Arrays, each: Decoded) -> str:
    try:
        arrays.append(each.image, each.mask)
    except ValueError as error:
        return str(error)
    return ""


def _decoded(job: Job) -> Iterator[Decoded]:
    """Every sample decoded, in order, a few ahead: decompression and numpy work side by side in threads."""
    waiting: deque = deque()
    with ThreadPoolExecutor(job.workers) as pool:
        try:
            for sample in job.samples:
                waiting.append(pool.submit(decode, sample, job.dataset, job.root))
                if len(waiting) > AHEAD * job.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _index(samples: Sequence[Sample]) -> dict[str, Any]:
    columns = sorted({column for sample in samples for column in sample.covariates})
    return {
        "ids": [sample.id for sample in samples],
        "groups": [sample.group for sample in samples],
        "strata": [sample.stratum for sample in samples],
        "sites": [sample.site for sample in samples],
        "targets": [_number(sample.target) for sample in samples],
        "covariates": {column: [_number(s.covariates.get(column)) for s in samples] for column in columns},
    }


def _number(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value  # of numpy
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _mark(dataset: Dataset, samples: Sequence[Sample], checksums: Sequence[str]) -> str:
    """What the set was made from: its files and what its tables say of them."""
    return digest({"version": dataset.version, "params": dataset, "index": _index(samples), "checksums": checksums})


def _checksum(sample: Sample, root: Path | None) -> str:
    try:
        return checksum_of(sample, root)
    except FAULTS:
        return ""


def _manifest(job: Job, outcome: Outcome, index: Mapping[str, Any]) -> dict[str, Any]:
    dataset, files = job.dataset, _mark(job.dataset, job.samples, outcome.checksums)
    manifest = {
        "name": job.name,
        "version": dataset.version,
        "params": plain(dataset),
        "protocol": PROTOCOL,
        "fingerprint": digest({"arrays": outcome.hashes, "index": index, "files": files}),
        "files": files,
        "phantom": dataset.phantom,
        "title": dataset.title,
        "task": plain(dataset.task),
        "shape": list(dataset.shape),
        "spacing": list(dataset.spacing),
        "found": _found(dataset, outcome.kept),
        "expected": dict(dataset.expected) if plain(dataset) == plain(type(dataset)()) else {},
        "broken": outcome.broken,
        "fitted": [{"id": each.sample.id, "from": each.fitted} for each in outcome.kept if each.fitted],
    }
    return {**manifest, "notes": _notes(manifest)}


def _found(dataset: Dataset, kept: Sequence[Decoded]) -> dict[str, int]:
    samples = [each.sample for each in kept]
    found = {"samples": len(samples), "groups": len({sample.group for sample in samples})}
    if dataset.task.kind == "classification":
        counts = Counter(int(sample.target) for sample in samples)
        found |= {label: counts[number] for number, label in enumerate(dataset.task.classes)}
    return found


def _notes(manifest: Mapping[str, Any]) -> list[str]:
    found, shape = manifest["found"], " x ".join(map(str, manifest["shape"][1:]))
    notes = [
        f"{found.get(key, 0)} {key} found, {count} expected"
        for key, count in manifest["expected"].items()
        if found.get(key, 0) != count
    ]
    if manifest["broken"]:
        notes.append(f"{len(manifest['broken'])} scans cannot be used and are left out")
    if manifest["fitted"]:
        notes.append(f"{len(manifest['fitted'])} scans were cropped or padded to {shape}")
    return notes


def _names(sample: Sample, root: Path | None) -> list[str]:
    return [str(path.relative_to(root)) if root and path.is_relative_to(root) else path.name for path in sample.files]


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder beside `folder`, gone at the end whatever happens; those that a killed run left go as well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}.*"):
        if time.time() - left.stat().st_mtime > STALE:
            shutil.rmtree(left, ignore_errors=True)
    scratch = folder.with_name(f".{folder.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}")
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _publish(scratch: Path, folder: Path) -> None:
    """Rename the whole folder into its place; what was prepared from other files before makes way."""
    old = scratch.with_name(scratch.name + "-old")
    if folder.exists():
        folder.rename(old)
    try:
        scratch.rename(folder)
    except OSError:
        if not (folder / MANIFEST).is_file():  # else somebody was faster, and their set is as good
            if old.exists():
                old.rename(folder)
            raise
    shutil.rmtree(old, ignore_errors=True)
