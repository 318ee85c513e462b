"""Which column of a table a study could predict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.core import BenchError
from bench.core.parameters import did_you_mean
from bench.data.readers.tabular import number

USUAL = ("diagnosis", "group", "dx", "class", "label", "condition", "disease", "status", "phenotype")
PEOPLE = ("sex", "gender", "age", "handedness", "hand", "site", "scanner", "center", "race", "ethnicity")
NEGATIVE = ("control", "healthy", "normal", "cn", "hc", "nc", "no", "none", "0", "negative", "notumor", "nondemented")
MOST = 10  # classes
FEW = 5  # scans of a class; also the usual number of folds
COVARIATES = ("age", "sex", "gender")
Columns = Mapping[str, Sequence[str | None]]  # column -> text of each scan; None: missing


@dataclass(frozen=True)
class TargetColumn:
    """A column that could be predicted: its classes with their counts, or none if it holds numbers."""

    name: str
    classes: Mapping[str, int]
    missing: int
    numbers: int = 0

    @property
    def words(self) -> str:
        """`group (control: 12, patient: 11)`."""
        inside = [f"{label}: {count}" for label, count in self.classes.items()] or [f"{self.numbers} numbers"]
        return f"{self.name} ({', '.join([*inside, *([f'missing: {self.missing}'] if self.missing else [])])})"


def target_column(columns: Columns, asked: str = "") -> tuple[TargetColumn, list[TargetColumn]]:
    """The column to predict, and the others that could be.

    asked: its name; else the usual name of a diagnosis, then any other column of classes, then sex, then age.
    BenchError if there is no such column, or it holds neither classes nor numbers.
    """
    possible = {name: target for name, values in columns.items() if (target := _target(name, values))}
    if asked and asked not in possible:
        why = f"holds neither 2 to {MOST} classes nor numbers" if asked in columns else "is no column of the tables"
        raise BenchError(f"--target {asked}: it {why}; {did_you_mean(asked, possible)}")
    if not possible:
        raise BenchError(
            f"no column of the tables holds 2 to {MOST} classes or numbers; there are: {', '.join(columns)}"
        )
    chosen = asked or min(possible, key=lambda name: (_rank(possible[name]), list(columns).index(name)))
    return possible[chosen], [each for name, each in possible.items() if name != chosen]


def ordered_classes(labels: Sequence[str]) -> list[str]:
    """Labels by name, with the usual names of controls first: the second of two classes is the one to detect."""

    def rank(label: str) -> tuple[int, str]:
        plain = "".join(sign for sign in label.casefold() if sign.isalnum())
        return (0 if plain in NEGATIVE else 1, label)

    return sorted(labels, key=rank)


def label_cautions(counts: Mapping[str, int]) -> list[str]:
    """Labels that are probably one class in two spellings, and classes with too few scans for folds."""
    few = [f"{label} ({count})" for label, count in counts.items() if count < FEW]
    cautions = [f"too few scans for {FEW} folds: {', '.join(few)}; leave the class out, or join it"] if few else []
    return [*_spellings(list(counts)), *cautions]


def _spellings(labels: Sequence[str]) -> list[str]:
    """Labels that differ in case, spaces or punctuation only."""
    same: dict[str, list[str]] = {}
    for label in labels:
        same.setdefault("".join(sign for sign in label.casefold() if sign.isalnum()), []).append(label)
    return [
        f"{' and '.join(each)} are probably one class: write it in one way, and run this command again"
        for each in same.values()
        if len(each) > 1
    ]


def _target(name: str, values: Sequence[str | None]) -> TargetColumn | None:
    """The column as a target; None if it holds texts of too many kinds, or one value only."""
    given = [value for value in values if value is not None]
    counts, missing = Counter(given), len(values) - len(given)
    numbers = [number(value) for value in given]
    if 2 <= len(counts) <= MOST and (None in numbers or len(counts) <= max(2, len(given) // 5)):
        return TargetColumn(name, {label: counts[label] for label in ordered_classes(list(counts))}, missing)
    if given and None not in numbers and len(counts) > 2:
        return TargetColumn(name, {}, missing, len(given))
    return None


def _rank(target: TargetColumn) -> int:
    plain = target.name.casefold()
    usual = [place for place, word in enumerate(USUAL) if word in plain]
    if target.classes and usual:
        return usual[0]
    if target.classes:
        return 60 + (PEOPLE.index(plain) if plain in PEOPLE else -10)
    return 80 if plain == "age" else 90
