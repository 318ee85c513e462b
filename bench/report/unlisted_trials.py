"""A caution where finished trials on the same scans belong to no study: what was shown may have been chosen."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from bench.core import RunAbortedError, Trial
from bench.core.outside_arm import is_outside
from bench.report.tables import DatasetResults
from bench.report.tables.number_format import listed, plural
from bench.storage.record_store import Store

READ = 500  # records that are read at most
NAMED = 4  # methods that are named


def unlisted_trials(section: DatasetResults) -> str:
    """How many finished trials of the arms' methods on these scans are in no plan of the folder of results.

    They are of studies whose folder was removed, or of parameters, folds or steps that were changed since.

    Parameters
    ----------
    section : DatasetResults
        A data set with its runs.

    Returns
    -------
    str
        The caution; empty if there are none.
    """
    store = Store(section.store.root)  # of its own: what is damaged there is no record of this study
    try:
        kept = {path.name for path in store.trials.iterdir() if "." not in path.name}
    except OSError:
        return ""
    methods = {_version(run.record.trial) for run in section.runs if run.done and run.cell.role == "arm"}
    found: dict[str, int] = {}
    for key in sorted(kept - _planned(store.root))[:READ]:
        trial = _trial_on(store, key, section.data.fingerprint or "")
        if trial is not None and _version(trial) in methods:
            found[trial.method.name] = found.get(trial.method.name, 0) + 1
    if not found:
        return ""
    names = [f"{count} of {name}" for name, count in sorted(found.items())]
    more = [f"{sum(sorted(found.values())[NAMED:])} of others"] if len(names) > NAMED else []
    return (
        f"{plural(sum(found.values()), 'finished trial')} on these scans ({listed([*names[:NAMED], *more])}) belong to"
        " no study in this folder: other parameters, folds or steps were tried, and the plan was changed or removed"
        " since. If what is shown was chosen by its results, it is too good: show all that was tried."
    )


def _planned(root: Path) -> set[str]:
    """Keys of all trials that some study of the folder has in its plan."""
    keys: set[str] = set()
    for path in root.glob("*/plan.json"):
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            keys.update(cell["key"] for cell in json.loads(path.read_bytes())["cells"])
    return keys


def _version(trial: Trial) -> tuple[str, int]:
    return trial.method.name, trial.method.version  # trials of an earlier version of the code were not chosen from


def _trial_on(store: Store, key: str, fingerprint: str) -> Trial | None:
    """A finished trial with true labels on the scans of a fingerprint; None for any other record."""
    try:
        record = store.get(key)
    except RunAbortedError:
        return None
    if record is None or record.status != "done" or record.trial.labels.kind != "true":
        return None
    if is_outside(record.trial):  # a file of predictions may be corrected and scored again
        return None
    return record.trial if record.trial.data.fingerprint == fingerprint else None
