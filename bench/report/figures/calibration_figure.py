"""Reliability diagrams: the stated probability against what came true, and how many scans say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.figures import style
from bench.report.figures.panels import named, panels
from bench.report.tables.calibration import Reliability
from bench.report.tables.number_format import plural


def reliability(found: Mapping[str, Reliability], classes: Sequence[str]) -> Figure:
    """Two panels for every arm: the diagram, and the number of scans in its bins."""
    of = f"of {classes[1]}" if len(classes) == 2 else "of the likeliest class"
    stated = style.wrapped(f"Probability {of}", 28)
    with style.paper():
        words = [f"ECE {each.ece:.3f}, {plural(int(each.counts.sum()), 'scan')}" for each in found.values()]
        drawn, grid = panels(list(found), [1.3, 0.5], words, room=0.0)
        for each, (above, below) in zip(found.values(), grid, strict=True):
            diagram(above, each)
            counts(below, each)
        named(grid, stated, "Came true", "Scans")
    return drawn


def diagram(axes: Axes, found: Reliability) -> None:
    """A point for every bin, larger where more scans are in it; the diagonal is a promise kept."""
    axes.plot([0, 1], [0, 1], color=style.PALE, lw=2, zorder=0)
    axes.plot(found.stated, found.observed, color=style.BLUE, lw=0.9, zorder=2)
    sizes = 8 + 50 * found.counts / found.counts.sum()
    axes.scatter(found.stated, found.observed, s=sizes, color=style.BLUE, edgecolor="white", lw=0.5, zorder=3)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.03, 1.03), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))


def counts(axes: Axes, found: Reliability) -> None:
    """How many scans are in each bin."""
    low, high = found.edges[:, 0], found.edges[:, 1]
    axes.bar(low, found.counts, width=high - low, align="edge", color=style.GREY, edgecolor="white", lw=0.5)
    axes.locator_params(axis="y", nbins=2, integer=True)
