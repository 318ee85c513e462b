"""The plug-in files that a trial uses, and those that changed since its record was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from bench import registry
from bench.core import Trial, plural
from bench.storage.record_store import Store


def used_plugin_files(trial: Trial) -> dict[str, str]:
    """The plug-in files of the data sets, method, curriculum, view and metrics of a trial.

    Returns
    -------
    dict of str to str
        Name of each file, then its checksum when it was loaded. Files that the trial does not use are not in it.
    """
    method = registry.make("methods", trial.method.name, trial.method.params)
    owners = [type(method), registry.member("curricula", trial.curriculum.name)]
    owners += [registry.member("datasets", each.name) for each in trial.data_sets]
    owners += [type(getattr(method, each.name)) for each in fields(method)]
    kind = registry.make("datasets", trial.data.name, trial.data.params).task.kind
    files = [file for owner in owners if (file := registry.plugin_file(owner))]
    files += [path for metric, path in registry.plugin_extensions("METRIC") if getattr(metric, "kind", "") == kind]
    return {file.name: registry.file_checksum(file) for file in files}


def changed_since_records(trials: Iterable[Trial], store: Store) -> list[str]:
    """A line for each plug-in file that is not as it was when records of these trials were made.

    Parameters
    ----------
    trials : iterable of Trial
    store : Store
        Where their records are.

    Returns
    -------
    list of str
        Empty if no file changed, or if no record names a plug-in file.
    """
    present: dict[str, set[str]] = {}
    for file in registry.loaded_plugin_files():
        present.setdefault(file.name, set()).add(registry.file_checksum(file))
    if not present:
        return []
    changed: Counter = Counter()
    for record in (store.get(trial.key) for trial in trials):
        used = (record.provenance.get("code") or {}).get("plugins", {}) if record and record.status == "done" else {}
        changed.update(name for name, checksum in used.items() if checksum not in present.get(name, {checksum}))
    return [_line(name, count) for name, count in sorted(changed.items())]


def _line(file: str, count: int) -> str:
    stem = Path(file).stem
    kinds = [registry.SINGULAR[kind] for kind in ("methods", "datasets", "curricula") if stem in registry.names(kind)]
    what = f"the file of the {kinds[0]} {stem}" if kinds else file
    remedy = "raise its `version` to train again" if kinds else "raise the `version` of what it changes to train again"
    return f"{what} changed since {plural(count, 'record')} of this study; {remedy}"
