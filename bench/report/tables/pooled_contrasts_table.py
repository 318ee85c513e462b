"""Contrasts pooled over several data sets of one kind, metric and unit: never real with phantom.

A data set counts once, as it is: parts of it, wrong labels, other splits and external tests are no further data sets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench import evaluation
from bench.evaluation import metrics
from bench.report.tables.metric_range import difference_bounds
from bench.report.tables.number_format import between, decimals, listed, number, probability, signed
from bench.report.tables.results import DatasetResults
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import AcrossTableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

POOLED = (
    "data_kind", "metric", "unit", "arm", "against", "sets", "data", "improvement", "low", "high", "se", "df", "p",
    "tau", "i2", "complete",
)  # fmt: skip


def pooled(found: Sequence[SectionTables]) -> pd.DataFrame:
    """A row for every declared contrast that two data sets of one kind, metric and unit have tested."""
    together: dict[tuple, list[tuple[DatasetResults, Mapping[str, Any]]]] = {}
    for frames in whole_sets(found):
        section = frames.section
        for entry in frames.contrasts.to_dict("records"):
            if entry["se"] > 0 and not math.isnan(entry["p"]):
                place = section.kind, section.task.primary, section.unit(section.metric), entry["arm"], entry["against"]
                together.setdefault(place, []).append((section, entry))
    rows = [_pooled(place, tested) for place, tested in together.items() if len(tested) > 1]
    return pd.DataFrame(rows, columns=POOLED)


def whole_sets(found: Iterable[SectionTables]) -> list[SectionTables]:
    """The data sets without variants of one another: parts, flipped labels, other splits or external tests."""
    return [each for each in found if each.section.name == (each.section.data.label or each.section.data.set_name)]


def _pooled(place: tuple, tested: list[tuple[DatasetResults, Mapping[str, Any]]]) -> dict[str, Any]:
    entries = [entry for _, entry in tested]
    found = evaluation.random_effects([entry["improvement"] for entry in entries], [entry["se"] for entry in entries])
    numbers = {name: getattr(found, name) for name in ("sets", "se", "df", "p", "i2")}
    low, high = difference_bounds(metrics.metric(place[1]), found.low, found.high)
    return {
        **dict(zip(POOLED[:5], place, strict=True)),
        **numbers,
        "low": low,
        "high": high,
        "improvement": found.mean,
        "tau": math.sqrt(found.tau2),
        "data": ", ".join(section.name for section, _ in tested),
        "complete": all(entry["complete"] for entry in entries),
    }


def pooled_body(found: Sequence[SectionTables]) -> TableBody:
    """The formatted table of the pooled contrasts."""
    frame = pooled(found)
    rows = []
    for entry in frame.to_dict("records"):
        metric = metrics.metric(entry["metric"])
        digits, unit = decimals(metric), f" ({entry['unit']})" if entry["unit"] else ""
        shown = signed(entry["improvement"], digits), between(entry["low"], entry["high"], digits)
        rest = number(entry["tau"], digits), f"{100 * entry['i2']:.0f} %", str(entry["sets"])
        mark = "" if entry["complete"] else "\u2020"
        rows.append((entry["arm"], entry["against"], metric.title + unit, *shown, probability(entry["p"]), *rest, mark))
    columns = ("Arm", "Against", "Metric", "Improvement", "95 %", "p", "τ", "I²", "Data sets", "")
    notes = ("\u2020 some runs are missing.",) if not frame["complete"].all() else ()
    caption = _caption(frame) if len(frame) else ""
    return TableBody(columns, tuple(rows), caption, notes, (0, 1, 2, 9))


def _caption(frame: pd.DataFrame) -> str:
    sets = listed(list(dict.fromkeys(name for names in frame["data"] for name in names.split(", "))))
    return (
        f"Data: {sets} ({frame['data_kind'].iloc[0]}). Random effects over data sets of one metric"
        " (DerSimonian and Laird, with the interval of Hartung and Knapp): the improvement to be expected on such data"
        " sets, positive where the arm is better. τ:"
        " its standard deviation between data sets; I²: their share of the variance. p values are not corrected for"
        " their number, and data sets are few: whether an arm is better on one of them, its own contrasts decide."
    )


TABLE = AcrossTableSpec(
    "pooled",
    "Pooled over data sets",
    order=100,
    frame=pooled,
    layout=pooled_body,
    csv="pooled",
    about="data sets together",
)
