"""Draws what `make perf ARGS='scale --out FOLDER'` measured: `python tests/performance/scale_curve.py FOLDER`.

FOLDER/curve.png has a panel for people, images, records and nodes, with a line for each stage; a grey line is linear.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

ENTRY = re.compile(r"(?P<stage>.+), (?P<size>[\d,]+) (?P<what>\D+)")
MARKERS = "osD^vP"
Curves = dict[str, dict[str, list[tuple[int, float]]]]


def curves(folder: Path) -> Curves:
    """What is counted -> stage -> (size, seconds), from performance.json in a folder."""
    found: Curves = defaultdict(lambda: defaultdict(list))
    for entry in json.loads((folder / "performance.json").read_text())["results"]:
        if (words := ENTRY.fullmatch(entry["name"])) and entry["unit"] == "s":
            size = int(words["size"].replace(",", ""))
            found[words["what"]][words["stage"]].append((size, entry["median"]))
    return found


def draw(found: Curves) -> Figure:
    """Seconds over sizes on logarithmic axes."""
    figure = Figure(figsize=(3.6 * len(found), 4.4), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, (what, stages) in zip(panels, found.items(), strict=True):
        _panel(axes, what, stages)
    panels[0].set_ylabel("seconds of the processor")
    return figure


def _panel(axes: Axes, what: str, stages: dict[str, list[tuple[int, float]]]) -> None:
    for marker, (stage, points) in zip(MARKERS, stages.items(), strict=False):
        axes.plot(*zip(*sorted(points), strict=True), marker=marker, markersize=4, linewidth=1.2, label=stage)
    sizes = sorted({size for points in stages.values() for size, _ in points})
    least = min(seconds for points in stages.values() for _, seconds in points)
    ends = sizes[0], sizes[-1]
    axes.plot(ends, [least / 2, least / 2 * ends[1] / ends[0]], color="0.6", linestyle=":", label="linear")
    axes.set(xscale="log", yscale="log", xlabel=what)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=30, fontsize=7)
    axes.minorticks_off()
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.24))
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    draw(curves(place)).savefig(place / "curve.png", dpi=130)
