"""What is studied: tasks, scans, samples and data sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bench.core.task_kinds import BUILT_IN, TaskKind, define_kind, task_kind

if TYPE_CHECKING:
    import numpy as np

KINDS = BUILT_IN


@dataclass(frozen=True)
class Task:
    """What is predicted, and the metric that judges it.

    Attributes
    ----------
    kind : str or TaskKind
        Kind of task: `classification`, `segmentation`, `regression`, or another one, by name or as an object, which is
        then known by its name.
    primary : str
        Name of the primary metric in `bench.evaluation.metrics`.
    classes : tuple of str
        Names in the order of the class indices; the background comes first in segmentation. Empty for regression.
    unit : str
        Unit of the predicted number.

    Raises
    ------
    BenchError
        If there is no such kind.
    """

    kind: str
    primary: str
    classes: tuple[str, ...] = ()
    unit: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.kind, TaskKind):
            object.__setattr__(self, "kind", define_kind(self.kind))
        task_kind(self.kind)

    @property
    def outputs(self) -> int:
        """Number of values that a network predicts for a scan, or for a voxel in segmentation.

        Returns
        -------
        int
            The number of classes; 1 for regression; what another kind of task says.
        """
        count = task_kind(self.kind).outputs
        return count(self) if count else len(self.classes)

    @property
    def per_voxel(self) -> bool:
        """Whether the targets are label maps, not a class or number of the scan.

        Returns
        -------
        bool
            True for segmentation.
        """
        return task_kind(self.kind).per_voxel


PRETEXT = Task("regression", "mae", unit="loss")  # of a pretraining without labels: its own loss, to be small


@dataclass(frozen=True)
class Scan:
    """A scan in memory.

    Attributes
    ----------
    image : ndarray
        Shape (C, D, H, W), or (C, H, W) for an image. The spatial axes of a volume run from left to right, from
        posterior to anterior and from inferior to superior.
    spacing : tuple of float
        Voxel size along the spatial axes, in millimetres.
    mask : ndarray or None
        Class indices in the shape of the spatial axes.
    affine : ndarray or None
        Shape (4, 4): from voxel indices of a volume to millimetres in the space of the scanner or the template. None if
        it is unknown.
    notes : tuple of str
        What users should know about the file, for example that its header contradicts itself. Preparation reports them.
    """

    image: np.ndarray
    spacing: tuple[float, ...]
    mask: np.ndarray | None = None
    affine: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """One scan of a data set: its row in the index, and how to read it.

    Attributes
    ----------
    id : str
        Unique name of the scan.
    group : str
        What no split divides: a person, or the original of augmented copies.
    target : float
        Class index or number; NaN if the target is a mask.
    stratum : str
        Property that every fold has in the same proportion.
    read : callable
        Returns the `Scan`.
    site : str
        Where the scan was acquired.
    files : tuple of Path
        Files that `read` opens; their checksums are stored.
    covariates : mapping of str to object
        Age, sex and so on. They are stored in the index. No method gets them, except that the floor `covariates` gets
        those that the data set declares as `floor_covariates`.
    part : {"", "train", "test"}
        Part of the publisher's own split; empty if there is none.
    """

    id: str
    group: str
    target: float
    stratum: str
    read: Callable[[], Scan]
    site: str = ""
    files: tuple[Path, ...] = ()
    covariates: Mapping[str, Any] = field(default_factory=dict)
    part: str = ""


class Dataset(ABC):
    """A task and its scans.

    Subclasses are final frozen dataclasses whose fields are the parameters of the data set.

    Attributes
    ----------
    version : int
        Raised when the scans, their labels or their preparation change.
    title : str
        Full name.
    source : str
        Where the data are published, and how to obtain them.
    licence : str
        Terms of use.
    citation : str
        Publication to cite.
    layout : str
        Files that `samples` expects under its root.
    phantom : bool
        Whether a program generates the scans. A phantom needs no root, and never shares a table row with real data.
    twin : str or None
        Name of the phantom that replaces this data set where it is not prepared.
    expected : mapping of str to int
        Contents of a complete copy: number of samples, of groups, and of samples per class.
    resampling : str
        How `read` brings scans to the grid.
    belong : {"exact", "alike", "heads"}
        Which scans preparation puts into one group: equal scans, scans that look like one person's, or all slices of
        one head. Scans of different groups that look like one person's stop the preparation otherwise.
    floor_covariates : tuple of str
        Covariates that may predict the target without the scan; `site` stands for the site of a sample. Never what the
        target is made from or defined by, such as a clinical rating of a disease. Raise `version` when they change.
    sides_matter : bool
        Whether exchanging left and right changes the target; augmentation then flips no scan.
    label_maps : mapping
        Name of another data set, then class of this data set, then class of the other.
    cohort : str
        Name of the people whose scans these are, such as the study that scanned them. In data sets of one cohort, a
        group has the same name where it is the same person. Empty: it is unknown who they are.
    other_cohorts : tuple of str
        Names of cohorts that share no person with this one, by what is known of them.
    example : bool
        Whether it has too few people for any claim: no contrast is tested on it, and `bench plan` says so.
    task : Task
        What is predicted.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str]
    source: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    layout: ClassVar[str]
    phantom: ClassVar[bool] = False
    twin: ClassVar[str | None] = None
    expected: ClassVar[Mapping[str, int]] = {}
    resampling: ClassVar[str] = "none: scans are cropped or padded to the grid"
    belong: ClassVar[str] = "exact"
    floor_covariates: ClassVar[tuple[str, ...]] = ()
    sides_matter: ClassVar[bool] = False
    label_maps: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    cohort: ClassVar[str] = ""
    other_cohorts: ClassVar[tuple[str, ...]] = ()
    example: ClassVar[bool] = False
    task: ClassVar[Task]

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of every prepared scan: (C, D, H, W), or (C, H, W) for images."""

    @property
    @abstractmethod
    def spacing(self) -> tuple[float, ...]:
        """Voxel size of every prepared scan along the spatial axes, in millimetres."""

    @abstractmethod
    def samples(self, root: Path | None) -> Sequence[Sample]:
        """List every scan of the data set. Only tables are read, no images.

        Parameters
        ----------
        root : Path or None
            Folder of the published files; None for a phantom.

        Returns
        -------
        sequence of Sample
            In the same order at every call.

        Raises
        ------
        BenchError
            If the files do not have the expected layout; the message says what there is and what is expected.
        """

    def notes(self, root: Path | None) -> Sequence[str]:
        """Facts about the files that users should know.

        Parameters
        ----------
        root : Path or None
            As for `samples`.

        Returns
        -------
        sequence of str
            For example which people the tables leave out, and why.
        """
        return ()

    def true_displacement(self, fixed: str, moving: str) -> np.ndarray | None:
        """The displacement that aligns two scans, of data sets for registration.

        Parameters
        ----------
        fixed, moving : str
            Ids of the two samples.

        Returns
        -------
        ndarray or None
            Shape (axes, *spatial axes), in voxels: the voxel x of the fixed scan lies at x plus its displacement in the
            moving scan. None if it is unknown, as in real data.
        """
        return None

    def truth(self) -> np.ndarray | None:
        """Location of the signal in a phantom.

        Returns
        -------
        ndarray or None
            Shape (D, H, W) on the prepared grid, values in [0, 1]; None if the location is unknown, as in real data.
        """
        return None
