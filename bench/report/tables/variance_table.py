"""The variance between seeds compared with that between folds, in a study that trains with several seeds.

A score of fold f with seed s is modelled as mean + fold + rest; the two variances are those of a one-way analysis of
variance with random folds (the method of moments), on the folds that have all seeds. The variance due to seeds shrinks
as more of them are averaged; the variance due to folds does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.evaluation import Scores
from bench.report.tables import captions
from bench.report.tables.number_format import NOTHING, decimals, number
from bench.report.tables.results import DatasetResults
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

COLUMNS = ("what", "folds", "seeds", "mean", "sd_seeds", "sd_folds", "share_seeds", "sd_one_seed", "sd_all_seeds")


def noise(section: DatasetResults) -> pd.DataFrame:
    """A row for every arm and every declared contrast with at least two seeds in two folds."""
    if section.plan.seeds < 2:
        return pd.DataFrame(columns=COLUMNS)
    asked = {arm: section.scores(arm) for arm in section.arms}
    for arm, against in section.plan.contrasts:
        if arm in asked and against in asked:
            asked[f"{arm} less {against}"] = _less(asked[arm], asked[against], section.sign)
    rows = ({"what": what, **parts} for what, scores in asked.items() if (parts := variances(scores)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _less(ours: Scores, theirs: Scores, sign: int) -> Scores:
    return {cell: sign * (ours[cell] - theirs[cell]) for cell in ours if cell in theirs}


def variances(scores: Scores) -> dict[str, float]:
    """The parts of the variance of scores; empty where fewer than two folds have at least two seeds, all of them."""
    seeds = {seed for _, _, seed in scores}
    places = sorted({(partition, fold) for partition, fold, _ in scores})
    table = np.array([[scores.get((*place, seed), math.nan) for seed in sorted(seeds)] for place in places])  # (J, S)
    table = table[np.isfinite(table).all(axis=1)] if table.size else table
    if len(seeds) < 2 or len(table) < 2:
        return {}
    within = table.var(axis=1, ddof=1).mean()
    between = max(0.0, table.mean(axis=1).var(ddof=1) - within / len(seeds))
    whole = within + between
    return {
        "folds": len(table),
        "seeds": len(seeds),
        "mean": float(table.mean()),
        "sd_seeds": math.sqrt(within),
        "sd_folds": math.sqrt(between),
        "share_seeds": float(within / whole) if whole > 1e-24 else math.nan,
        "sd_one_seed": math.sqrt(whole),
        "sd_all_seeds": math.sqrt(between + within / len(seeds)),
    }


def noise_body(found: SectionTables) -> TableBody:
    """The formatted table of the variances."""
    section = found.section
    digits = decimals(section.metric)
    columns = ("Arm, or contrast", "Folds", "Seeds", "SD of seeds", "SD of folds", "Share of seeds", "SD, one seed")
    columns += ("SD, all seeds",)
    rows = tuple(_row(entry, digits) for entry in found.frame("noise").to_dict("records"))
    words = (
        f"{captions.data(section)} Of {section.metric.title}: its standard deviation between seeds within a fold and "
        "between folds, and how much of the variance seeds make. The last two: of a fold's score where one seed is "
        "trained, and where all are averaged; a test of methods rests on the rows of contrasts. "
        f"{captions.selection(section)} {captions.design(section)}"
    )
    return TableBody(columns, rows, words)


def _row(entry: Mapping[str, float], digits: int) -> tuple[str, ...]:
    share = NOTHING if math.isnan(entry["share_seeds"]) else f"{entry['share_seeds']:.0%}"
    deviations = [number(entry[name], digits) for name in ("sd_seeds", "sd_folds")]
    averaged = [number(entry[name], digits) for name in ("sd_one_seed", "sd_all_seeds")]
    return str(entry["what"]), str(entry["folds"]), str(entry["seeds"]), *deviations, share, *averaged


TABLE = TableSpec(
    "noise",
    "Noise of seeds and of folds",
    order=900,
    frame=lambda found: noise(found.section),
    layout=noise_body,
)
