"""A caution where no network is shown to be better than a floor that reads covariates and no scan."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from bench import evaluation
from bench.report.tables import DatasetResults, SectionTables
from bench.report.tables.captions import in_sentence
from bench.report.tables.declared_tests import ALPHA, contrast_row
from bench.report.tables.number_format import decimals, listed, number, plural


def covariates_not_beaten(found: SectionTables) -> str:
    """What the covariates are that no network is shown to beat; empty if one is, or if there is no such floor.

    A network that is better by the mean is tested over people, with Holm's correction over the complete networks.
    """
    section = found.section
    scores = found.scores[found.scores["complete"] & found.scores["score"].notna()]
    networks = scores[scores["family"] != "floor"]
    words = []
    for floor in scores[scores["family"] == "floor"].to_dict("records"):
        names = _covariates(section, floor["arm"])
        if names and len(networks) and not _any_shown(section, networks, floor):
            words.append(_sentence(section, networks, floor, names))
    return " ".join(words)


def _covariates(section: DatasetResults, arm: str) -> list[str]:
    """The covariates that the runs of an arm read; empty if it reads scans."""
    runs = [run for run in section.of(arm) if run.done]
    return list(dict.fromkeys(name for run in runs for name in run.record.resolved.get("covariates", ())))


def _any_shown(section: DatasetResults, networks: pd.DataFrame, floor: dict) -> bool:
    if (section.sign * networks["score"]).max() <= section.sign * floor["score"]:
        return False
    rows = [contrast_row(section, arm, floor["arm"]) for arm in networks["arm"]]
    tests = evaluation.holm(np.array([1.0 if math.isnan(row["p"]) else row["p"] for row in rows]))
    return any(p < ALPHA and row["improvement"] > 0 for row, p in zip(rows, tests, strict=True))


def _sentence(section: DatasetResults, networks: pd.DataFrame, floor: dict, names: list[str]) -> str:
    best = networks.loc[(section.sign * networks["score"]).idxmax()]
    better = section.sign * (best["score"] - floor["score"]) > 0
    level, most = (number(each["score"], decimals(section.metric)) for each in (floor, best))
    tested = f" (tested over people, with Holm's correction over {plural(len(networks), 'network')})" if better else ""
    return (
        f"No network {'is shown to beat' if better else 'beats'} {listed(names)}{tested}: the floor {floor['arm']}"
        f" reads these and no scan and has {in_sentence(section.metric.title)} {level}; the best network,"
        f" {best['arm']}, has {most}."
    )
