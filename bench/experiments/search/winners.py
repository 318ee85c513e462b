"""The file of what was found: one set for each search, with all that says where it may be used.

Small and readable, sealed against changes by hand, and the same from equal searches but for their seconds.
`bench.experiments.plan` reads it once a person has committed it.
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
from bench.storage.atomic_io import seal, write_text


def write(
    path: Path, study: str, results: Sequence[SearchResult], storage: OptunaStorage, every: Sequence[Search] = ()
) -> dict[str, Any]:
    """Write the sets of all searches that came to their end and have a winner; returns what was written.

    every: all searches of the study. What an earlier file holds of those is kept where `results` have nothing of them,
    as when they are remembered in another storage; without `every` nothing is.
    """
    sets = {one.search.identity: _set(one) for one in results if one.complete and one.winner}
    order = [one.identity for one in every] or list(sets)
    kept = {one["search"]["identity"]: one for one in _earlier(path)} if every else {}
    found = {**{identity: kept[identity] for identity in order if identity in kept}, **sets}
    over = {*found, *(one.search.identity for one in results if one.complete)}
    entry = {
        "study": study,
        "protocol": PROTOCOL,
        "bench": __version__,
        "storage": storage.kind,
        "sets": [found[identity] for identity in order if identity in found],
        "not_searched": [one.place for one in every if one.identity not in over],
    }
    entry = plain(entry)
    write_text(path, json.dumps({**entry, "seal": seal(entry)}, indent=1) + "\n")
    return entry


def _earlier(path: Path) -> Sequence[Mapping[str, Any]]:
    """The sets of the file that is there; none where it cannot be used any more."""
    try:
        return tuned_file.read_tuned(path)["sets"]
    except (FileNotFoundError, BenchError):
        return ()


def _set(one: SearchResult) -> dict[str, Any]:
    search, trial = one.search, one.search.trial
    return {
        "arm": search.arm,
        "method": trial.method,
        "params": one.winner.params,
        **{name: getattr(trial, name) for name in ("curriculum", "data", "split", "labels", "partition", "fold")},
        "recipe": trial.recipe,
        "candidate": one.winner.number,
        "metric": search.metric.name,
        "validation": one.winner.values["validation"],
        "defaults": _validation(one.defaults),
        "verdict": one.verdict(),
        "front": _front(one) if len(search.tuning.objectives) > 1 else [],
        "cost": {"trials": len(one.candidates), "seconds": round(one.seconds, 3), "steps": one.steps},
        "search": _described(one),
    }


def _described(one: SearchResult) -> Mapping[str, Any]:
    tuning = one.search.tuning
    return {
        "identity": one.search.identity,
        "digest": one.digest,
        **{state: one.states[state] for state in ("done", "pruned", "failed", "refused")},
        "objectives": list(tuning.objectives),
        **samplers.told(tuning),
        "versions": one.versions,
    }


def _validation(one: Candidate | None) -> float | None:
    return one.values.get("validation") if one else None


def _front(one: SearchResult) -> list[dict[str, Any]]:
    return [{"candidate": each.number, "params": each.params, "values": each.values} for each in one.front]
