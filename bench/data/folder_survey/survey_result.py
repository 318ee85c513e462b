"""What a survey of a folder has found: the template of a data set, its values, and the same in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FolderSurvey:
    """The data set that a folder could be."""

    template: str  # bids, caps, image or volume
    values: Mapping[str, str]  # of the template, as Python text
    found: tuple[str, ...]
    unknown: tuple[str, ...]  # what the files do not say, and what to check


def metric_of(classes: int) -> str:
    """The primary metric of a classification."""
    return "auc" if classes == 2 else "balanced_accuracy"


def literal(texts: tuple[str, ...]) -> str:
    """A tuple of texts as Python writes it, with double quotes."""
    return f"({', '.join(quoted(text) for text in texts)}{',' if len(texts) == 1 else ''})"


def quoted(text: str) -> str:
    """A text in double quotes, as Python reads it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
