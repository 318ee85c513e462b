"""How far the searches of a study are: what was asked for, what their storages hold, and what is being worked at."""

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
from bench.experiments.search.optuna_storage import OptunaStorage
from bench.experiments.search.search_session import TRIALS, begun, elsewhere
from bench.storage.atomic_io import storing
from bench.storage.locks import claimed, told

if TYPE_CHECKING:
    import optuna

STATES = ("complete", "pruned", "failed", "refused", "running", "open")
PLACE = ("arm", "data", "partition", "fold")


def state_of(study: str, rows: Sequence[Mapping[str, Any]], storage: str = "", now: float | None = None) -> dict:
    """Counts of candidates by state, the same for each search, what runs, how fast, and what failed with its reason.

    rows: as `written.read` has them. storage: instead of those that they name, as where a name lacks its password.
    now: in seconds since 1970. A storage that cannot be read is told under `closed`, with the reason.
    """
    asked = [row for row in rows if row["trials"] is not None]
    held: dict[str, list[dict[str, Any]]] = {}
    closed: dict[str, str] = {}
    for name in dict.fromkeys(storage or row["storage"] for row in asked):
        mine = [row for row in asked if (storage or row["storage"]) == name]
        try:
            held |= _held(OptunaStorage(name), mine)
        except BenchError as error:
            closed[name] = str(error)
    now = time.time() if now is None else now  # after the storages are read: what ended meanwhile counts for the speed
    searches = [_search(row, held.get(row["search"], []), now) for row in asked]
    ended = [each for row in held.values() for each in row if each["ended"]]
    counts = sum((Counter({state: one[state] for state in STATES}) for one in searches), Counter())
    running = [each for one in searches for each in one.pop("at")]
    return {
        "study": study,
        "planned": sum(one["trials"] for one in searches),
        **{state: counts[state] for state in STATES},
        "running": running,
        "per_hour": _per_hour(ended, now),
        "left_seconds": _left(searches, held, running),
        "searches": searches,
        "not_asked": [{name: row[name] for name in PLACE} for row in rows if row["trials"] is None],
        "closed": closed,
        "troubles": [each for one in searches for each in one.pop("troubles")],
    }


def _held(storage: OptunaStorage, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """What a storage holds of searches: their candidates."""
    if not storage.exists:
        return {}
    claims, found = Path(rows[0]["claims"]), {}
    with ExitStack() as stack:
        with storing(claims), claimed(claims / "open.claim"):  # two at once would both make the tables of a new file
            opened = stack.enter_context(storage.opened())
        noted = {one.study_name: one.user_attrs for one in opened.get_all_studies()}
        for row in (row for row in rows if row["name"] in noted):
            raw = opened.get_all_trials(opened.get_study_id_from_name(row["name"]), deepcopy=False)
            raw = begun(raw, noted[row["name"]].get(TRIALS, row["trials"]))
            found[row["search"]] = [_candidate(each, Path(row["claims"]) / row["search"]) for each in raw]
    return found


def _candidate(one: optuna.trial.FrozenTrial, claims: Path) -> dict[str, Any]:
    """A candidate as it is shown. One that nobody is known to be at is open: the next process takes it up."""
    said = one.user_attrs.get("outcome", {})
    state = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": said.get("state", "failed")}.get(one.state.name)
    if state is None:
        held = told(claims / f"{one.number}.claim") is not None or elsewhere(one)
        state = "running" if held and "at" in one.user_attrs else "open"
    ended = one.datetime_complete.timestamp() if one.datetime_complete and state not in ("running", "open") else None
    return {
        "candidate": one.number,
        "state": state,
        "points": max(one.intermediate_values, default=0),
        "began": one.datetime_start.timestamp() if one.datetime_start else None,
        "ended": ended,
        "seconds": float(said.get("seconds", 0.0)),
        "value": one.values[0] if one.state.name == "COMPLETE" else None,
        "error": str(said.get("error", "")),
    }


def _search(row: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]], now: float) -> dict[str, Any]:
    """Where a search is, its counts, what runs of it and what went wrong."""
    place = {name: row[name] for name in PLACE}
    counts = Counter(each["state"] for each in candidates)
    over = sum(counts[state] for state in STATES[:-1])
    running = [
        {**place, "candidate": each["candidate"], "point": each["points"], "points": row["points"],
         "seconds": max(0.0, now - each["began"])}
        for each in candidates if each["state"] == "running"
    ]  # fmt: skip
    troubles = [
        {**place, "candidate": each["candidate"], "status": each["state"], "message": each["error"],
         "ended": each["ended"]}
        for each in candidates if each["state"] in ("failed", "refused")
    ]  # fmt: skip
    told = {**{state: counts[state] for state in STATES[:-1]}, "open": max(0, row["trials"] - over)}
    return {**place, "trials": row["trials"], **told, "at": running, "troubles": troubles}


def _per_hour(ended: Sequence[Mapping[str, Any]], now: float) -> float | None:
    """Candidates that ended in the last minutes, for an hour; None where none did."""
    recent = [each for each in ended if 0 <= now - each["ended"] <= WINDOW]
    if not recent:
        return None
    since = max(min(each["began"] for each in recent), now - WINDOW)
    return 3600 * len(recent) / max(1.0, now - since)


def _left(searches: Sequence[Mapping], held: Mapping[str, Sequence[Mapping]], running: Sequence) -> float | None:
    """Seconds until all is done, with as many at once as now; None where nothing runs, or nothing is known yet."""
    spent = [each["seconds"] for row in held.values() for each in row if each["ended"] and each["seconds"]]
    if not running or not spent:
        return None
    ahead = sum(one["open"] for one in searches) + sum(1 - each["point"] / each["points"] for each in running)
    return fmean(spent) * ahead / len(running)
