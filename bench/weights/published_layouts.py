"""Layouts of published checkpoints: how to recognise them, what their tensors are called here, which arm reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.weights.efficient_layout import EFFICIENT
from bench.weights.image_layouts import IMAGES
from bench.weights.layout import Layout
from bench.weights.volume_layouts import VOLUMES

if TYPE_CHECKING:
    from torch import Tensor

LAYOUTS: tuple[Layout, ...] = (*VOLUMES, *IMAGES, EFFICIENT)  # the first that matches is used


def recognised(state: Mapping[str, Tensor]) -> Layout | None:
    """Return the layout of a checkpoint.

    Parameters
    ----------
    state : mapping of str to Tensor
        The tensors of a network by name.

    Returns
    -------
    Layout or None
        The first that matches; None if none does.
    """
    return next((layout for layout in LAYOUTS if layout.matches(state)), None)
