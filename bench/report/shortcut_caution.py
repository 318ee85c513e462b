"""A caution where a score falls when people are compared with people who are alike in a covariate."""

from __future__ import annotations

import pandas as pd

from bench.report.tables import SectionTables
from bench.report.tables.declared_tests import ALPHA
from bench.report.tables.number_format import decimals, number, p_is

WITHIN = "within "


def scores_that_rest_on_covariates(found: SectionTables) -> str:
    """Which arms lose most within the strata of one covariate; empty if none is shown to lose."""
    frame = found.frame("confounds")
    sign, digits = found.section.sign, decimals(found.section.metric)
    lost = frame[(frame["p_holm"] < ALPHA) & (sign * frame["change"] < 0) & frame["p_partial"].notna()]
    largest = [rows.loc[rows["p_holm"].idxmin()] for rows in _by_arm(lost)]
    return " ".join(_sentence(row, found.section.metric.title, digits) for row in largest)


def _by_arm(frame: pd.DataFrame) -> list[pd.DataFrame]:
    return [frame[frame["arm"] == arm] for arm in dict.fromkeys(frame["arm"])]


def _sentence(row: pd.Series, title: str, digits: int) -> str:
    name = row["control"].removeprefix(WITHIN)
    return (
        f"The {title} of {row['arm']} rests on {name}: it is {number(row['score'], digits)} over all people, and"
        f" {number(row['controlled'], digits)} where people of the same {name} are compared ({p_is(row['p_holm'])})."
    )
