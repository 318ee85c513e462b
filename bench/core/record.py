"""The record of a trial: its scores, costs and errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.core.trial import Trial


@dataclass(frozen=True)
class Record:
    """The result of a trial.

    Attributes
    ----------
    trial : Trial
        The trial.
    status : {"done", "failed", "refused"}
        "failed": an error of the run. "refused": the method does not support the task.
    metrics : mapping
        "selected", "last", "validation" and "audit", then the value of each metric.
    curve : sequence of mapping
        A row per evaluation point.
    resolved : mapping of str to object
        Settings that were determined during the run.
    sizes : mapping of str to int
        Number of scans of each part, and so on.
    cost : mapping of str to float or None
        Times in seconds, memory and operations; None if a cost was not measured.
    provenance : mapping of str to object
        Code, libraries and device of the run.
    error : mapping of str to str
        "kind", "message" and "traceback" of a failed trial.
    files : mapping of str to str
        Name of each file beside the record, then its SHA-256.
    """

    trial: Trial
    status: str
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    curve: Sequence[Mapping[str, Any]] = ()
    resolved: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    cost: Mapping[str, float | None] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Record:
        """Create a record from its JSON.

        Parameters
        ----------
        entry : mapping
            The record in plain values.

        Returns
        -------
        Record
            The record.

        Raises
        ------
        KeyError, TypeError
            If a field is missing, or the trial has an unknown one.
        """
        return cls(**{**{f.name: entry[f.name] for f in dataclasses.fields(cls)}, "trial": Trial.parse(entry["trial"])})
