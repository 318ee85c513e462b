"""Layouts of published checkpoints: how to recognise them, what their tensors are called here, which arm reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.weights.dinov3_layouts import DINOV3
from bench.weights.efficient_layout import EFFICIENT
from bench.weights.hugging_face_layouts import HUGGING_FACE
from bench.weights.image_layouts import IMAGES
from bench.weights.layout import Layout, State, part
from bench.weights.torchvision_layouts import TORCHVISION
from bench.weights.volume_layouts import VOLUMES

if TYPE_CHECKING:
    from torch import Tensor

LAYOUTS: tuple[Layout, ...] = (  # the first that matches is used
    *(*VOLUMES, *IMAGES, *TORCHVISION),
    *(EFFICIENT, HUGGING_FACE, *DINOV3),
)
PREFIXES = (  # of Lightning, SimCLR, MoCo and other trainings, the usual ones first
    *("model.", "backbone.", "encoder.", "encoder_q.", "net.", "network.", "student.", "teacher.", "base_encoder."),
    *("model.backbone.", "model.encoder.", "student.backbone.", "teacher.backbone.", "online_encoder.net.", "vit."),
    *("dinov2.", "dinov2_with_registers."),
)


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


def unwrapped(state: Mapping[str, Tensor]) -> State:
    """Return the tensors of the part of a file whose layout is recognised.

    Parameters
    ----------
    state : mapping of str to Tensor
        The tensors of a file by name. Those of a training may have a prefix, with a projector or a queue beside them.

    Returns
    -------
    mapping of str to Tensor
        The tensors below the first usual prefix that have a layout, without it; all of them if they have one, or if no
        part has.
    """
    if recognised(state):
        return state
    parts = (part(state, prefix) for prefix in PREFIXES)
    return next((each for each in parts if each and recognised(each)), state)
