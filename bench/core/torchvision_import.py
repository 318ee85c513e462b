"""Lets torchvision be imported beside another build of torch than it was compiled for.

timm imports torchvision. The torchvision of the package index is compiled against one build of torch; with another (the
CPU build, say) its compiled operators do not load, and importing it raises "operator torchvision::nms does not exist".
No method here uses those operators, so declaring the missing ones is enough.

`import bench` installs a finder that uses this, so that plug-ins and notebooks can import timm as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_NAME = "torchvision"
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_kept: list = []  # keeps the torch library alive: garbage collection would remove its operators


def mending_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
    """Specification of torchvision that imports it also where its operators do not load.

    Parameters
    ----------
    name : str
        Import name of torchvision.
    path : sequence of str or None
        Folders to search; None: `sys.path`.
    target : module, optional
        Module that is reloaded.

    Returns
    -------
    ModuleSpec or None
        None if torchvision is not installed.
    """
    spec = PathFinder.find_spec(name, path, target)
    if spec is not None and spec.loader is not None:
        spec.loader = _MendingLoader(spec.loader)
    return spec


def mend_torchvision() -> None:
    """Do what `import bench` has done already: older plug-ins call it before they import timm."""


class _MendingLoader(Loader):
    """Loads torchvision, a second time if an operator was missing, which is then declared."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        try:
            self._loader.exec_module(module)
        except RuntimeError as error:
            if f"{_NAME}::" not in str(error):
                raise
            _declare()
            self._loader.exec_module(module)


def _declare() -> None:
    """Declare the missing operators without code: calling one raises an error."""
    import torch

    library = torch.library.Library(_NAME, "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    _kept.append(library)
