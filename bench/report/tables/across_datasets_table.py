"""Several data sets of one kind together: contrasts pooled within one metric, and arms ranked. Never real with phantom.

A data set counts once, as it is: parts of it, wrong labels, other splits and external tests are no further data sets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench import evaluation
from bench.report.tables.number_format import between, decimals, listed, number, p_is, plural, probability, signed
from bench.report.tables.results import DatasetResults
from bench.report.tables.table import Table

if TYPE_CHECKING:
    from bench.report.tables import SectionTables

FEWEST_ARMS = 3  # to be ranked: of two, the contrast says more
POOLED = (
    "data_kind", "metric", "unit", "arm", "against", "sets", "data", "improvement", "low", "high", "se", "df", "p",
    "tau", "i2", "complete",
)  # fmt: skip


@dataclass(frozen=True)
class Ranking:
    """The arms that all data sets of a kind have, ranked within each."""

    kind: str
    arms: tuple[str, ...]  # best mean rank first
    sets: tuple[str, ...]
    each: np.ndarray  # (sets, arms) ranks
    ranks: evaluation.Ranks  # its means are in the order of `arms`
    left_out: tuple[str, ...]  # arms that are not complete on every data set


def pooled(found: Sequence[SectionTables]) -> pd.DataFrame:
    """A row for every declared contrast that two data sets of one kind, metric and unit have tested."""
    together: dict[tuple, list[tuple[DatasetResults, Mapping[str, Any]]]] = {}
    for frames in _plain(found):
        section = frames.section
        for entry in frames.contrasts.to_dict("records"):
            if entry["se"] > 0 and not math.isnan(entry["p"]):
                place = section.kind, section.task.primary, section.unit(section.metric), entry["arm"], entry["against"]
                together.setdefault(place, []).append((section, entry))
    rows = [_pooled(place, tested) for place, tested in together.items() if len(tested) > 1]
    return pd.DataFrame(rows, columns=POOLED)


def _plain(found: Iterable[SectionTables]) -> list[SectionTables]:
    return [each for each in found if each.section.name == each.section.data.set_name]


def _pooled(place: tuple, tested: list[tuple[DatasetResults, Mapping[str, Any]]]) -> dict[str, Any]:
    entries = [entry for _, entry in tested]
    found = evaluation.random_effects([entry["improvement"] for entry in entries], [entry["se"] for entry in entries])
    numbers = {name: getattr(found, name) for name in ("sets", "low", "high", "se", "df", "p", "i2")}
    return {
        **dict(zip(POOLED[:5], place, strict=True)),
        **numbers,
        "improvement": found.mean,
        "tau": math.sqrt(found.tau2),
        "data": ", ".join(section.name for section, _ in tested),
        "complete": all(entry["complete"] for entry in entries),
    }


def rankings(found: Sequence[SectionTables]) -> list[Ranking]:
    """The ranking of each kind of data that has two data sets and enough complete arms on all of them."""
    made = (
        _ranking(kind, [each for each in _plain(found) if each.section.kind == kind]) for kind in ("real", "phantom")
    )
    return [ranking for ranking in made if ranking]


def _ranking(kind: str, found: Sequence[SectionTables]) -> Ranking | None:
    if len(found) < 2:
        return None
    every = list(dict.fromkeys(arm for each in found for arm in each.section.arms))
    scores = {arm: [_gain(each, arm) for each in found] for arm in every}
    arms = [arm for arm in every if np.isfinite(scores[arm]).all()]
    if len(arms) < FEWEST_ARMS:
        return None
    table = np.array([scores[arm] for arm in arms]).T  # (sets, arms)
    order = np.argsort(evaluation.ranked(table).means, kind="stable")
    ranks, each = evaluation.ranked(table[:, order]), [evaluation.ranked(row[None, order]).means for row in table]
    names = tuple(each.section.name for each in found)
    left_out = tuple(arm for arm in every if arm not in arms)
    return Ranking(kind, tuple(arms[at] for at in order), names, np.array(each), ranks, left_out)


def _gain(found: SectionTables, arm: str) -> float:
    """The score, higher being better; NaN where a run of it is missing."""
    rows = found.scores[(found.scores["arm"] == arm) & found.scores["complete"]]
    return found.section.sign * float(rows["score"].iloc[0]) if len(rows) else math.nan


def ranks_frame(found: Sequence[SectionTables]) -> pd.DataFrame:
    """A row for every ranked arm."""
    rows = [
        {
            "data_kind": one.kind,
            "arm": arm,
            "mean_rank": one.ranks.means[at],
            "sets": len(one.sets),
            "critical_difference": one.ranks.critical,
            "p_friedman": one.ranks.p,
            "underpowered": one.ranks.underpowered,
        }
        for one in rankings(found)
        for at, arm in enumerate(one.arms)
    ]
    return pd.DataFrame(rows)


def across(found: Sequence[SectionTables]) -> list[Table]:
    """The tables over several data sets, of real and of phantom ones apart; none where there is nothing to pool."""
    frame = pooled(found)
    made = [_pooled_table(kind, rows) for kind, rows in frame.groupby("data_kind", sort=False)] if len(frame) else []
    return [*made, *(_ranks_table(one) for one in rankings(found))]


def _pooled_table(kind: str, frame: pd.DataFrame) -> Table:
    from bench.evaluation import metrics

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
    name, title = _named("pooled", "Pooled over data sets", kind)
    return Table(name, title, columns, tuple(rows), _pooled_caption(kind, frame), notes, (0, 1, 2, 9))


def _pooled_caption(kind: str, frame: pd.DataFrame) -> str:
    sets = listed(list(dict.fromkeys(name for names in frame["data"] for name in names.split(", "))))
    return (
        f"Data: {sets} ({kind}). Random effects over data sets of one metric (DerSimonian and Laird, with the interval"
        " of Hartung and Knapp): the improvement to be expected on such data sets, positive where the arm is better. τ:"
        " its standard deviation between data sets; I²: their share of the variance. p values are not corrected for"
        " their number, and data sets are few: whether an arm is better on one of them, its own contrasts decide."
    )


def _ranks_table(one: Ranking) -> Table:
    best = one.ranks.means[0]
    rows = tuple(
        (
            arm,
            number(one.ranks.means[at], 2),
            *(number(rank, 1) for rank in one.each[:, at]),
            "no" if one.ranks.means[at] - best > one.ranks.critical else "yes",
        )
        for at, arm in enumerate(one.arms)
    )
    columns = ("Arm", "Mean rank", *one.sets, "Within CD of the first")
    notes = (f"Not complete on every data set, and not ranked: {', '.join(one.left_out)}.",) if one.left_out else ()
    name, title = _named("ranks", "Ranks over data sets", one.kind)
    return Table(name, title, columns, rows, ranks_caption(one), notes)


def ranks_caption(one: Ranking) -> str:
    """What the ranks rest on, with the critical difference, and whether it can show anything."""
    ranks, arms = one.ranks, len(one.arms)
    told = (
        f"Underpowered: with {plural(ranks.sets, 'data set')}, two of {arms} arms must lie {number(ranks.critical, 2)}"
        f" of at most {arms - 1} ranks apart to differ. That no difference shows here means nothing."
        if ranks.underpowered
        else f"Two arms differ where their mean ranks lie more than {number(ranks.critical, 2)} apart."
    )
    return (
        f"Data: {listed(one.sets)} ({one.kind}). Ranks within each data set by its primary metric, 1 is best,"
        f" averaged. Critical difference (Nemenyi, 0.05): {number(ranks.critical, 2)}; Friedman {p_is(ranks.p)}. {told}"
        " How sure a score is has no part in a rank: whether arms differ on a data set, its contrasts decide."
    )


def _named(name: str, title: str, kind: str) -> tuple[str, str]:
    return (name, title) if kind == "real" else (f"{name}_phantom", f"{title} (phantoms)")
