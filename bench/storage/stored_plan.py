"""The plan of a study on disk: which trials it has, on which data, and what is compared; sealed with a checksum."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from bench.core import PROTOCOL, BenchError
from bench.core.study_plan import StudyPlan
from bench.storage.atomic_io import json_checksum, write_text
from bench.storage.tuned_file import SEARCHES

REMEDY = "delete it: `bench run` writes a new one, and the records stay"


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


def write_plan(path: Path, plan: StudyPlan) -> None:
    """Write a plan with the checksum of its content, its seal."""
    entry = plan.to_json()
    write_text(path, json.dumps({**entry, "seal": json_checksum(entry)}, indent=1) + "\n")


def read_plan(path: Path) -> StudyPlan:
    """The plan in a file. A plan without a seal, which older versions wrote, is read too.

    BenchError if it cannot be read, was changed after it was written, or was made under another protocol.
    """
    try:
        entry = json.loads(path.read_bytes())
        seal = entry.pop("seal", None)
        protocol = entry["protocol"]
        changed = seal is not None and seal != json_checksum(entry)
        plan = StudyPlan.from_json(entry) if protocol == PROTOCOL else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise BenchError(f"{path} cannot be read ({error}); {REMEDY}") from error
    if plan is None:
        raise BenchError(
            f"{path.parent} was made under protocol {protocol}, this is protocol {PROTOCOL}: its numbers cannot be"
            " compared with new ones, and nothing was changed. Rename that folder to run the study again beside it; its"
            f" records in {path.parents[1] / 'trials'} stay, and are not used"
        )
    if changed:
        raise BenchError(
            f"{path} was changed after it was written: arms, folds or trials in it may be others than those that ran;"
            f" {REMEDY}"
        )
    return plan
