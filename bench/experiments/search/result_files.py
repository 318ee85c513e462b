"""Files of a study's searches: tuned.json with the winners, searches.json with the storage of each search.

tuned.json has one set of parameters for each search, with everything that decides where it may be used. It is small,
readable and sealed against edits; equal searches write equal files but for their seconds. `bench.experiments.plan`
reads it once a person has committed it. searches.json is for `bench status`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import __version__
from bench.core import PROTOCOL, BenchError, plain
from bench.experiments.search import samplers
from bench.experiments.search.optuna_storage import OptunaStorage
from bench.experiments.search.search_definition import Search
from bench.experiments.search.search_result import Candidate, SearchResult
from bench.storage import tuned_file
from bench.storage.atomic_io import disk_errors, json_checksum, write_text
from bench.storage.locks import locked
from bench.storage.tuned_file import SEARCHES


def write_tuned(
    path: Path, study: str, results: Sequence[SearchResult], storage: OptunaStorage, every: Sequence[Search] = ()
) -> dict[str, Any]:
    """Write the sets of all complete searches that have a winner; returns the content of the file.

    every: all searches of the study. Sets of an earlier file are kept for those of them that `results` lacks, for
    example because another storage holds them; without `every` none is kept.
    """
    sets = {result.search.identity: _set(result) for result in results if result.complete and result.winner}
    order = [search.identity for search in every] or list(sets)
    earlier = {entry["search"]["identity"]: entry for entry in _earlier_sets(path)} if every else {}
    sets = {**{identity: earlier[identity] for identity in order if identity in earlier}, **sets}
    searched = {*sets, *(result.search.identity for result in results if result.complete)}
    content = {
        "study": study,
        "protocol": PROTOCOL,
        "bench": __version__,
        "storage": storage.kind,
        "sets": [sets[identity] for identity in order if identity in sets],
        "not_searched": [search.label for search in every if search.identity not in searched],
    }
    content = plain(content)
    write_text(path, json.dumps({**content, "seal": json_checksum(content)}, indent=1) + "\n")
    return content


def _earlier_sets(path: Path) -> Sequence[Mapping[str, Any]]:
    """The sets of the existing file; none if it cannot be used."""
    try:
        return tuned_file.read_tuned(path)["sets"]
    except (FileNotFoundError, BenchError):
        return ()


def _set(result: SearchResult) -> dict[str, Any]:
    search, trial = result.search, result.search.trial
    return {
        "arm": search.arm,
        "method": trial.method,
        "params": result.winner.params,
        **{name: getattr(trial, name) for name in ("curriculum", "data", "split", "labels", "partition", "fold")},
        "recipe": trial.recipe,
        "candidate": result.winner.number,
        "metric": search.metric.name,
        "validation": result.winner.values["validation"],
        "defaults": _validation(result.defaults),
        "verdict": result.verdict(),
        "front": _front(result) if len(search.tuning.objectives) > 1 else [],
        "cost": {"trials": len(result.candidates), "seconds": round(result.seconds, 3), "steps": result.steps},
        "search": _provenance(result),
    }


def _provenance(result: SearchResult) -> Mapping[str, Any]:
    tuning = result.search.tuning
    return {
        "identity": result.search.identity,
        "digest": result.digest,
        **{state: result.states[state] for state in ("done", "pruned", "failed", "refused")},
        "objectives": list(tuning.objectives),
        **samplers.settings_dict(tuning),
        "versions": result.versions,
    }


def _validation(candidate: Candidate | None) -> float | None:
    return candidate.values.get("validation") if candidate else None


def _front(result: SearchResult) -> list[dict[str, Any]]:
    return [
        {"candidate": candidate.number, "params": candidate.params, "values": candidate.values}
        for candidate in result.pareto_front
    ]


def write_searches(
    folder: Path, study: str, every: Sequence[Search], current: Sequence[Search], storage: OptunaStorage, locks: Path
) -> None:
    """Write the list of all searches of a study, with storage and number of candidates of the current ones.

    folder: of the study. locks: folder of the candidates' locks. Entries of the other searches stay as they are.
    """
    with disk_errors(folder), locked(folder / ".searches.claim"):
        earlier = {row["search"]: row for row in _earlier_rows(folder)}
        running = {search.identity for search in current}
        location = {"storage": storage.absolute, "claims": str(locks.resolve())}
        rows = [
            {**_row(search), "trials": search.tuning.trials, **location}
            if search.identity in running
            else earlier.get(search.identity, {**_row(search), "trials": None})
            for search in every
        ]
        content = {"study": study, "protocol": PROTOCOL, "searches": rows}
        write_text(folder / SEARCHES, json.dumps(content, indent=1) + "\n")


def read_searches(folder: Path) -> list[dict[str, Any]]:
    """Read the list of searches in a study's folder; empty if there is none. BenchError if it cannot be read."""
    path = folder / SEARCHES
    if not path.is_file():
        return []
    try:
        content = json.loads(path.read_bytes())
        rows, _ = list(content["searches"]), [row["search"] for row in content["searches"]]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BenchError(f"cannot read {path} ({error}); delete it: `bench tune` writes a new one") from error
    return rows


def _earlier_rows(folder: Path) -> list[dict[str, Any]]:
    try:
        return read_searches(folder)
    except BenchError:
        return []


def _row(search: Search) -> dict[str, Any]:
    trial = search.trial
    place = {"arm": search.arm, "data": search.where, "partition": trial.partition, "fold": trial.fold}
    points = min(trial.recipe.points, trial.recipe.steps)
    return {"search": search.identity, "name": search.name, **place, "points": points}
