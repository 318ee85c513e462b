"""What a study says at one time, in plain values: its verdict, and the code and score of every trial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.core import Record
from bench.report import ReportData
from bench.report.conclusions import run_so_far
from bench.report.headline import summary
from bench.report.report_manifest import codes
from bench.report.tables import Run

DIGITS = 8  # of a checksum that are shown


def study_state(data: ReportData) -> dict[str, Any]:
    """The state of a study.

    Parameters
    ----------
    data : ReportData
        The study, without names of people.

    Returns
    -------
    dict
        question, verdict (sentences), state, protocol, date (of the last trial; empty if there is none), code (words
        for each version) and trials (key -> status, code, score).
    """
    results = data.results
    runs = {run.cell.key: (run, section.task.primary) for section in results.sections for run in section.runs}
    return {
        "question": results.plan.question,
        "verdict": list(summary(results, data.tables)),
        "state": run_so_far(results),
        "protocol": results.plan.protocol,
        "date": max((_ended(record) for record in results.records), default=""),
        "code": [_version(one) for one in codes(results.records)],
        "trials": {key: _trial(run, primary) for key, (run, primary) in runs.items() if run.record},
    }


def _ended(record: Record) -> str:
    """When a trial ended, to the second, in UTC; empty if the record does not say."""
    try:
        began = datetime.fromisoformat(str(record.provenance["started"]))
    except (KeyError, ValueError):
        return ""
    ended = began.astimezone(UTC) + timedelta(seconds=float(record.provenance.get("seconds") or 0))
    return as_timestamp(ended)


def as_timestamp(time: datetime) -> str:
    """A time in UTC as RFC 3339 writes it.

    Parameters
    ----------
    time : datetime
        With a time zone.

    Returns
    -------
    str
        To the second.
    """
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _version(code: Mapping[str, Any]) -> str:
    sources = str(code["sources"] or "unknown")[:DIGITS]
    commit = f", commit {code['commit'][:DIGITS]}" if code["commit"] else ""
    return f"{sources}{commit}{' with changes' if code['changed'] else ''}"


def _trial(run: Run, primary: str) -> dict[str, Any]:
    score = run.score(primary)
    sources = (run.record.provenance.get("code") or {}).get("sources") or "unknown"
    return {"status": run.status, "code": sources[:DIGITS], "score": None if math.isnan(score) else score}
