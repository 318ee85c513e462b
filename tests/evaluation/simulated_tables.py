"""Tables of simulated studies: `python tests/evaluation/simulated_tables.py FOLDER` writes tables.md from the CSV."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

RIVALS = {
    "corrected t": "corrected t", "bootstrap": "bootstrap", "bootstrap, allowance": "bootstrap, allowance",
    "people, no training": "no training", "people and partitions": "partitions", "mixed model": "mixed model",
    "mixed model, allowance": "mixed model, allowance", "Obuchowski-Rockette": "Obuchowski-Rockette",
    "nested cross-validation": "nested CV",
}  # fmt: skip


def levels(frame: pd.DataFrame) -> list[str]:
    """A row for each world: how often true nulls are rejected."""
    rows = []
    for world, tests in frame.groupby("world", sort=False):
        tests = tests.set_index("test")
        ours = tests.loc["people"]
        design = f"{ours['folds']} x {ours['partitions']} x {ours['seeds']}"
        family = f"{ours['family']:.3f}" if ours["contrasts"] > 1 else ""
        start = world, ours["people"], design, ours["metric"], ours["studies"]
        errors = f"{ours['true_sd']:.3f}", f"{ours['se']:.3f}", f"{ours['df']:.0f}"
        own = f"**{ours['rejected']:.3f}** ± {ours['rejected_se']:.3f}", f"{ours['rejected_of_six']:.4f}", family
        rows.append((*start, *errors, *own, *_rivals(tests, "rejected")))
    names = (
        "world",
        "people",
        "design",
        "metric",
        "studies",
        "true sd",
        "se",
        "df",
        "level",
        "at .0083",
        "Holm of six",
    )
    return table((*names, *RIVALS.values()), rows)


def power(frame: pd.DataFrame) -> list[str]:
    """A row for each design: how often a true difference is found at the first step of Holm over six."""
    rows = []
    for row, tests in frame.groupby("row", sort=False):
        tests = tests.set_index("test")
        ours = tests.loc["people"]
        start = row, ours["people"], ours["studies"], f"{ours['reference']:.2f}", ours["true_difference"]
        errors = f"{ours['true_sd']:.3f}", f"{ours['se']:.3f}", f"{ours['df']:.0f}", f"{ours['alone']:.2f}"
        together = f"{ours['holm']:.2f}" if ours["contrasts"] > 1 else ""
        own = f"**{ours['six']:.2f}** ± {ours['six_se']:.2f}", together
        rows.append((*start, *errors, *own, *_rivals(tests, "six", 2)))
    names = ("row", "people", "studies", "reference", "difference", "true sd", "se", "df", "alone", "of six", "all six")
    return table((*names, *RIVALS.values()), rows)


def calibration(frame: pd.DataFrame) -> list[str]:
    """A row for each design and promise: how often a difference of the promised size is found."""
    rows = [
        (
            each.row, each.people, each.metric, each.promise, each.tests, each.studies, f"{each.detectable:.3f}",
            f"{each.true_sd:.3f}", f"**{each.found:.2f}** ± {each.found_se:.2f}",
        )
        for each in frame.itertuples()
    ]  # fmt: skip
    return table(("row", "people", "metric", "promise", "tests", "studies", "detectable", "true sd", "found"), rows)


def families(frame: pd.DataFrame) -> list[str]:
    """A row for each world: claims of a family of differences and equivalences."""
    rows = [
        (
            each.world, each.margin, each.studies, f"**{each.false_primary:.3f}** ± {each.false_primary_se:.3f}",
            f"{each.false_discovery:.3f} ± {each.false_discovery_se:.3f}", f"{each.equivalence_shown:.2f}",
            f"{each.difference_shown:.2f}",
        )
        for each in frame.itertuples()
    ]  # fmt: skip
    names = ("world", "margin", "studies", "false primary", "false discoveries", "equivalences", "differences")
    return table(names, rows)


def _rivals(tests: pd.DataFrame, column: str, digits: int = 3) -> list[str]:
    return [f"{tests.loc[name, column]:.{digits}f}" if name in tests.index else "" for name in RIVALS]


def table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a table."""
    return ["| " + " | ".join(map(str, row)) + " |" for row in (names, ["---"] * len(names), *rows)]


def above(frame: pd.DataFrame) -> list[str]:
    """The worlds in which the test over people rejects more often than 5 % and two standard errors."""
    ours = frame[frame["test"] == "people"]
    rate = ours[["rejected"]].max(axis=1)
    limit = 0.05 + 2 * ours["studies"].map(lambda number: math.sqrt(0.05 * 0.95 / number))
    return ours[rate > limit]["world"].tolist()


def main(folder: Path) -> None:
    """Write the tables that there are."""
    lines = ["# Tables of simulated studies", ""]
    for name, title, made in (
        ("levels", "True nulls that are rejected", levels), ("families", "Claims of families", families),
        ("power", "True differences that are found", power),
        ("calibration", "Detectable differences that are found", calibration),
    ):  # fmt: skip
        if (folder / f"{name}.csv").exists():
            lines += [f"## {title}", "", *made(pd.read_csv(folder / f"{name}.csv")), ""]
    (folder / "tables.md").write_text("\n".join(lines))
    if (folder / "levels.csv").exists():
        print("above 5 % and two standard errors:", above(pd.read_csv(folder / "levels.csv")) or "none")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
