"""Cost of a network for the scans of a data set, prepared or not: its card states their shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.core import BenchError

if TYPE_CHECKING:
    from bench.core import Dataset
    from bench.method import Method


def input_shape(method: Method, dataset: Dataset) -> tuple[int, ...]:
    """The shape that the network reads of a scan: (C, D, H, W), or (C, H, W) where the view makes an image of it."""
    from bench.views import effective

    view = effective(method.view_for(dataset.task), dataset.shape)
    return tuple(view.shape(dataset.shape, dataset.spacing))


def measure_on(method: Method, dataset: Dataset) -> dict[str, Any]:
    """Shape that the network reads, its parameters, and forward operations of a scan.

    BenchError if the method refuses the data set, or its network cannot be built.
    """
    from bench.training.model_cost import measure

    if reason := method.refuses(dataset.task, dataset.shape):
        raise BenchError(reason)
    shape = input_shape(method, dataset)
    return {"shape": shape, **measure(method, dataset.task, shape)}
