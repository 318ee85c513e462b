"""The searches of a study on disk, for the status: which there are, and where each is remembered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.core import PROTOCOL, BenchError
from bench.experiments.search.optuna_storage import OptunaStorage
from bench.experiments.search.search_definition import Search
from bench.storage.atomic_io import storing, write_text
from bench.storage.locks import claimed
from bench.storage.tuned_file import SEARCHES


def write(
    folder: Path, study: str, every: Sequence[Search], asked: Sequence[Search], storage: OptunaStorage, claims: Path
) -> None:
    """Write down all searches of a study, and for those that are asked for now their number and place.

    folder: of the study. claims: of whoever is at a candidate. What was said earlier of the other searches stays.
    """
    with storing(folder), claimed(folder / ".searches.claim"):
        earlier = {one["search"]: one for one in _earlier(folder)}
        now = {one.identity for one in asked}
        where = {"storage": storage.absolute, "claims": str(claims.resolve())}
        rows = [
            {**_row(one), "trials": one.tuning.trials, **where}
            if one.identity in now
            else earlier.get(one.identity, {**_row(one), "trials": None})
            for one in every
        ]
        entry = {"study": study, "protocol": PROTOCOL, "searches": rows}
        write_text(folder / SEARCHES, json.dumps(entry, indent=1) + "\n")


def read(folder: Path) -> list[dict[str, Any]]:
    """The searches that a study's folder tells of; none where it tells of none. BenchError where it cannot be read."""
    path = folder / SEARCHES
    if not path.is_file():
        return []
    try:
        entry = json.loads(path.read_bytes())
        rows, _ = list(entry["searches"]), [one["search"] for one in entry["searches"]]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BenchError(f"{path} cannot be read ({error}); remove it: `bench tune` writes it anew") from error
    return rows


def _earlier(folder: Path) -> list[dict[str, Any]]:
    try:
        return read(folder)
    except BenchError:
        return []


def _row(one: Search) -> dict[str, Any]:
    trial = one.trial
    place = {"arm": one.arm, "data": trial.where, "partition": trial.partition, "fold": trial.fold}
    points = min(trial.recipe.points, trial.recipe.steps)
    return {"search": one.identity, "name": one.name, **place, "points": points}
