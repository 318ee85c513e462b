"""Which arms have learnt anything at all: more than a floor that looks at no scan, and than chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench import stats
from bench.metrics import Metric
from bench.tables.contrasts import ALPHA, row
from bench.tables.results import Run, Section

COLUMNS = ("data", "data_kind", "arm", "against", "improvement", "by_chance", "test", "p", "p_holm", "folds", "verdict")
LEARNT, UNSURE, NOTHING_LEARNT = "learnt", "not shown to have learnt", "not learnt"
PERMUTED, CONTRAST = "permutation of people", "contrast"


def learning(section: Section) -> pd.DataFrame:
    """A row for every arm that is no floor, against the floor that sees nothing; empty where the study has none.

    Held against what predictions that know nothing of the people would score (`bench.stats.luck`), with Holm's
    correction over the rows; tested as a contrast where that is not known: masks, scores that are no sums, predictions
    that were not kept. by_chance: the improvement that chance exceeds, whichever way, in 5 %. not learnt: no better by
    the mean, which needs no test. not shown to have learnt: better by the mean, and by no more than chance could do.
    """
    blind = next((arm for arm in section.plan.get("blind") or () if arm in section.arms), None)
    if blind is None:
        return pd.DataFrame(columns=COLUMNS)
    floors = section.plan["floors"]
    rows = [_tested(section, arm, blind) for arm in section.arms if arm not in floors]
    tests = stats.holm(np.array([1.0 if math.isnan(each["p"]) else each["p"] for each in rows])) if rows else []
    told = [
        {**each, "p_holm": p, "verdict": _verdict({**each, "p_holm": p})} for each, p in zip(rows, tests, strict=True)
    ]
    return pd.DataFrame([{name: each[name] for name in COLUMNS} for each in told], columns=COLUMNS)


def _tested(section: Section, arm: str, blind: str) -> dict[str, Any]:
    found = row(section, arm, blind)
    known = _variances(section, arm) if found["folds"] > 1 else []
    if known and not np.isnan(known).any():
        correlation = 1.0 if section.elsewhere else section.correlation
        luck = stats.luck(found["improvement"], known, min(section.folds, len(known)), correlation)
        return {**found, "by_chance": stats.REACH * luck.se, "test": PERMUTED, "p": luck.p}
    reach = (found["high"] - found["low"]) / 2
    return {**found, "by_chance": reach, "test": CONTRAST}


def _variances(section: Section, arm: str) -> list[float]:
    """The variance by chance of the score of every (partition, fold) that has one."""
    models: dict[tuple[int, int], list[Run]] = {}
    for run in section.of(arm):
        if not math.isnan(run.score(section.task.primary)):
            models.setdefault(run.place[:2], []).append(run)
    return [_variance(section, section.metric, runs) for runs in models.values()]


def _variance(section: Section, metric: Metric, runs: Sequence[Run]) -> float:
    kept = [section.predictions(run) for run in runs]
    if any("selected" not in each or not np.isfinite(each["selected"]).all() for each in kept):
        return math.nan
    first, *others = kept
    if any(not np.array_equal(each["ids"], first["ids"]) for each in others):
        return math.nan
    fold = first["y"], first["selected"], first["groups"]
    return stats.by_chance(metric, fold, [each["selected"] for each in others])


def _verdict(entry: Mapping[str, Any]) -> str:
    if not entry["folds"]:
        return "not tested: no fold has both arms"
    if entry["improvement"] <= 0:
        return NOTHING_LEARNT
    if math.isnan(entry["p"]):
        return f"not tested: {entry['reason']}"
    return LEARNT if entry["p_holm"] < ALPHA else UNSURE
