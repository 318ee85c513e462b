"""The table of every primary contrast on real scans, from the contrasts.csv of the reference runs.

Run as `python tests/report/decided_contrasts.py` after a reference run was added: it writes the table into
results/reference/README.md, between its two marks. `test_decided_contrasts.py` checks that the page is up to date.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"
PAGE = REFERENCE / "README.md"
BEGIN, END = "<!-- contrasts -->\n", "<!-- end of contrasts -->\n"
UNITS = {
    "auc": ("AUC", 3), "mae": ("years", 2), "balanced_accuracy": ("balanced accuracy", 3), "region_dice": ("Dice", 4),
    "dice": ("Dice", 3),
}  # fmt: skip
DECIDED = ("better", "worse", "equivalent")


def rows() -> Iterator[tuple[str, Mapping[str, str]]]:
    """(folder of the run, row) of every primary contrast on real scans that has run in all its folds."""
    for file in sorted(REFERENCE.rglob("contrasts.csv")):
        with file.open(newline="") as lines:
            for row in csv.DictReader(lines):
                real = row.get("data_kind") == "real" and row.get("primary") == "True"
                if real and row["complete"] == "True" and row["improvement"] and row.get("detectable"):
                    yield file.parent.relative_to(REFERENCE).as_posix(), row


def earlier() -> list[str]:
    """Folders of runs on real scans whose contrasts are of protocol 1, which named no primary tests."""
    found = []
    for file in sorted(REFERENCE.rglob("contrasts.csv")):
        with file.open(newline="") as lines:
            kinds = [(row.get("data_kind"), "primary" in row) for row in csv.DictReader(lines)]
        if ("real", False) in kinds:
            found.append(file.parent.relative_to(REFERENCE).as_posix())
    return found


def line(folder: str, row: Mapping[str, str]) -> str:
    """A row of the table."""
    unit, digits = UNITS[row["metric"]]
    seen, low, high = (f"{float(row[name]):+.{digits}f}" for name in ("improvement", "low", "high"))
    verdict = row["verdict"] if not row["verdict"].startswith(DECIDED) else f"**{row['verdict']}**"
    if "within the margin" in verdict:
        verdict = verdict.replace("the margin", f"{float(row['margin']):g}")
    cells = (
        row["data"], f"{row['arm']} against {row['against']}", f"{seen} {unit} [{low}, {high}]", verdict,
        f"{float(row['detectable']):.{digits}f}", row["folds"], f"[{folder}]({folder}/README.md)",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def table() -> str:
    """The table with its header, and the count of what is decided."""
    found = list(rows())
    decided = sum(row["verdict"].startswith(DECIDED) for _, row in found)
    return (
        f"{decided} of {len(found)} are decided: better, worse, or equivalent within the margin of the study.\n\n"
        "| data | contrast | improvement [95 %] | verdict | 80 % of such studies would find | folds | run |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        + "".join(line(*each) for each in sorted(found, key=lambda each: (each[1]["data"], each[0])))
        + "\nNot in the table, as protocol 1 named no primary tests: "
        + ", ".join(f"[{each}]({each}/README.md)" for each in earlier())
        + ".\n"
    )


def page() -> str:
    """The page with the table of today."""
    before, rest = PAGE.read_text("utf-8").split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
