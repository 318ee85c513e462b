"""Kinds of task: what their targets and their answers are. A kind can be a plug-in's business.

`classification`, `regression` and `segmentation` are built in: the harness itself knows how they are loaded, learnt and
judged. Every other kind brings functions for that: `TaskKind` is all that the harness asks of it. A file that defines a
data set of a new kind passes it to its task: `Task(MY_KIND, "my_metric")`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.core.errors import BenchError


@dataclass(frozen=True, eq=False)
class TaskKind:
    """A kind of task.

    Attributes
    ----------
    name : str
        As in `Task.kind` and in the `kind` of its metrics.
    per_voxel : bool
        Whether the targets are label maps and the answers have the size of a scan. Records then have the scores of the
        scans, not the answers.
    outputs : callable or None
        A function of the task: the channels of the network's output. None: one for each class.
    sample_shape : callable or None
        A function of the shape of a prepared scan: the shape of what a network reads. None: the same.
    units : callable or None
        A function (groups, clusters, sites) of the scans of a data set, each of length N: the groups that no split
        divides and that statistics count, of length N. None: the groups of the data set.
    part : callable or None
        A function (prepared, array, rows, normaliser, device, training) that returns a
        `bench.data.loader.Part`. None: every scan is a sample.
    losses : callable or None
        A function (outputs (B, outputs, ...), batch): the losses of the samples, (B,).
    predictions : callable or None
        A function of the outputs, a tensor (N, outputs, ...): the predictions that metrics get, an array (N, ...).
    misfit : callable or None
        A function of targets and predictions: why they do not fit each other; None if they do.
    examples : callable or None
        A function of the task: an iterator over (description, targets, predictions), on which metrics are tried.
    saved : callable or None
        A function (task, targets, predictions, spacing): further arrays by name that are stored with a record.
    labels_judge : bool
        Whether classes only judge answers, so that a network can be tested on a data set with other classes; a method
        that learns from them says so by `learns_label_maps`.
    counted : tuple of str
        What statistics count, one and several of them: the words of captions.
    unfit : str
        Why a method that is not made for it cannot do it, as a clause for a sentence.
    """

    name: str
    per_voxel: bool = False
    outputs: Callable[[Any], int] | None = None
    sample_shape: Callable[[tuple[int, ...]], tuple[int, ...]] | None = None
    units: Callable[[Sequence[str], Sequence[str], Sequence[str]], tuple[str, ...]] | None = None
    part: Callable[..., Any] | None = None
    losses: Callable[..., Any] | None = None
    predictions: Callable[..., Any] | None = None
    misfit: Callable[..., str | None] | None = None
    examples: Callable[..., Any] | None = None
    saved: Callable[..., Any] | None = None
    labels_judge: bool = False
    counted: tuple[str, str] = ("person", "people")
    unfit: str = ""

    def shape_of_sample(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of what a network reads, from that of a scan after the view, (C, ...)."""
        return self.sample_shape(tuple(shape)) if self.sample_shape else tuple(shape)


BUILT_IN = ("classification", "segmentation", "regression")
_KINDS: dict[str, TaskKind] = {
    "classification": TaskKind("classification"),
    "segmentation": TaskKind("segmentation", per_voxel=True),
    "regression": TaskKind("regression", outputs=lambda task: 1),
}
_SEARCHES: list[Callable[[], object]] = []  # each loads files that may define kinds
_searching: list[bool] = []


def define_kind(kind: TaskKind) -> str:
    """Make a kind known by its name, and return the name; a later one of that name replaces it.

    Parameters
    ----------
    kind : TaskKind

    Returns
    -------
    str
        Its name.

    Raises
    ------
    BenchError
        If its name is that of a built-in kind.
    """
    if kind.name in BUILT_IN:
        raise BenchError(f"the kind of task {kind.name!r} is built in; give the new one another name")
    _KINDS[kind.name] = kind
    return kind.name


def add_search(load: Callable[[], object]) -> None:
    """Add a function that loads every file that may define kinds; it is called if a kind is not known yet.

    Parameters
    ----------
    load : callable
        Without arguments; its result is not used.
    """
    _SEARCHES.append(load)


def kind_names() -> tuple[str, ...]:
    """The names of the kinds that are known now.

    Returns
    -------
    tuple of str
        The built-in ones first.
    """
    return tuple(_KINDS)


def task_kind(name: str) -> TaskKind:
    """Look up a kind of task.

    Parameters
    ----------
    name : str

    Returns
    -------
    TaskKind

    Raises
    ------
    BenchError
        If there is no such kind.
    """
    if name not in _KINDS and not _searching:
        _searching.append(True)
        try:
            for load in _SEARCHES:
                load()
        finally:
            _searching.clear()
    if name not in _KINDS:
        raise BenchError(f"no kind of task {name!r}; there are {', '.join(_KINDS)}")
    return _KINDS[name]
