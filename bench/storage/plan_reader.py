"""Reads the plan of a study from disk: which trials it has, on which data, and what is compared."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from bench.core import PROTOCOL, BenchError
from bench.core.study_plan import StudyPlan
from bench.storage.tuned_file import SEARCHES


def not_run(name: str, place: Path) -> BenchError:
    """The error for a study without a run here, and whether it was searched. place: the folder of its results."""
    if not (place / SEARCHES).is_file():
        return BenchError(f"the study {name} has not been run here; run: bench run --study {shlex.quote(name)}")
    study = shlex.quote(name)
    return BenchError(
        f"the study {name} was only searched here, not run: bench status --study {study} shows the search, and"
        f" bench tune --study {study} resumes it and writes {place}/tuning/report.md. For trials and their report run:"
        f" bench run --study {study}"
    )


def read_plan(path: Path) -> StudyPlan:
    """The plan in a file. BenchError if it cannot be read or was made under another protocol."""
    try:
        entry = json.loads(path.read_bytes())
        protocol = entry["protocol"]
        plan = StudyPlan.from_json(entry) if protocol == PROTOCOL else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        remedy = "delete it: `bench run` writes a new one, and the records stay"
        raise BenchError(f"{path} cannot be read ({error}); {remedy}") from error
    if plan is None:
        raise BenchError(
            f"{path.parent} was made under protocol {protocol}, this is protocol {PROTOCOL}: its numbers cannot be"
            " compared with new ones, and nothing was changed. Rename that folder to run the study again beside it; its"
            f" records in {path.parents[1] / 'trials'} stay, and are not used"
        )
    return plan
