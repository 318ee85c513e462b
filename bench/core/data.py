"""What is studied: the task, the scan, the sample, the data set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bench.core.errors import BenchError

if TYPE_CHECKING:
    import numpy as np

KINDS = ("classification", "segmentation", "regression")


@dataclass(frozen=True)
class Task:
    """What is predicted, and the metric (a name in `bench.evaluation.metrics`) that judges it."""

    kind: str  # one of KINDS
    primary: str
    classes: tuple[str, ...] = ()  # in the order of the class indices; background first in segmentation
    unit: str = ""  # of the number predicted

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BenchError(f"no kind of task {self.kind!r}; there are {', '.join(KINDS)}")

    @property
    def outputs(self) -> int:
        """How many numbers a network gives for a scan (or for a voxel)."""
        return len(self.classes) if self.kind != "regression" else 1


@dataclass(frozen=True)
class Scan:
    """A scan in memory. image: (C, D, H, W) or (C, H, W), first axes left-right, posterior-anterior, inferior-superior.

    spacing: millimetres along the spatial axes. mask: class indices, shape of the spatial axes, or None. affine: where
    the voxels of a volume lie in the scanner's or the template's millimetres, (4, 4); None where nobody knows.
    """

    image: np.ndarray
    spacing: tuple[float, ...]
    mask: np.ndarray | None = None
    affine: np.ndarray | None = None


@dataclass(frozen=True)
class Sample:
    """One scan: its row in the index and how to read it."""

    id: str
    group: str  # what no split may divide: a person, the original of augmented copies
    target: float  # class index or number; NaN where the target is a mask
    stratum: str  # what every fold holds in the same proportion
    read: Callable[[], Scan]
    site: str = ""
    files: tuple[Path, ...] = ()  # what `read` reads, for checksums
    covariates: Mapping[str, Any] = field(default_factory=dict)  # age, sex: kept in the index, never given to a method
    part: str = ""  # of the publisher's own split, `train` or `test`; empty where there is none


class Dataset(ABC):
    """A task and its scans. Subclasses are final frozen dataclasses; their fields are the data set's parameters."""

    version: ClassVar[int] = 1  # raised when the scans, their labels or their preparation change
    title: ClassVar[str]
    source: ClassVar[str]  # where it is published, and how to obtain it
    licence: ClassVar[str]
    citation: ClassVar[str]
    layout: ClassVar[str]  # the files that `samples` expects under its root
    phantom: ClassVar[bool] = False  # made by a program: needs no root, and never shares a row with real data
    twin: ClassVar[str | None] = None  # the phantom that stands in where this set is not at hand
    expected: ClassVar[Mapping[str, int]] = {}  # what a full copy holds: samples, groups, and samples of each class
    resampling: ClassVar[str] = "none: scans are cropped or padded to the grid"  # what `read` does to bring them there
    belong: ClassVar[str] = "exact"  # what preparation puts into one group: equal scans; `alike` images; `heads`
    label_maps: ClassVar[Mapping[str, Mapping[str, str]]] = {}  # data set -> class of this one -> class of that one
    task: ClassVar[Task]

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Of every prepared scan: (C, D, H, W), or (C, H, W) for images."""

    @property
    @abstractmethod
    def spacing(self) -> tuple[float, ...]:
        """Millimetres along the spatial axes of every prepared scan."""

    @abstractmethod
    def samples(self, root: Path | None) -> Sequence[Sample]:
        """Every scan of the set under `root` (None for a phantom), in a fixed order. Reads tables, no images.

        BenchError where the layout is not the expected one: what was found, what is expected.
        """

    def notes(self, root: Path | None) -> Sequence[str]:
        """What is to be known of the files under `root` beside their scans: who was left out of the tables, and why."""
        return ()

    def truth(self) -> np.ndarray | None:
        """Where the signal is: (D, H, W) in [0, 1] on the prepared grid, for phantoms; None where nobody knows."""
        return None
