"""A trial: one cell of a study, with the key that identifies it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench.core.serialization import canonical, seed_of
from bench.core.trial_parts import (
    NO_CURRICULUM,
    CanonicalJson,
    DataSpec,
    External,
    HeldOut,
    Labels,
    Recipe,
    Spec,
    Split,
)

OPTIONAL = ("upstream", "external", "held_out")  # parts that the key leaves out where they are empty
PROTOCOL = 2  # raised if splits, preparation, selection or scores change; the changelog of the guide lists the versions


@dataclass(frozen=True)
class Trial(CanonicalJson):
    """One cell of a study, fully determined. Its canonical JSON, protocol included, is hashed to its key.

    Attributes
    ----------
    data : DataSpec
        Data that the method learns from.
    method : Spec
        Method under test.
    split : Split
        Division of the groups.
    labels : Labels
        Labels of the training part.
    curriculum : Spec
        Curriculum, or `NO_CURRICULUM`.
    partition : int
        Number of the random division into folds.
    fold : int
        Number of the fold that is the test part.
    seed : int
        Number of the repetition with other random numbers.
    recipe : Recipe
        Training budget.
    upstream : tuple of str
        Keys of the trials that this one learns from; with another teacher it is another trial.
    external : External or None
        Data that it is tested on instead of the test part of its own data.
    held_out : HeldOut or None
        Of a pretraining: the people of another trial that it may not learn from. They are its test part.
    """

    data: DataSpec
    method: Spec
    split: Split = Split()
    labels: Labels = Labels()
    curriculum: Spec = NO_CURRICULUM
    partition: int = 0
    fold: int = 0
    seed: int = 0
    recipe: Recipe = Recipe()
    upstream: tuple[str, ...] = ()
    external: External | None = None
    held_out: HeldOut | None = None

    @cached_property
    def key(self) -> str:
        """Identifier of the trial: 20 hexadecimal digits. Computed once."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:20]  # its `digest`

    @property
    def text(self) -> str:
        """The canonical JSON.

        It joins the text of the parts, which trials share. Those in `OPTIONAL` are omitted if they are empty.
        """
        parts = {"protocol": PROTOCOL, **self.__getstate__()}
        parts = {name: part for name, part in parts.items() if part or name not in OPTIONAL}
        texts = {
            name: part.text if isinstance(part, CanonicalJson) else canonical(part) for name, part in parts.items()
        }
        return "{" + ",".join(f'"{name}":{text}' for name, text in sorted(texts.items())) + "}"

    @property
    def data_sets(self) -> list[DataSpec]:
        """Every data set that it reads: its own, one that it is tested on, those of people that it leaves out."""
        others = [self.external.data if self.external else None]
        others += [self.held_out.data, self.held_out.external] if self.held_out else []
        return [self.data, *(each for each in others if each is not None)]

    @property
    def where(self) -> str:
        """Label of the data and their division in studies and tables: `x`, `x@site`, `x@y`."""
        other = self.external.data.name if self.external else ""
        return where(
            self.data.name, self.split.kind, other, self.split.fraction, self.labels.noise, self.labels.missing
        )

    def seed_for(self, purpose: str) -> int:
        """Derive the seed of one purpose.

        Parameters
        ----------
        purpose : str
            For example "init" or "order".

        Returns
        -------
        int
            In [0, 2**31). It is the same for all methods of a cell, so that arms are paired.
        """
        return seed_of(self.data.name, self.partition, self.fold, self.seed, purpose)

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Trial:
        """Create a trial from its JSON.

        Parameters
        ----------
        entry : mapping
            The trial in plain values.

        Returns
        -------
        Trial
            The trial.

        Raises
        ------
        KeyError, TypeError
            If a part is missing or has an unknown field.
        """
        parts = {"data": DataSpec, "method": Spec, "curriculum": Spec}
        parts |= {"split": Split, "labels": Labels, "recipe": Recipe}
        built = {key: parts[key](**value) if key in parts else value for key, value in entry.items()}
        if other := entry.get("external"):
            built["external"] = External(DataSpec(**other["data"]), other["labels"])
        if left_out := entry.get("held_out"):
            built["held_out"] = HeldOut.parse(left_out)
        return cls(**{**built, "upstream": tuple(built.get("upstream", ()))})


def where(
    data: str,
    split: str = "kfold",
    external: str = "",
    fraction: float = 1.0,
    noise: float = 0.0,
    missing: float = 0.0,
) -> str:
    """Label data and their division.

    Parameters
    ----------
    data : str
        Name of the data set.
    split : {"kfold", "site", "publisher"}
        Kind of split.
    external : str
        Name of the data set that is the test set.
    fraction : float
        Fraction of the training groups that is used.
    noise : float
        Share of the training groups with a wrong class.
    missing : float
        Share of the components of each training mask that are left out.

    Returns
    -------
    str
        `x` by folds, `x@site`, `x@publisher`, `x@y` tested on y, `x@25` trained on a quarter of the training groups,
        `x@noise40` with a wrong class for two fifths of them, `x@missing50` without half of the components of masks.
    """
    name = f"{data}@{external}" if external else data if split == "kfold" else f"{data}@{split}"
    name += "" if fraction == 1 else f"@{100 * fraction:g}"
    name += f"@noise{100 * noise:g}" if noise else ""
    return name + (f"@missing{100 * missing:g}" if missing else "")
