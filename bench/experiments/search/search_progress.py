"""Progress of a study's searches: planned candidates, their states in the storages, speed and time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from bench.core import BenchError
from bench.experiments.progress import WINDOW
from bench.experiments.search.objective import CandidateOutcome
from bench.experiments.search.optuna_storage import OptunaStorage
from bench.experiments.search.search_session import TRIALS, runs_on_other_host, started_candidates
from bench.storage import locks
from bench.storage.atomic_io import disk_errors
from bench.storage.locks import locked

if TYPE_CHECKING:
    import optuna

STATES = ("complete", "pruned", "failed", "refused", "running", "open")
PLACE = ("arm", "data", "partition", "fold")


def read_progress(study: str, rows: Sequence[Mapping[str, Any]], storage: str = "", now: float | None = None) -> dict:
    """Number of candidates by state in all and for each search, those that run, the speed, and errors.

    rows: as `result_files.read_searches` returns them. storage: instead of theirs, for a name that lacks its password.
    now: in seconds since 1970. Storages that cannot be read are listed under `closed` with the reason.
    """
    begun = [row for row in rows if row["trials"] is not None]
    candidates: dict[str, list[dict[str, Any]]] = {}
    closed: dict[str, str] = {}
    for name in dict.fromkeys(storage or row["storage"] for row in begun):
        stored = [row for row in begun if (storage or row["storage"]) == name]
        try:
            candidates |= _read_candidates(OptunaStorage(name), stored)
        except BenchError as error:
            closed[name] = str(error)
    now = time.time() if now is None else now  # after reading, so that candidates that ended meanwhile count
    searches = [_search(row, candidates.get(row["search"], []), now) for row in begun]
    ended = [candidate for row in candidates.values() for candidate in row if candidate["ended"]]
    counts = sum((Counter({state: search[state] for state in STATES}) for search in searches), Counter())
    running = [candidate for search in searches for candidate in search.pop("at")]
    return {
        "study": study,
        "planned": sum(search["trials"] for search in searches),
        **{state: counts[state] for state in STATES},
        "running": running,
        "per_hour": _per_hour(ended, now),
        "left_seconds": _seconds_left(searches, candidates, running),
        "searches": searches,
        "not_asked": [{name: row[name] for name in PLACE} for row in rows if row["trials"] is None],
        "closed": closed,
        "troubles": [candidate for search in searches for candidate in search.pop("troubles")],
    }


def _read_candidates(storage: OptunaStorage, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Candidates of the searches in a storage, by the search's identity."""
    if not storage.exists:
        return {}
    folder, candidates = Path(rows[0]["claims"]), {}
    with ExitStack() as stack:
        with disk_errors(folder), locked(folder / "open.claim"):  # two processes must not create the tables of one file
            backend = stack.enter_context(storage.opened())
        attributes = {one.study_name: one.user_attrs for one in backend.get_all_studies()}
        for row in (row for row in rows if row["name"] in attributes):
            raw = backend.get_all_trials(backend.get_study_id_from_name(row["name"]), deepcopy=False)
            raw = started_candidates(raw, attributes[row["name"]].get(TRIALS, row["trials"]))
            candidates[row["search"]] = [_candidate(trial, Path(row["claims"]) / row["search"]) for trial in raw]
    return candidates


def _candidate(trial: optuna.trial.FrozenTrial, folder: Path) -> dict[str, Any]:
    """State of a candidate. One that no process holds is open: the next process resumes it. folder: of locks."""
    outcome = CandidateOutcome.from_dict(trial.user_attrs.get("outcome", {}))
    state = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": outcome.state}.get(trial.state.name)
    if state is None:
        locked = locks.read_lock_note(folder / f"{trial.number}.claim") is not None or runs_on_other_host(trial)
        state = "running" if locked and "at" in trial.user_attrs else "open"
    has_ended = trial.datetime_complete and state not in ("running", "open")
    return {
        "candidate": trial.number,
        "state": state,
        "points": max(trial.intermediate_values, default=0),
        "began": trial.datetime_start.timestamp() if trial.datetime_start else None,
        "ended": trial.datetime_complete.timestamp() if has_ended else None,
        "seconds": outcome.seconds,
        "value": trial.values[0] if trial.state.name == "COMPLETE" else None,
        "error": outcome.error,
    }


def _search(row: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]], now: float) -> dict[str, Any]:
    """Place, counts, running candidates and errors of one search."""
    place = {name: row[name] for name in PLACE}
    counts = Counter(one["state"] for one in candidates)
    started = sum(counts[state] for state in STATES[:-1])
    running = [
        {**place, "candidate": one["candidate"], "point": one["points"], "points": row["points"],
         "seconds": max(0.0, now - one["began"])}
        for one in candidates if one["state"] == "running"
    ]  # fmt: skip
    troubles = [
        {**place, "candidate": one["candidate"], "status": one["state"], "message": one["error"],
         "ended": one["ended"]}
        for one in candidates if one["state"] in ("failed", "refused")
    ]  # fmt: skip
    states = {**{state: counts[state] for state in STATES[:-1]}, "open": max(0, row["trials"] - started)}
    return {**place, "trials": row["trials"], **states, "at": running, "troubles": troubles}


def _per_hour(ended: Sequence[Mapping[str, Any]], now: float) -> float | None:
    """Candidates per hour over the last minutes; None if none ended."""
    recent = [one for one in ended if 0 <= now - one["ended"] <= WINDOW]
    if not recent:
        return None
    since = max(min(one["began"] for one in recent), now - WINDOW)
    return 3600 * len(recent) / max(1.0, now - since)


def _seconds_left(
    searches: Sequence[Mapping], candidates: Mapping[str, Sequence[Mapping]], running: Sequence
) -> float | None:
    """Seconds until all candidates have ended, at the present number of processes; None if nothing runs or ended."""
    spent = [one["seconds"] for row in candidates.values() for one in row if one["ended"] and one["seconds"]]
    if not running or not spent:
        return None
    remaining = sum(search["open"] for search in searches) + sum(1 - one["point"] / one["points"] for one in running)
    return fmean(spent) * remaining / len(running)
