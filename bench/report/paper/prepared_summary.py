"""What the preparation of a data set on this machine tells of it, without any single person."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.core import BenchError
from bench.report.tables.number_format import plural


@dataclass(frozen=True)
class PreparedSummary:
    """A prepared data set in numbers.

    Attributes
    ----------
    steps : mapping of str to str
        Orientation, spacing, resampling and intensity: what was done to each scan.
    counts : mapping of str to int
        `samples` (scans), `groups` (people), and scans of each class.
    exclusions : tuple of str
        What was left out, with numbers and reasons.
    covariates : tuple of (str, int, str)
        Name, number of scans with a value, and mean and deviation, or the number of different values.
    sites : int
        Number of sites; 0 if they are not known.
    """

    steps: Mapping[str, str]
    counts: Mapping[str, int]
    exclusions: tuple[str, ...]
    covariates: tuple[tuple[str, int, str], ...]
    sites: int


def prepared_summary(name: str, params: Mapping[str, Any], fingerprint: str) -> PreparedSummary | None:
    """The summary of a prepared data set; None if it is not prepared here, or its scans are not those of the study."""
    from bench.data.prepare import open_prepared

    try:
        prepared = open_prepared(name, params)
    except BenchError:
        return None
    if prepared is None or prepared.fingerprint != fingerprint:
        return None
    manifest = prepared.manifest
    return PreparedSummary(
        manifest.get("done", {}),
        manifest.get("found", {}),
        tuple(_exclusions(manifest)),
        tuple(_covariate(column, values) for column, values in prepared.covariates.items()),
        len({site for site in prepared.sites if site}),
    )


def _exclusions(manifest: Mapping[str, Any]) -> list[str]:
    words = list(manifest.get("notes", ()))
    left_out = (manifest.get("accounting") or {}).get("left_out", {}).get("scans", {})
    return words + [f"{plural(count, 'scan')} left out: {reason}" for reason, count in left_out.items()]


def _covariate(name: str, values: Sequence[Any]) -> tuple[str, int, str]:
    known = [value for value in values if value is not None and not (isinstance(value, float) and math.isnan(value))]
    numbers = [float(value) for value in known if isinstance(value, int | float) and not isinstance(value, bool)]
    if numbers and len(numbers) == len(known):
        deviation = statistics.stdev(numbers) if len(numbers) > 1 else 0.0
        return name, len(known), f"mean {statistics.fmean(numbers):.4g}, SD {deviation:.4g}"
    return name, len(known), plural(len(set(map(str, known))), "different value")
