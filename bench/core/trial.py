"""One cell of a study and what came of it: the trial and its record, with the parts that they are made of."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from bench.core.errors import BenchError
from bench.core.limits import AtLeast
from bench.core.serialization import canonical, seed_of

SPLITS = ("kfold", "site", "publisher")  # folds over groups; a fold a site; the publisher's training and test parts
PROTOCOL = 1  # raised when splits, preparation or scores change; README lists the versions


class _CanonicalJson:
    """A value that remembers its canonical JSON. What it remembers is no part of it: neither compared nor pickled."""

    @cached_property
    def text(self) -> str:
        """The canonical JSON."""
        return canonical(self)

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}


@dataclass(frozen=True)
class Spec(_CanonicalJson):
    """A named thing with every parameter spelled out, defaults included: what a trial's key is made of."""

    name: str
    version: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)


NO_CURRICULUM = Spec("none")


@dataclass(frozen=True)
class DataSpec(Spec):
    """A prepared data set."""

    fingerprint: str = ""  # of the prepared files


@dataclass(frozen=True)
class Split(_CanonicalJson):
    """How the groups are divided. kind: one of SPLITS. fraction: of the training groups used."""

    kind: str = "kfold"
    folds: int = 5
    fraction: float = 1.0


@dataclass(frozen=True)
class External(_CanonicalJson):
    """Other data that a trial is tested on: all of their scans. labels: class learnt -> class there, if they differ."""

    data: DataSpec
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Labels(_CanonicalJson):
    """kind `true`; `permuted`: those of whole groups, by the `number`-th permutation; `flipped`: of the training part
    alone, a `share` of its groups has another class."""

    kind: str = "true"
    number: int = 0
    share: float = 0.0

    @cached_property
    def text(self) -> str:
        """The canonical JSON; no word of a share where there is none, as before there were any."""
        told = self.__getstate__()
        return canonical({name: told[name] for name in told if name != "share" or self.share})

    @classmethod
    def noisy(cls, share: float) -> Labels:
        """Labels of which a share is flipped, the true ones where none is."""
        return cls("flipped", share=share) if share else cls()


@dataclass(frozen=True)
class Recipe(_CanonicalJson):
    """The budget that all arms of a study share."""

    steps: int = 1000  # of the optimiser
    batch_size: int = 8
    points: int = 20  # evaluation points, equally spaced over the steps
    precision: str = "auto"  # auto: bf16 on a GPU, fp32 on a CPU; or fp32, bf16
    threads: int = 1  # of each trial: with one, serial, parallel and cluster runs agree to the byte
    scans: Annotated[int, AtLeast(0)] = 0  # of each part at most, for a run that only proves that it runs; 0: all

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.points, self.threads) < 1:
            raise BenchError(f"steps, batch size, points and threads of a recipe are at least 1: {self}")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise BenchError(f"no precision {self.precision!r}; there are auto, fp32, bf16")


@dataclass(frozen=True)
class Trial(_CanonicalJson):
    """One cell of a study, fully determined: its canonical JSON, protocol included, is hashed to its key."""

    data: DataSpec
    method: Spec
    split: Split = Split()
    labels: Labels = Labels()
    curriculum: Spec = NO_CURRICULUM
    partition: int = 0
    fold: int = 0
    seed: int = 0
    recipe: Recipe = Recipe()
    upstream: tuple[str, ...] = ()  # keys of the trials that this one learns from: another teacher, another trial
    external: External | None = None  # what it is tested on, where that is not the test part of its own data

    @cached_property
    def key(self) -> str:
        """What the trial is known by, worked out once."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:20]  # its `digest`

    @property
    def text(self) -> str:
        """The canonical JSON, put together from that of the parts, which trials share; no word of what is not there."""
        parts = {"protocol": PROTOCOL, **self.__getstate__()}
        parts = {name: part for name, part in parts.items() if part or name not in ("upstream", "external")}
        texts = {
            name: part.text if isinstance(part, _CanonicalJson) else canonical(part) for name, part in parts.items()
        }
        return "{" + ",".join(f'"{name}":{text}' for name, text in sorted(texts.items())) + "}"

    @property
    def where(self) -> str:
        """The data and how they are divided, as studies and tables name them: `x`, `x@site`, `x@y`."""
        other = self.external.data.name if self.external else ""
        return where(self.data.name, self.split.kind, other, self.split.fraction, self.labels.share)

    def seed_for(self, purpose: str) -> int:
        """The seed of one purpose: the same for all methods of a cell, so that arms are paired."""
        return seed_of(self.data.name, self.partition, self.fold, self.seed, purpose)

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Trial:
        """A trial from its JSON."""
        parts = {"data": DataSpec, "method": Spec, "curriculum": Spec}
        parts |= {"split": Split, "labels": Labels, "recipe": Recipe}
        built = {key: parts[key](**value) if key in parts else value for key, value in entry.items()}
        if other := entry.get("external"):
            built["external"] = External(DataSpec(**other["data"]), other["labels"])
        return cls(**{**built, "upstream": tuple(built.get("upstream", ()))})


def where(data: str, split: str = "kfold", external: str = "", fraction: float = 1.0, noise: float = 0.0) -> str:
    """The name of data with how they are divided: `x` by folds, `x@site`, `x@publisher`, `x@y` tested on y.

    `x@25`: learnt from a quarter of the training groups. `x@noise40`: with two fifths of them under a wrong class.
    """
    name = f"{data}@{external}" if external else data if split == "kfold" else f"{data}@{split}"
    name += "" if fraction == 1 else f"@{100 * fraction:g}"
    return name + (f"@noise{100 * noise:g}" if noise else "")


@dataclass(frozen=True)
class Record:
    """What came of a trial: `done`, `failed` (the run's fault) or `refused` (the method cannot do this task)."""

    trial: Trial
    status: str
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # selected, last, validation, audit
    curve: Sequence[Mapping[str, Any]] = ()  # a row per evaluation point
    resolved: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    cost: Mapping[str, float | None] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, str] = field(default_factory=dict)  # kind, message, traceback
    files: Mapping[str, str] = field(default_factory=dict)  # name -> SHA-256 of what is kept beside the record

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Record:
        """A record from its JSON."""
        return cls(**{**{f.name: entry[f.name] for f in dataclasses.fields(cls)}, "trial": Trial.parse(entry["trial"])})
