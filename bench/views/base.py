"""What a view is, and the rule for data sets of images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from torch import Tensor

VIEWS: dict[str, type[View]] = {}
PLANES = {"sagittal": 0, "coronal": 1, "axial": 2}  # plane -> the spatial axis that its slices are stacked along


@dataclass(frozen=True)
class View(ABC):
    """A pure function of one scan. Subclasses are final frozen dataclasses; their fields are the view's parameters.

    A view in two dimensions is (C, rows, columns), the two remaining axes in the order of the volume: a sagittal view
    is (y, z), a coronal one (x, z), an axial one (x, y).
    """

    kind_name: ClassVar[str]  # as `{"kind": ...}` and the command line name it
    version: ClassVar[int] = 1  # raised when the view shows the same scan differently: trials and caches know it

    def __init_subclass__(cls) -> None:
        VIEWS[cls.kind_name] = cls

    @abstractmethod
    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        """The shape after the view. shape: (C, D, H, W) of a prepared scan; spacing: millimetres along D, H, W."""

    @abstractmethod
    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        """Scans as the network sees them: (B, C, D, H, W), float or uint8, to (B, *shape), float32."""

    @abstractmethod
    def left_right(self) -> int | None:
        """The spatial axis of the result (0 is the first after the channels) that runs from left to right.

        None where it was projected away, or where turning it round would not give the view of a mirrored scan.
        """

    def keeps(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> bool:
        """Whether scans of `shape` are left as they are, so that nothing is computed and nothing is stored."""
        return False

    @classmethod
    def parse(cls, value: Any) -> View:
        """A view from its name, from `{"kind": name, parameter: value}`, or itself."""
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
    """The image itself: what every view becomes on a data set of images."""

    kind_name: ClassVar[str] = "image"

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        return shape

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        return x.float()

    def left_right(self) -> int | None:
        return 1  # the columns of a picture

    def keeps(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> bool:
        return True


def effective(view: View, shape: tuple[int, ...]) -> View:
    """The view as it is on prepared scans of `shape`: on images, (C, H, W), there is nothing to encode."""
    return view if len(shape) == 4 else Image()


def need_volumes(shape: tuple[int, ...], kind: str) -> None:
    """ValueError unless scans of `shape` are volumes, (C, D, H, W): the axes of an image would be taken for slices."""
    if len(shape) != 4:
        raise ValueError(
            f"view {kind} is of volumes (C, D, H, W), not of scans of {tuple(shape)}; an image is shown as it is"
        )


def flattened(shape: tuple[int, ...], plane: str) -> tuple[int, ...]:
    """(C, D, H, W) without the axis that the slices of `plane` are stacked along."""
    axis = 1 + PLANES[plane]
    return (*shape[:axis], *shape[axis + 1 :])


def left_right_in(plane: str) -> int | None:
    """Where the left-right axis of a volume, its first, lies in a slice of `plane`."""
    return None if plane == "sagittal" else 0
