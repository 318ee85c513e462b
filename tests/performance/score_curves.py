"""The table and the figure of `score_over_steps.py`: `python tests/performance/score_curves.py FILE FIGURE.png`.

Prints one table in Markdown for each data set: the family, the validation score and the test score at some points, the
point that validation chooses with its test score, seconds of a processor core, and the best floor of the same fold. A
family none of whose arms reaches that floor on the test part is marked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

SHOWN = (50, 100, 200, 300, 400, 500)
ERRORS = {"age_oasis"}  # sets whose score is an error: lower is better
FAMILIES = {  # of lines that were written before lines had a family
    "DCL-SE": "DCL-SE",
    "ResNet-18 (2D)": "2D CNN",
    "SFCN (3D)": "3D CNN",
}
UNITS = {
    "sex_oasis": "AUC",
    "bt_mri": "balanced accuracy",
    "age_oasis": "mean absolute error (years)",
}
COLUMNS = 3  # of panels
FLOORS = ("floor", "floor, one image", "floor, three images", "floor, 8 mm", "floor, fewer people")
ONE_IMAGE = {"2D CNN", "2D transformer", "DCL-SE", "distillation"}  # families whose input is one image of a scan
CEILING = 1.4  # times the error of the worst floor: larger errors of the first steps are not drawn


def family(row: Mapping[str, Any]) -> str:
    """The family of an arm."""
    return row.get("family") or FAMILIES[row["arm"].partition(",")[0]]


def chosen(row: Mapping[str, Any]) -> float:
    """The test score at the point that validation chooses."""
    return row["test"][row["steps"].index(row["selected"])]


def best_floor(rows: Sequence[Mapping[str, Any]], data: str) -> Mapping[str, Any] | None:
    """The floor with the best test score on a data set; None if none was computed."""
    floors = [row for row in rows if family(row) == "floor"]
    sign = -1 if data in ERRORS else 1
    return max(floors, key=lambda row: sign * chosen(row), default=None)


def table(rows: Sequence[Mapping[str, Any]], data: str) -> Iterator[str]:
    """The lines of the table of one data set."""
    floor, digits = best_floor(rows, data), 1 if data in ERRORS else 2
    yield f"| family | arm | {' | '.join(f'{step} steps' for step in SHOWN)} | chosen | test | CPU s |"
    yield "| --- " * (len(SHOWN) + 5) + "|"
    for row in sorted(rows, key=lambda row: (family(row) in FLOORS, family(row), row["arm"])):
        points = dict(zip(row["steps"], zip(row["val"], row["test"], strict=True), strict=True))
        cells = [", ".join(f"{each:.{digits}f}" for each in points[step]) if step in points else "" for step in SHOWN]
        sign = -1 if data in ERRORS else 1
        below = floor is not None and family(row) not in FLOORS and sign * chosen(row) < sign * chosen(floor)
        score = f"{chosen(row):.{digits}f}{' (below)' if below else ''}"
        ends = [str(row["selected"] or ""), score, f"{row['cpu_seconds']:.0f}"]
        yield f"| {' | '.join([family(row), row['arm'], *cells, *ends])} |"


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Validation score over steps: a row of panels for each data set, a panel for each family, the floor in each."""
    sets = list(dict.fromkeys(row["data"] for row in rows))
    groups = {data: sorted({family(row) for row in rows if row["data"] == data} - {*FLOORS}) for data in sets}
    heights = {data: -(-len(groups[data]) // COLUMNS) for data in sets}
    figure = plt.figure(figsize=(10, 2.9 * sum(heights.values())), layout="constrained")
    parts = figure.subfigures(len(sets), squeeze=False, height_ratios=list(heights.values()))[:, 0]
    for part, data in zip(parts, sets, strict=True):
        own = [row for row in rows if row["data"] == data]
        part.suptitle(f"{data}: validation {UNITS[data]}", x=0.01, ha="left", fontsize=10)
        grid = part.subplots(heights[data], COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
        for axes in grid[len(groups[data]) :]:
            axes.set_axis_off()
        for axes, name in zip(grid, groups[data], strict=False):
            _draw_family(axes, [row for row in own if family(row) == name])
            _draw_floors(axes, own, best_floor(own, data), name in ONE_IMAGE)
            axes.legend(fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False)
            axes.tick_params(labelsize=7, labelbottom=True)
            axes.set_title(name, fontsize=9)
        if data in ERRORS and (floors := [row["val"][-1] for row in own if family(row) == "floor"]):
            grid[0].set_ylim(0, CEILING * max(floors))  # all panels share it
    figure.savefig(path, dpi=150)


def _draw_family(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        (line,) = axes.plot(row["steps"], row["val"], marker=".", label=row["arm"])
        at = row["steps"].index(row["selected"])
        axes.plot(row["selected"], row["val"][at], marker="o", ms=7, mfc="none", color=line.get_color())


def _draw_floors(axes: Any, rows: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None, one_image: bool) -> None:
    """A dashed line for the best floor, a dotted one for the linear model on the image of the networks."""
    if best is not None:
        axes.axhline(best["val"][-1], color="0.5", ls="--", lw=1, label=f"floor: {best['arm']}")
    for row in rows if one_image else ():
        if family(row) == FLOORS[1]:
            axes.axhline(row["val"][-1], color="0.3", ls=":", lw=1, label=row["arm"])


def main(file: str, figure: str) -> None:
    """Print the tables and write the figure."""
    mpl.use("Agg")
    rows = [row for row in map(json.loads, Path(file).read_text().splitlines()) if "val" in row]
    for data in dict.fromkeys(row["data"] for row in rows):
        print(f"\n`{data}`, {UNITS[data]}:\n")
        print("\n".join(table([row for row in rows if row["data"] == data], data)))
    draw(rows, Path(figure))


if __name__ == "__main__":
    main(*sys.argv[1:])
