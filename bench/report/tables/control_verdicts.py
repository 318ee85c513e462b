"""What a control shows, in words that say what it could have seen.

A control that shows nothing is worth what it could have seen: the true difference, or distance from chance, that 80 %
of such controls would find. It gives no verdict where that is more than a fault could be at all, or more than the
study claims: then it does not vouch for that claim.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench import evaluation
from bench.evaluation import metrics
from bench.evaluation.detectable_difference import ALPHA, detectable, detectable_range
from bench.evaluation.metrics import Metric
from bench.report.tables.above_chance_table import LEARNT
from bench.report.tables.declared_tests import no_fold
from bench.report.tables.number_format import decimals, number
from bench.report.tables.results import DatasetResults

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

DETECTABLE = ("detectable", "detectable_low", "detectable_high")

Columns = dict[str, Any]


def again_verdict(tables: SectionTables, found: Mapping[str, Any]) -> Columns:
    """Detectable difference and verdict of the A/A control. found: its row, as of a contrast."""
    section = tables.section
    if math.isnan(found["p"]):
        reason = found["reason"] if found["folds"] else no_fold(found)
        return _columns(None, f"not tested: {reason}")
    if found["se"] == 0:
        return _columns(None, "the same for every person: the seed changes nothing, so this tells nothing")
    sizes = detectable(found["se"], found["df"]), *detectable_range(found["se"], found["df"])
    if found["p"] < ALPHA:
        words = "a difference where there is none: once in twenty this is chance, otherwise a fault of the study"
        return _columns(False, words, sizes)
    asked = _Sight(section, section.metric, sizes[0], "no difference shown", "a fault")
    shown, size = _largest_shown(tables), sizes[0]
    if size >= _room(section, section.metric):
        return _columns(None, asked.nothing(), sizes)
    if size > shown > 0:
        return _columns(
            None, asked.too_little(f"the largest difference shown on it is {asked.formatted(shown)}"), sizes
        )
    return _columns(True, asked.enough(), sizes)


def labels_verdict(tables: SectionTables, arm: str, name: str, found: evaluation.Verdict) -> Columns:
    """Detectable distance from chance and verdict of the random labels of an arm. name: of the metric that judges."""
    section, sizes = tables.section, found.detectable()
    if found.verdict == "too few":
        words = f"no verdict: {found.permutations} permutations with a score, {evaluation.PERMUTATIONS} are needed"
        return _columns(None, words)
    if not found.passes:
        return _columns(False, "fails: more than two standard errors from chance", sizes)
    if found.se == 0:
        return _columns(None, "no verdict: every permutation has the same score, so this tells nothing", sizes)
    judge = metrics.metric(name)
    asked = _Sight(section, judge, sizes[0], "passes", "a leak")
    if sizes[0] >= judge.high - found.chance:
        return _columns(None, asked.nothing(), sizes)
    above = _learnt(tables, arm, judge, found.chance)
    if sizes[0] > above > 0:
        return _columns(
            None, asked.too_little(f"with true labels {arm} is {asked.formatted(above)} above chance"), sizes
        )
    return _columns(True, asked.enough(), sizes)


class _Sight:
    """The sentences on what a control could have seen. size: in the unit of the metric."""

    def __init__(self, section: DatasetResults, judge: Metric, size: float, passed: str, what: str) -> None:
        self.digits, self.passed, self.what = decimals(judge), passed, what
        unit = section.unit(judge)
        self.unit = f"{f'{unit} of ' if unit else ''}{judge.title}"
        self.size = f"{number(size, self.digits)} {self.unit}"

    def formatted(self, size: float) -> str:
        return number(size, self.digits)

    def enough(self) -> str:
        return f"{self.passed}; {self.what} worth {self.size} or more would probably have been seen"

    def too_little(self, why: str) -> str:
        return f"no verdict: only {self.what} worth {self.size} or more would probably have been seen, and {why}"

    def nothing(self) -> str:
        return f"no verdict: even the largest possible effect of {self.what} would probably have been missed"


def _columns(passes: bool | None, words: str, sizes: tuple[float, ...] = (math.nan,) * 3) -> Columns:
    return {**dict(zip(DETECTABLE, sizes, strict=True)), "passes": passes, "verdict": words}


def _room(section: DatasetResults, judge: Metric) -> float:
    """The largest difference that a fault can make: between chance, where it is known, and the best score."""
    chance = metrics.chance(section.task, judge.name)
    return judge.high - (judge.low if chance is None else chance)


def _largest_shown(tables: SectionTables) -> float:
    """The largest primary difference that the data set shows after the correction; 0 if it shows none."""
    frames = [frame for frame in (tables.contrasts, tables.effects) if len(frame)]
    return max((abs(size) for f in frames for size in f[f["p_holm"] < ALPHA]["improvement"]), default=0.0)


def _learnt(tables: SectionTables, arm: str, judge: Metric, chance: float) -> float:
    """How far above chance an arm is with the true labels, if it is shown to have learnt; else NaN.

    Higher is better in every metric whose level of chance is known beforehand.
    """
    rows = tables.learning
    if not rows["verdict"][rows["arm"] == arm].str.startswith(LEARNT).any():
        return math.nan
    return evaluation.fold_mean(tables.section.scores(arm, name=judge.name)) - chance
