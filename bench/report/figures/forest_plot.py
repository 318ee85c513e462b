"""Forest plots: a row for every comparison, with its improvement, its interval and the smallest detectable difference.

The contrasts and the effects of a report are drawn by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.report.figures import style
from bench.report.tables.contrasts_table import adjusted
from bench.report.tables.declared_tests import ALPHA
from bench.report.tables.metric_range import largest_difference
from bench.report.tables.number_format import decimals, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

    from bench.report.tables.results import DatasetResults

Entry = Mapping[str, Any]  # a row of the table of contrasts or of effects
UNTESTED = {"marker": "x", "mec": style.GREY, "mfc": style.GREY}  # the mark of a difference without a test
MEAN, HOLM, FOLDS = 10, 50, 88  # points from the axes to the columns of words


@dataclass(frozen=True)
class PointLook:
    """The mark of a row's improvement, filled where the improvement is significant after correction.

    It is grey where only the equivalence is, and white where nothing was shown.
    """

    marker: str
    fill: Any  # a colour
    edge: Any
    size: float
    edge_width: float
    zorder: int
    end_bars: bool = False  # whether a small bar stands where an interval ends


def draw_row(axes: Axes, section: DatasetResults, entry: Entry, y: float, look: PointLook) -> None:
    """One comparison at height y; one that was not tested keeps its row, which gives the reason."""
    if math.isnan(entry["improvement"]):
        return style.write_in_row(axes, y, "not tested")
    if entry["detectable"] > 0:
        reach = min(entry["detectable"], largest_difference(section.metric))
        axes.barh(y, 2 * reach, left=-reach, height=0.6, color=style.PALE, lw=0, zorder=0)
    if not math.isnan(entry["low"]):
        ends = [entry["low"], entry["high"]]
        axes.plot(ends, [y] * 2, color=style.INK, lw=1.3, solid_capstyle="butt", zorder=2)
        if look.end_bars:
            axes.plot(ends, [y] * 2, marker="|", ms=5, color=style.INK, mew=1.0, ls="", zorder=3, clip_on=False)
    mark = UNTESTED if is_untested(entry) else {"marker": look.marker, "mec": look.edge, "mfc": _fill(entry, look)}
    axes.plot(entry["improvement"], y, ms=look.size, mew=look.edge_width, ls="", zorder=look.zorder, **mark)
    style.write_beside_row(axes, y, signed(entry["improvement"], decimals(section.metric)), MEAN)
    style.write_beside_row(axes, y, adjusted(entry), HOLM)
    if not style.is_narrow():
        style.write_beside_row(axes, y, f"{entry['folds']}/{entry['folds_planned']}", FOLDS)
    return None


def is_untested(entry: Entry) -> bool:
    """Whether a difference is shown that no test judged, as on a data set that is an example."""
    return math.isfinite(entry["improvement"]) and math.isnan(entry.get("p", 0.0))


def _fill(entry: Entry, look: PointLook) -> Any:
    """The colour in which the mark of a row is filled."""
    if entry["p_holm"] < ALPHA:
        return look.fill
    return style.MIDDLE if entry["p_equivalence_holm"] < ALPHA else "white"


def set_frame(axes: Axes, section: DatasetResults, x_label: str, first_column: str) -> None:
    """The name of x, the title, and the titles of the columns of words."""
    axes.set_xlabel(f"{x_label}\n← worse        better →")
    axes.set_title(style.kind_title(section.name, section.phantom), loc="left")
    columns = ((MEAN, first_column), (HOLM, "Holm p"), (FOLDS, "folds"))
    for points, title in columns[:2] if style.is_narrow() else columns:
        style.write_column_title(axes, title, points)


def set_limits(axes: Axes, entries: Sequence[Entry], margin: float = 0.0) -> None:
    """Set x to lie about 0, with the line of no difference.

    All intervals and detectable differences fit into the axes.
    """
    tested = [entry for entry in entries if not math.isnan(entry["improvement"])]
    ends = [abs(entry[name]) for entry in tested for name in ("low", "high") if math.isfinite(entry[name])]
    ends += [abs(entry["improvement"]) for entry in tested]
    ends += [entry["detectable"] for entry in tested if math.isfinite(entry["detectable"])]
    limit = 1.05 * max([*ends, margin]) or 1.0
    axes.set_xlim(-limit, limit)
    axes.axvline(0, color=style.INK, lw=0.8, zorder=1)


def legend_entries(entries: Sequence[Entry], points: Sequence[Any]) -> list[Any]:
    """The entries of a legend for what the rows have. points: the marks of improvements that were tested."""
    tested = [*points, *_interval_entries()] if not all(map(is_untested, entries)) else []
    untested = style.line_entry("difference, not tested", ls="", ms=5, mew=1.0, **UNTESTED)
    return [*tested, *([untested] if any(map(is_untested, entries)) else [])]


def _interval_entries() -> list[Any]:
    """The entries of a legend for what every row has: its interval, and the smallest detectable difference."""
    detectable: Patch = style.patch_entry("smaller than detectable", facecolor=style.PALE)
    return [style.line_entry("95 %", color=style.INK, lw=1.3), detectable]
