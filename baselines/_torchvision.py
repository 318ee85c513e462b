"""Workaround for importing torchvision beside another build of torch than it was compiled for.

timm imports torchvision. The torchvision of the package index is compiled against one build of torch; with another (the
CPU build, say) its compiled operators do not load, and importing it raises "operator torchvision::nms does not exist".
No method here uses those operators, so declaring the missing ones is enough.
"""

from __future__ import annotations

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_kept: list = []  # keeps the torch library alive: garbage collection would remove its operators


def mend_torchvision() -> bool:
    """Make `import torchvision`, and so `import timm`, work; True if it was broken. Call before importing timm."""
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _declare()
        import torchvision  # noqa: F401

        return True
    return False


def _declare() -> None:
    """Declare the missing operators without code: calling one raises an error."""
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    _kept.append(library)
