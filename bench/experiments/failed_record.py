"""The record of a trial that an error ended."""

from __future__ import annotations

import traceback

import torch

from bench.core import Record, Trial


def failed(trial: Trial, error: BaseException) -> Record:
    """The record of a trial that an error ended."""
    text = str(error)
    starved = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in text
    kind = "out of memory" if starved else type(error).__name__
    trace = "".join(traceback.format_exception(error))
    return Record(trial, "failed", error={"kind": kind, "message": text, "traceback": trace})
