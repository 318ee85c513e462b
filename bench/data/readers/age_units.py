"""Units of ages from the JSON file beside a table (BIDS: participants.json, `Units`), as factors to years."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

YEARS = {
    **dict.fromkeys(("", "n/a", "a", "y", "yr", "yrs", "year", "years", "years old", "age in years"), 1.0),
    **dict.fromkeys(("mo", "month", "months"), 1 / 12),
    **dict.fromkeys(("wk", "week", "weeks"), 7 / 365.25),
    **dict.fromkeys(("d", "day", "days"), 1 / 365.25),
}


def age_factors(table: Path, columns: Sequence[str]) -> tuple[dict[str, float], dict[str, str]]:
    """Age column -> factor to years if it is not 1, and column -> why its unit cannot be used.

    A column is one of ages if its name is `age` or begins with it, as `age_at_scan`.
    Without a JSON file, or without a unit in it, ages are years.
    """
    ages = [column for column in columns if re.match(r"age(?![a-z])", column.lower())]
    sidecar = next((path for path in _sidecars(table) if path.is_file()), None)
    if not ages or sidecar is None:
        return {}, {}
    try:
        described = json.loads(sidecar.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        fault = f"{sidecar.name}, which states the units, is not a readable JSON file; correct it, or remove it"
        return {}, dict.fromkeys(ages, fault)
    units = {column: _unit(described, column) for column in ages}
    known = {column: YEARS[unit] for column, unit in units.items() if unit in YEARS}
    faults = {
        column: f"{sidecar.name} gives {column} in {unit[:40]!r}; known units: years, months, weeks, days"
        for column, unit in units.items()
        if unit not in YEARS
    }
    return {column: factor for column, factor in known.items() if factor != 1}, faults


def _sidecars(table: Path) -> list[Path]:
    """The JSON files that may describe a table: its own, and for the sessions of a person the one at the root."""
    shared = [table.parent.parent / "sessions.json"] if table.name.endswith("_sessions.tsv") else []
    return [table.with_suffix(".json"), *shared]


def _unit(described: object, column: str) -> str:
    entry = described.get(column) if isinstance(described, Mapping) else None
    keys = [key for key in entry if key.lower() in ("unit", "units")] if isinstance(entry, Mapping) else []
    return " ".join(str(entry[keys[0]] or "").lower().split()) if keys else ""
