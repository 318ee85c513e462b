"""Why a method cannot do a task: its kind, the number of spatial axes, or what the method says itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.core import Task, task_kind
from bench.core.task_kinds import BUILT_IN
from bench.views import effective

if TYPE_CHECKING:
    from bench.method.base_method import Method


def why_refused(method: Method, task: Task, shape: tuple[int, ...]) -> str | None:
    """Return why a method cannot do a task on scans of a shape: its kind, or what `Method.refuses` says.

    Parameters
    ----------
    method : Method
    task : Task
        The task of the data set.
    shape : tuple of int
        Shape of a prepared scan, before the view.

    Returns
    -------
    str or None
        The reason, as a clause for a sentence; None if it can.
    """
    if task.kind in method.kinds:
        return method.refuses(task, shape)
    needed = task_kind(task.kind).unfit or f"it is made for {' and '.join(method.kinds)}"
    return (
        f"{needed}; methods for {task.kind}: see bench list methods"
        if task.kind not in BUILT_IN
        else (f"it is made for {' and '.join(method.kinds)}, and this task is {task.kind}")
    )


def why_unsupported(method: Method, task: Task, shape: tuple[int, ...], axes: tuple[int, ...]) -> str | None:
    """Return why a classifier or regressor does not support a task and a shape, or None if it does.

    Parameters
    ----------
    method : Method
        The method; its view decides how many spatial axes the network reads.
    task : Task
        The task of the data set.
    shape : tuple of int
        Shape of a prepared scan, before the view.
    axes : tuple of int
        Numbers of spatial axes that the network reads: 2, 3 or both.

    Returns
    -------
    str or None
        The reason, as `Method.refuses` returns it.
    """
    if task.kind == "segmentation":
        return "it predicts one class or number for a scan, not a mask"
    view = method.view_for(task)
    spatial = len(effective(view, shape).shape(shape, (1.0,) * (len(shape) - 1))) - 1
    if spatial in axes:
        return None
    if len(shape) == 3:
        return "it reads volumes, but this data set has images"
    return f"it reads {axes[0]}D scans, but its view ({view.kind_name}) gives {spatial}D ones"


unfit = why_unsupported  # deprecated name
