"""Index and manifest of a prepared set: values per scan, counts, processing steps and excluded scans."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.core import PROTOCOL, Dataset, Sample, digest, plain
from bench.data.prepare.journal import JournalEntry
from bench.data.prepared import IMAGES, INDEX, MANIFEST, READING, plugin_code
from bench.storage.atomic_io import json_checksum, write_text


@dataclass(frozen=True)
class PreparationResult:
    """A set whose arrays are written: its scans in order, each with its journal entry."""

    name: str
    dataset: Dataset
    root: Path | None
    samples: Sequence[Sample]
    entries: Sequence[JournalEntry]
    arrays: Mapping[str, str]  # file -> checksum of its content
    groups: Sequence[str] = ()  # of the usable samples; no split divides a group
    notes: Sequence[str] = ()
    accounting: Mapping[str, Any] | None = None  # what became of every file in the folder
    seconds: Mapping[str, float] | None = None  # by stage, over all threads
    clusters: Sequence[str] = ()  # of the usable samples: groups that look like one person are one cluster
    alike: Mapping[str, Any] | None = None  # the search for clusters, in counts

    @property
    def usable(self) -> list[Sample]:
        return [sample for sample, entry in zip(self.samples, self.entries, strict=True) if not entry.fault]

    @property
    def broken(self) -> list[dict[str, Any]]:
        """id, files and reason of each excluded scan."""
        pairs = zip(self.samples, self.entries, strict=True)
        return [
            {"id": entry.id, "files": _names(sample, self.root), "reason": entry.fault}
            for sample, entry in pairs
            if entry.fault
        ]


def write(folder: Path, made: PreparationResult) -> None:
    """Write index and manifest next to the arrays; the manifest comes last and marks the folder as complete."""
    clusters = {} if list(made.clusters) == list(made.groups) else {"clusters": list(made.clusters)}
    index = {**index_of(made.usable), "groups": list(made.groups), **clusters}
    text = json.dumps(index, allow_nan=False) + "\n"
    write_text(folder / INDEX, text)
    entry = json.loads(
        json.dumps({**_manifest(made, index, _dtype_of(folder)), "index": sha256(text.encode()).hexdigest()})
    )
    _write_manifest(folder, entry)


def update(folder: Path, manifest: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Replace values of the manifest of a complete folder."""
    _write_manifest(folder, {key: value for key, value in {**manifest, **values}.items() if key != "seal"})


def _write_manifest(folder: Path, entry: Mapping[str, Any]) -> None:
    text = json.dumps({**entry, "seal": json_checksum(entry)}, indent=1, allow_nan=False)
    write_text(folder / MANIFEST, text + "\n")


def _dtype_of(folder: Path) -> str:
    """Data type of images.npy in a folder."""
    import numpy as np

    return str(np.load(folder / IMAGES, mmap_mode="r", allow_pickle=False).dtype)


def source_checksum(dataset: Dataset, samples: Sequence[Sample], checksums: Sequence[str]) -> str:
    """Digest of what the set is made from: version, parameters, index and file checksums."""
    return digest({"version": dataset.version, "params": dataset, "index": index_of(samples), "checksums": checksums})


def index_of(samples: Sequence[Sample]) -> dict[str, Any]:
    """Columns of the index: one value per scan, in order."""
    columns = sorted({column for sample in samples for column in sample.covariates})
    return {
        "ids": [sample.id for sample in samples],
        "groups": [sample.group for sample in samples],
        "strata": [sample.stratum for sample in samples],
        "sites": [sample.site for sample in samples],
        "parts": [sample.part for sample in samples],
        "targets": [_number(sample.target) for sample in samples],
        "covariates": {column: [_number(s.covariates.get(column)) for s in samples] for column in columns},
    }


def _number(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value  # of numpy
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _manifest(made: PreparationResult, index: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    dataset = made.dataset
    files = source_checksum(dataset, made.samples, [entry.checksum for entry in made.entries])
    manifest = {
        "name": made.name,
        "version": dataset.version,
        "params": plain(dataset),
        "protocol": PROTOCOL,
        "reading": READING,
        "fingerprint": digest({"arrays": made.arrays, "index": index, "files": files}),
        "files": files,
        "arrays": dict(made.arrays),
        "source": str(made.root.resolve()) if made.root else None,
        "phantom": dataset.phantom,
        **({"code": code} if dataset.phantom and (code := plugin_code(made.name)) else {}),
        "title": dataset.title,
        "task": plain(dataset.task),
        "shape": list(dataset.shape),
        "spacing": list(dataset.spacing),
        "done": _done(dataset, dtype),
        "found": _counts(made),
        "expected": dict(dataset.expected) if plain(dataset) == plain(type(dataset)()) else {},
        "broken": made.broken,
        "alike": dict(made.alike or {}),
        "fitted": [{"id": entry.id, "from": entry.fitted} for entry in made.entries if entry.fitted],
        "affines": [list(entry.affine) for entry in made.entries if not entry.fault],
        "accounting": dict(made.accounting or {}),
        "seconds": {stage: round(spent, 3) for stage, spent in (made.seconds or {}).items()},
    }
    return {**manifest, "notes": [*_notes(manifest), *_reader_notes(made), *made.notes]}


def _done(dataset: Dataset, dtype: str) -> dict[str, str]:
    """Processing of every scan, in words."""
    volume = len(dataset.shape) == 4
    turned = "axes run left-right, posterior-anterior, inferior-superior" if volume else "as in the file"
    return {
        "orientation": turned,
        "spacing": " x ".join(f"{step:g}" for step in dataset.spacing) + (" mm" if volume else " (not known: pixels)"),
        "resampling": dataset.resampling,
        "intensity": f"as read, stored as {dtype}; methods normalise on their training part",
    }


def _counts(made: PreparationResult) -> dict[str, int]:
    totals = {"samples": len(made.usable), "groups": len(set(made.groups))}
    if made.dataset.task.kind == "classification":
        counts = Counter(int(sample.target) for sample in made.usable)
        totals |= {label: counts[number] for number, label in enumerate(made.dataset.task.classes)}
    return totals


def _notes(manifest: Mapping[str, Any]) -> list[str]:
    counts, shape = manifest["found"], " x ".join(map(str, manifest["shape"][1:]))
    notes = [
        f"{counts.get(key, 0)} {key} found, {count} expected"
        for key, count in manifest["expected"].items()
        if counts.get(key, 0) != count
    ]
    if manifest["broken"]:
        notes.append(
            f"{len(manifest['broken'])} scans cannot be used and are left out; {MANIFEST} lists them with reasons"
        )
    if manifest["fitted"]:
        notes.append(f"{len(manifest['fitted'])} scans were cropped or padded to {shape}")
    return notes


def _reader_notes(made: PreparationResult) -> Iterator[str]:
    """What readers noted on files, once for all scans whose notes differ in numbers only."""
    alike: dict[str, list[tuple[str, str]]] = {}
    for entry in made.entries:
        for note in entry.notes if not entry.fault else ():
            alike.setdefault(re.sub(r"[\d.]+", "0", note), []).append((entry.id, note))
    for (first, note), *others in alike.values():
        yield f"{first}{f' and {len(others)} other scans' if others else ''}: {note}"


def _names(sample: Sample, root: Path | None) -> list[str]:
    return [str(path.relative_to(root)) if root and path.is_relative_to(root) else path.name for path in sample.files]
