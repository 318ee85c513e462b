"""The base class of views, and the view of data sets of images."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from bench.views.image_size import call_of_size, keeps_of_size, shape_of_size

if TYPE_CHECKING:
    from torch import Tensor

SIZE = {"meaning": "images: pixels of the longer side, resized after the view; 0: as they are", "later": True}
RESIZED = {"shape": shape_of_size, "__call__": call_of_size, "keeps": keeps_of_size}  # methods that `size` changes
VIEWS: dict[str, type[View]] = {}
PLANES = {"sagittal": 0, "coronal": 1, "axial": 2}  # plane -> the spatial axis that its slices are stacked along


@dataclass(frozen=True)
class View(ABC):
    """Base class of views: how a scan is presented to a network, as a pure function of one scan.

    Subclasses are final frozen dataclasses; their fields are the parameters of the view. All views of
    images have the parameter `size` too, and need not know of it. A view in two dimensions is
    (C, rows, columns), the two remaining axes in the order of the volume: a sagittal view is (y, z), a coronal one
    (x, z), an axial one (x, y).
    """

    kind_name: ClassVar[str]  # name in `{"kind": ...}` and on the command line
    version: ClassVar[int] = 1  # increase it when the output changes; part of trial keys and cache keys

    size: int = field(default=0, kw_only=True, metadata=SIZE)

    def __init_subclass__(cls) -> None:
        from bench.core import BenchError

        if not hasattr(cls, "kind_name"):
            raise BenchError(f"the view {cls.__qualname__} has no `kind_name`; define one in the class")
        known = VIEWS.get(cls.kind_name, cls)
        same = (known.__module__, known.__qualname__) == (cls.__module__, cls.__qualname__)  # its file is read again
        if not same and known.__module__ in sys.modules:
            raise BenchError(
                f"the view {cls.__qualname__} has the `kind_name` {cls.kind_name!r} of {known.__module__}."
                f"{known.__qualname__}; give it another one"
            )
        for name, wrap in RESIZED.items():
            if name in vars(cls):
                setattr(cls, name, wrap(vars(cls)[name]))
        VIEWS[cls.kind_name] = cls

    @abstractmethod
    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        """Return the shape of a scan after the view.

        Parameters
        ----------
        shape : tuple of int
            (C, D, H, W) of a prepared scan.
        spacing : tuple of float
            Millimetres along D, H, W.

        Returns
        -------
        tuple of int
            (C', rows, columns) or (C', D', H', W').

        Raises
        ------
        ValueError
            If the scan is not a volume.
        """

    @abstractmethod
    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        """Compute the view.

        Parameters
        ----------
        x : Tensor of shape (B, C, D, H, W)
            Prepared scans, float or uint8.
        spacing : tuple of float
            Millimetres along D, H, W.

        Returns
        -------
        Tensor of shape (B, *shape)
            float32.
        """

    @abstractmethod
    def left_right(self) -> int | None:
        """Return the spatial axis of the result that runs from left to right; 0 is the first after the channels.

        None if the axis was projected away, or if flipping it does not give the view of a mirrored scan.
        """

    def keeps(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> bool:
        """Return whether scans of `shape` are unchanged by the view, so that nothing is computed or stored."""
        return False

    @classmethod
    def parse(cls, value: Any) -> View:
        """Return a view from its name, from `{"kind": name, parameter: value}`, or unchanged if it is one.

        Raises
        ------
        BenchError
            If there is no such view or parameter.
        """
        from bench.core import BenchError
        from bench.registry import construct, did_you_mean

        if isinstance(value, View):
            return value
        entry = dict(value) if isinstance(value, Mapping) else {"kind": value}
        kind, _ = entry.pop("kind", None), entry.pop("version", None)
        if kind not in VIEWS:
            raise BenchError(f"no view {kind!r}; {did_you_mean(str(kind), VIEWS)}")
        return construct(VIEWS[kind], entry, f"view {kind}")


@dataclass(frozen=True)
class Image(View):
    """The image itself: replaces every view on a data set of images."""

    kind_name: ClassVar[str] = "image"

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        return shape

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        return x.float()

    def left_right(self) -> int | None:
        return 1  # the columns of an image

    def keeps(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> bool:
        return True


def effective(view: View, shape: tuple[int, ...]) -> View:
    """Return the view that is used on prepared scans of `shape`: on images, (C, H, W), it is `Image` with its size."""
    return view if len(shape) == 4 else Image(size=view.size)


def require_volumes(shape: tuple[int, ...], kind: str) -> None:
    """Raise ValueError unless scans of `shape` are volumes, (C, D, H, W): an image has no slices."""
    if len(shape) != 4:
        raise ValueError(f"view {kind} needs volumes (C, D, H, W), not scans of {tuple(shape)}; images need no view")


def slice_shape(shape: tuple[int, ...], plane: str) -> tuple[int, ...]:
    """(C, D, H, W) without the axis that the slices of `plane` are stacked along."""
    axis = 1 + PLANES[plane]
    return (*shape[:axis], *shape[axis + 1 :])


def left_right_axis(plane: str) -> int | None:
    """The left-right axis of a slice of `plane` (0: rows); None for sagittal slices, which have none."""
    return None if plane == "sagittal" else 0
