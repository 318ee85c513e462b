"""Reads the files that a search leaves in a study's folder: tuned parameters, sealed against changes by hand."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.core import PROTOCOL, BenchError
from bench.storage.atomic_io import read_sealed_json

FILE = "tuned.json"  # in the folder of the study that was searched
SEARCHES = "searches.json"  # in the same folder: the requested searches, and where their candidates are stored


def read_tuned(path: Path) -> dict[str, Any]:
    """The content of a file of tuned parameters. BenchError if it was changed or was made under another protocol."""
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, _: int) -> dict[str, Any]:
    try:
        entry = read_sealed_json(path)
        made_under, _ = entry["protocol"], [one["params"] for one in entry["sets"]]
    except (ValueError, LookupError, TypeError) as error:
        raise BenchError(f"{path} is not what `bench tune` wrote ({error}); commit its file again") from error
    if made_under != PROTOCOL:
        raise BenchError(
            f"{path} was written under protocol {made_under}, this is protocol {PROTOCOL}: run the search again"
        )
    return entry
