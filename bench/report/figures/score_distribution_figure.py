"""How a score spreads over scans: every scan as a point, and the box of the quartiles, a row for every arm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evaluation.metrics import Metric
from bench.report.figures import style


def distribution(found: Mapping[str, np.ndarray], metric: Metric, unit: str = "") -> Figure:
    """found: arm -> (N,) scores of its test scans; those that are NaN are left out, and their number is said."""
    with style.paper():
        drawn, axes, places = style.rows_on(list(found), signs=0)
        for place, values in zip(places, found.values(), strict=True):
            row(axes, place, np.asarray(values, dtype=float))
        axes.set_xlabel(f"{metric.title} of a scan ({f'{unit}, ' if unit else ''}{metric.better} is better)")
        axes.annotate(
            "median, scans", (1, 1), xycoords="axes fraction", xytext=(10, 4), textcoords="offset points", fontsize=7.5,
            color=style.GREY,
        )  # fmt: skip
    return drawn


def row(axes: Axes, place: float, values: np.ndarray) -> None:
    """One arm. Points lie off the line by their order, so that equal numbers give equal pictures."""
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        return style.inside(axes, place, "undefined for every scan")
    lines = {"color": style.INK, "lw": 0.9}
    axes.boxplot(
        known, positions=[place], orientation="horizontal", widths=0.5, showfliers=False, manage_ticks=False, zorder=3,
        boxprops=lines, whiskerprops=lines, capprops=lines, medianprops={"color": style.ORANGE, "lw": 1.6},
    )  # fmt: skip
    off = 0.2 * np.sin(np.arange(len(known)) * 2.39996)
    axes.plot(known, place + off, ls="", marker="o", ms=2.4, color=style.BLUE, alpha=0.45, mew=0, zorder=2)
    lost = len(values) - len(known)
    words = f"{np.median(known):.3f}, {len(known)}" + (f" (+{lost} undefined)" if lost else "")
    return style.beside(axes, place, words, 10)
