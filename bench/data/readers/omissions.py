"""Log what readers leave out while a data set lists its samples: files and rows, each with the reason.

Readers call `omit`; preparation collects the calls in an `omission_log` and reports them. Without a log nothing is
recorded, so readers work alone too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class OmissionLog:
    """Files and rows that were left out, tables that were read, and labels that are known; filled while it is open."""

    omitted: dict[tuple[str, str], Path | None] = field(default_factory=dict)  # (reason, name) -> file; None: a row
    tables: set[Path] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)  # texts that a data set has mapped to a class


_LOG: ContextVar[OmissionLog | None] = ContextVar("omission_log", default=None)


@contextmanager
def omission_log() -> Iterator[OmissionLog]:
    """Open a log: what readers leave out inside of the `with` block is recorded in it."""
    log = OmissionLog()
    token = _LOG.set(log)
    try:
        yield log
    finally:
        _LOG.reset(token)


def omit(reason: str, name: str, path: Path | None = None) -> None:
    """Record a file or row that is left out. reason: a noun in the plural, as `scans without an age`."""
    if (log := _LOG.get()) is not None:
        log.omitted[reason, name] = path


def log_table(path: Path) -> None:
    """Record that a table was read."""
    if (log := _LOG.get()) is not None:
        log.tables.add(path)


def log_label(text: str) -> None:
    """Record that a data set knows this label, even if it is not the name of its class."""
    if (log := _LOG.get()) is not None:
        log.labels.add(text)
