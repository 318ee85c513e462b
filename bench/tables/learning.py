"""Which arms have learnt anything at all: more than a floor that looks at no scan."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench import stats
from bench.tables.contrasts import ALPHA, row
from bench.tables.results import Section

COLUMNS = ("data", "data_kind", "arm", "against", "improvement", "low", "high", "p", "p_holm", "folds", "verdict")
LEARNT, UNSURE, NOTHING_LEARNT = "learnt", "not shown to have learnt", "not learnt"


def learning(section: Section) -> pd.DataFrame:
    """A row for every arm that is no floor, against the floor that sees nothing; empty where the study has none.

    Tested as a contrast is, with Holm's correction over the rows. not learnt: no better by the mean, which needs no
    test. not shown to have learnt: better by the mean, and by no more than chance could do.
    """
    blind = next((arm for arm in section.plan.get("blind") or () if arm in section.arms), None)
    if blind is None:
        return pd.DataFrame(columns=COLUMNS)
    floors = section.plan["floors"]
    rows = [row(section, arm, blind) for arm in section.arms if arm not in floors]
    tests = stats.holm(np.array([1.0 if math.isnan(each["p"]) else each["p"] for each in rows])) if rows else []
    told = [
        {**each, "p_holm": p, "verdict": _verdict({**each, "p_holm": p})} for each, p in zip(rows, tests, strict=True)
    ]
    return pd.DataFrame([{name: each[name] for name in COLUMNS} for each in told], columns=COLUMNS)


def _verdict(entry: Mapping[str, Any]) -> str:
    if not entry["folds"]:
        return "not tested: no fold has both arms"
    if entry["improvement"] <= 0:
        return NOTHING_LEARNT
    if math.isnan(entry["p"]):
        return f"not tested: {entry['reason']}"
    return LEARNT if entry["p_holm"] < ALPHA else UNSURE
