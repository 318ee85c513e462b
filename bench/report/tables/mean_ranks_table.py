"""The arms ranked within each of several data sets of one kind, and their mean ranks: never real with phantom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench import evaluation
from bench.report.tables.number_format import listed, number, p_is, plural
from bench.report.tables.pooled_contrasts_table import whole_sets
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import AcrossTableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

FEWEST_ARMS = 3  # to be ranked: of two, the contrast says more


@dataclass(frozen=True)
class Ranking:
    """The arms that all data sets of a kind have, ranked within each."""

    kind: str
    arms: tuple[str, ...]  # best mean rank first
    sets: tuple[str, ...]
    each: np.ndarray  # (sets, arms) ranks
    ranks: evaluation.Ranks  # its means are in the order of `arms`
    left_out: tuple[str, ...]  # arms that are not complete on every data set


def rankings(found: Sequence[SectionTables]) -> list[Ranking]:
    """The ranking of each kind of data that has two data sets and enough complete arms on all of them."""
    kinds = ([each for each in found if each.section.kind == kind] for kind in ("real", "phantom"))
    return [one for of_kind in kinds if (one := ranking(of_kind)) is not None]


def ranking(found: Sequence[SectionTables]) -> Ranking | None:
    """The ranking over data sets of one kind; None if there are fewer than two, or too few complete arms."""
    found = whole_sets(found)
    if len(found) < 2:
        return None
    every = list(dict.fromkeys(arm for each in found for arm in each.section.arms))
    scores = {arm: [_gain(each, arm) for each in found] for arm in every}
    arms = [arm for arm in every if np.isfinite(scores[arm]).all()]
    if len(arms) < FEWEST_ARMS:
        return None
    table = np.array([scores[arm] for arm in arms]).T  # (sets, arms)
    order = np.argsort(evaluation.rank_arms(table).means, kind="stable")
    ranks, each = evaluation.rank_arms(table[:, order]), [evaluation.rank_arms(row[None, order]).means for row in table]
    names = tuple(each.section.name for each in found)
    left_out = tuple(arm for arm in every if arm not in arms)
    return Ranking(found[0].section.kind, tuple(arms[at] for at in order), names, np.array(each), ranks, left_out)


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


def ranks_body(found: Sequence[SectionTables]) -> TableBody:
    """The formatted table of the ranks; without rows if nothing is ranked."""
    one = ranking(found)
    if one is None:
        return TableBody((), (), "")
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
    return TableBody(columns, rows, ranks_caption(one), notes)


def ranks_caption(one: Ranking) -> str:
    """The basis of the ranks, the critical difference, and whether the test has enough power."""
    ranks, arms = one.ranks, len(one.arms)
    power = (
        f"Underpowered: with {plural(ranks.sets, 'data set')}, two of {arms} arms must lie {number(ranks.critical, 2)}"
        f" of at most {arms - 1} ranks apart to differ. That no difference shows here means nothing."
        if ranks.underpowered
        else f"Two arms differ where their mean ranks lie more than {number(ranks.critical, 2)} apart."
    )
    return (
        f"Data: {listed(one.sets)} ({one.kind}). Ranks within each data set by its primary metric, 1 is best,"
        f" averaged. Critical difference (Nemenyi, 0.05): {number(ranks.critical, 2)}; Friedman {p_is(ranks.p)}."
        f" {power} How sure a score is has no part in a rank: whether arms differ on a data set, its contrasts decide."
    )


TABLE = AcrossTableSpec(
    "ranks",
    "Ranks over data sets",
    order=200,
    frame=ranks_frame,
    layout=ranks_body,
    csv="ranks",
    about="ranks over data sets",
)
