"""Parts of a trial: members with their parameters, splits, labels and the training recipe."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from bench.core.errors import BenchError
from bench.core.limits import AtLeast
from bench.core.serialization import canonical

SPLITS = ("kfold", "site", "publisher")  # folds over groups; a fold a site; the publisher's training and test parts


class CanonicalJson:
    """A value that caches its canonical JSON. The cache is neither compared nor pickled."""

    @cached_property
    def text(self) -> str:
        """The canonical JSON."""
        return canonical(self)

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}


@dataclass(frozen=True)
class Spec(CanonicalJson):
    """A named thing with the value of every parameter, defaults included: a part of a trial's key.

    Attributes
    ----------
    name : str
        Name of a member.
    version : int
        Version of the member.
    params : mapping of str to object
        Every parameter, in plain values.
    """

    name: str
    version: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)


NO_CURRICULUM = Spec("none")


@dataclass(frozen=True)
class DataSpec(Spec):
    """A prepared data set.

    Attributes
    ----------
    name, version, params
        As for `Spec`.
    fingerprint : str
        Checksum of the prepared files.
    """

    fingerprint: str = ""


@dataclass(frozen=True)
class Split(CanonicalJson):
    """How groups are divided into training and test parts.

    Attributes
    ----------
    kind : {"kfold", "site", "publisher"}
        Folds over groups, one fold per site, or the publisher's training and test parts.
    folds : int
        Number of folds.
    fraction : float
        Fraction of the training groups that is used, in (0, 1].
    """

    kind: str = "kfold"
    folds: int = 5
    fraction: float = 1.0


@dataclass(frozen=True)
class External(CanonicalJson):
    """Other data that a trial is tested on: all of their scans.

    Attributes
    ----------
    data : DataSpec
        The data set.
    labels : mapping of str to str
        Class of the training data, then class of this data set, if the names differ.
    """

    data: DataSpec
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HeldOut(CanonicalJson):
    """People that a pretraining may not learn from: the validation and test parts of the trial that it begins.

    Attributes
    ----------
    data : DataSpec
        Data of that trial.
    split : Split
        Its division into parts, at a fraction of 1: the fraction changes the training part only.
    partition, fold : int
        Its partition and its fold.
    external : DataSpec or None
        Data that it is tested on, all of whose people are left out.
    people : str
        Checksum of the names of all these people and their scans; empty if the data do not exist yet.
    """

    data: DataSpec
    split: Split = Split()
    partition: int = 0
    fold: int = 0
    external: DataSpec | None = None
    people: str = ""

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> HeldOut:
        """Create it from its JSON.

        Parameters
        ----------
        entry : mapping
            It in plain values.

        Returns
        -------
        HeldOut
            The people that are left out.

        Raises
        ------
        KeyError, TypeError
            If a part is missing or has an unknown field.
        """
        other = entry.get("external")
        parts = {"data": DataSpec(**entry["data"]), "split": Split(**entry["split"])}
        return cls(**{**entry, **parts, "external": DataSpec(**other) if other else None})


@dataclass(frozen=True)
class Labels(CanonicalJson):
    """Labels that a trial is trained with.

    Attributes
    ----------
    kind : {"true", "permuted", "flipped", "missing", "none"}
        "permuted": labels are exchanged between whole clusters: groups, or groups whose scans look like one person's.
        "flipped": a share of the training groups has another class. "missing": a share of the connected components of
        each training mask is left out. "none": no label is read, the task is `PRETEXT`.
    number : int
        Number of the permutation.
    share : float
        Share of the training groups with a wrong class, or of the components that are left out, in [0, 1].
    """

    kind: str = "true"
    number: int = 0
    share: float = 0.0

    @cached_property
    def text(self) -> str:
        """The canonical JSON. It omits a share of 0, so that older keys stay valid."""
        fields = self.__getstate__()
        return canonical({name: fields[name] for name in fields if name != "share" or self.share})

    @property
    def noise(self) -> float:
        """Share of the training groups with a wrong class.

        Returns
        -------
        float
            0 for labels of another kind.
        """
        return self.share if self.kind == "flipped" else 0.0

    @property
    def missing(self) -> float:
        """Share of the components of each training mask that are left out.

        Returns
        -------
        float
            0 for labels of another kind.
        """
        return self.share if self.kind == "missing" else 0.0

    @classmethod
    def noisy(cls, share: float) -> Labels:
        """Create labels with noise.

        Parameters
        ----------
        share : float
            Share of the training groups with a wrong class, in [0, 1].

        Returns
        -------
        Labels
            Flipped labels; the true ones if `share` is 0.
        """
        return cls("flipped", share=share) if share else cls()

    @classmethod
    def incomplete(cls, share: float) -> Labels:
        """Create masks with components left out.

        Parameters
        ----------
        share : float
            Share of the components of each training mask that are left out, in [0, 1].

        Returns
        -------
        Labels
            Incomplete masks; the true ones if `share` is 0.
        """
        return cls("missing", share=share) if share else cls()


@dataclass(frozen=True)
class Recipe(CanonicalJson):
    """The training budget that all arms of a study share.

    Attributes
    ----------
    steps : int
        Steps of the optimiser.
    batch_size : int
        Scans per step.
    points : int
        Number of evaluation points, equally spaced over the steps.
    precision : {"auto", "fp32", "bf16"}
        "auto" is bf16 on a GPU and fp32 on a CPU.
    threads : int
        Threads of each trial. With one, serial, parallel and cluster runs agree to the byte.
    scans : int
        Maximal number of scans of each part, for a run that only shows that the study runs. 0 is all.

    Raises
    ------
    BenchError
        If a number is too small, or there is no such precision.
    """

    steps: int = 1000
    batch_size: int = 8
    points: int = 20
    precision: str = "auto"
    threads: int = 1
    scans: Annotated[int, AtLeast(0)] = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.points, self.threads) < 1:
            raise BenchError(f"steps, batch size, points and threads of a recipe must be at least 1: {self}")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise BenchError(f"no precision {self.precision!r}; choose auto, fp32 or bf16")
