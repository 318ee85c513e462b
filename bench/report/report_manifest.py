"""The manifest of a report: checksums of data, splits, code, environment and records, without any person's name.

Its form is published as `templates/manifest.schema.json` (JSON Schema 2020-12), which ships with the package.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from bench import __version__
from bench.core import Record, RunAbortedError, paths, plain
from bench.report.protected_names import data_sets_of
from bench.report.tables import DatasetResults, Results, Run
from bench.storage import provenance
from bench.storage.alias_salt import SALT, salt_mark
from bench.storage.anonymise import alias, clean

SCHEMA = "dclse-bench/manifest/1"
LIBRARIES = (
    "numpy",
    "pandas",
    "scipy",
    "scikit-learn",
    "matplotlib",
    "seaborn",
    "jinja2",
)  # libraries that make a report
KNOWN = (
    "bench",
    "python",
    "torch",
    "numpy",
    "system",
    "processor",
)  # fields of a record about the machine that made it
_DRAWN = ("data", "partition", "fold", "seed")


def manifest(results: Results) -> dict[str, Any]:
    """The manifest of a study, as JSON holds it; see `schema`."""
    plan = results.plan
    return {
        "schema": SCHEMA,
        "study": plan.study,
        "question": plan.question,
        "protocol": plan.protocol,
        "alias_salt": salt_mark(paths.data_root()),
        "command": clean(plan.command),
        "recipe": plain(plan.recipe),
        "design": {name: getattr(plan, name) for name in ("folds", "partitions", "seeds", "contrasts", "margin")},
        "state": state(results),
        "data": [_data(section) for section in results.sections],
        "splits": [split for section in results.sections for split in splits(section)],
        "code": {"records": codes(results.records), "report": _code_of_report()},
        "environment": {"records": environments(results.records), "report": _here()},
        "trials": [_trial(section, run) for section in results.sections for run in section.runs],
    }


def check_aliases(path: Path) -> None:
    """RunAbortedError if the last manifest of this report was made with another salt: its aliases would change.

    path: of the last manifest. One that is missing, damaged or of an earlier version is not compared.
    """
    try:
        before = json.loads(path.read_bytes()).get("alias_salt")
    except (OSError, ValueError, AttributeError):
        return
    salt = paths.data_root() / SALT
    if before not in (None, salt_mark(paths.data_root())):
        raise RunAbortedError(
            f"the aliases of people and scans would differ from those of the last report in {path.parent}, which was"
            f" made with another salt than {salt}. Set BENCH_DATA to the data root of that report, or copy its"
            f" file `{SALT}` to {salt}. To accept other aliases, delete {path}"
        )


def schema() -> str:
    """The published schema, as text."""
    return (files("bench") / "templates" / "manifest.schema.json").read_text("utf-8")


def state(results: Results) -> dict[str, int]:
    """Counts of the distinct runs by status; damaged: of the open ones, those whose record has a wrong checksum."""
    runs = {run.cell.key: run.status for section in results.sections for run in section.runs}
    counts = Counter(runs.values())
    by_status = {name: counts[name] for name in ("done", "failed", "refused", "open")}
    return {"planned": len(runs), **by_status, "damaged": len(results.damaged)}


def _data(section: DatasetResults) -> dict[str, Any]:
    entry = section.data
    samples, groups = section.counted()
    return {
        "name": section.name,
        "kind": section.kind,
        "sets": [{"name": name, "params": dict(params)} for name, params in data_sets_of(entry)],
        "fingerprint": entry.fingerprint or "",
        "external_fingerprint": entry.external.data.fingerprint if entry.external else None,
        "stand_in_for": entry.stand_in_for,
        "scans": samples,
        "groups": groups,
    }


def splits(section: DatasetResults) -> list[dict[str, Any]]:
    """A checksum of the test part of every (partition, fold), over the aliases of its groups, sorted; its sizes.

    If the runs of a (partition, fold) were not made on the same split, there is a row for each split.
    """
    *_, (tested, _) = data_sets_of(section.data)
    known: dict[str, str] = {}
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for run in (run for run in section.runs if run.done and run.cell.role in ("arm", "again")):
        kept = section.predictions(run)
        if "groups" not in kept:
            continue
        names = sorted({str(name) for name in kept["groups"]})
        known |= {name: alias(tested, name) for name in names if name not in known}
        checksum = hashlib.sha256("\n".join(sorted(known[name] for name in names)).encode()).hexdigest()
        place = {"data": section.name, "partition": run.cell.partition, "fold": run.cell.fold}
        sizes = {part: run.record.sizes.get(part) for part in ("train", "val", "test")}
        row = {**place, **sizes, "test_groups": len(names), "test_sha256": checksum}
        rows.setdefault((*place.values(), checksum), row)
    return list(rows.values())


def _code_of_report() -> dict[str, Any]:
    code = provenance.code()
    return {"bench": __version__, **{name: code[name] for name in ("commit", "changed", "sources")}}


def codes(records: Iterable[Record]) -> list[dict[str, Any]]:
    """The code versions of the records with their numbers of records; None if a record has no version."""
    versions: Counter[tuple[Any, ...]] = Counter()
    for record in records:
        code = record.provenance.get("code") or {}
        version = record.provenance.get("bench")
        versions[version, code.get("commit"), code.get("changed"), code.get("sources")] += 1
    names = ("bench", "commit", "changed", "sources")
    ordered = sorted(versions.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return [{**dict(zip(names, values, strict=True)), "records": count} for values, count in ordered]


def environments(records: Iterable[Record]) -> list[dict[str, Any]]:
    """The environments of the records with their numbers of records."""
    counts: Counter[tuple[str, ...]] = Counter()
    for record in records:
        known = (record.provenance.get(name) for name in KNOWN)
        precise = (record.resolved.get(name) for name in ("device", "precision"))
        counts[tuple(clean(each) if each else "" for each in (*known, *precise))] += 1
    names = (*KNOWN, "device", "precision")
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [{**dict(zip(names, values, strict=True)), "records": count} for values, count in ordered]


def _here() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def _trial(section: DatasetResults, run: Run) -> dict[str, Any]:
    cell = run.cell
    place = {name: getattr(cell, name) for name in _DRAWN}
    mark = section.store.mark(cell.key) if run.record else None
    weights = run.record is not None and "weights.safetensors" in run.record.files
    entry = {"key": cell.key, "arm": cell.arm, "role": cell.role, **place, "status": run.status}
    return {**entry, "record_sha256": mark or None, "weights_kept": weights}
