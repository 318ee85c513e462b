"""The effects of the factors of a study: what each level changes against its control, and what two change together.

An effect is a weighted sum of arms, whose weights are those of ordinary least squares on the design, worked out within
every fold of every partition (seeds averaged first, folds in which an arm is missing left out) and tested over them
like any contrast. Where one factor is varied at a time it is the difference of two arms; in a factorial design the
mean over the levels of the other factors of such differences. An interaction is a difference of differences: what two
levels change together beyond what each changes alone. As contrasts are, effects are improvements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.core.study_plan import PlannedDesign
from bench.evaluation import Scores, average_seeds
from bench.report.tables import captions
from bench.report.tables.contrasts_table import adjusted
from bench.report.tables.declared_tests import (
    EXPLORATORY,
    Differences,
    detectable_cell,
    difference_test,
    verdict_cell,
)
from bench.report.tables.external_test import VarianceTerm
from bench.report.tables.metric_range import interval_cell
from bench.report.tables.number_format import MINUS, TIMES, decimals, plural, probability, signed
from bench.report.tables.results import DatasetResults, Results
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

Weights = Mapping[str, float]  # arm -> its part in an effect; they add up to 0

_KINDS = {"single": "one factor at a time", "full": "every combination of levels", "fractional": "a fraction"}


@dataclass(frozen=True)
class Effect:
    """One level of one factor, or one level each of two of them."""

    levels: tuple[tuple[str, str], ...]  # (factor, level)

    @property
    def kind(self) -> str:
        return "main" if len(self.levels) == 1 else "interaction"

    @property
    def factor(self) -> str:
        return f" {TIMES} ".join(factor for factor, _ in self.levels)

    @property
    def level(self) -> str:
        return f" {TIMES} ".join(level for _, level in self.levels)


def effects(results: Results) -> pd.DataFrame:
    """A row for every effect on every data set, not yet corrected for their number; empty for a study without factors.

    An effect that a data set cannot show (on images nothing is pooled, so that ways of pooling are one arm) has no row.
    """
    design = results.plan.design
    if design is None:
        return pd.DataFrame()
    parts = weights(design)
    return pd.DataFrame([row for section in results.sections for row in _rows(section, parts, design)])


def weights(design: PlannedDesign) -> dict[Effect, Weights]:
    """The weights of the arms in every effect: those of ordinary least squares, by the design of a plan.

    The model has the main effects and the declared interactions. One factor at a time, an effect is that beside the
    controls of the others (columns of 0 and 1); in factorial designs, that on average over the others (centred).
    """
    combinations = design.combinations
    wanted = _wanted(design)
    mean = 0.0 if design.kind == "single" else 1.0
    columns = {}
    for factor, level in (effect.levels[0] for effect in wanted if effect.kind == "main"):
        there = np.array([levels[factor] == level for levels in combinations.values()], dtype=float)
        columns[factor, level] = there - mean * there.mean()
    made = [np.prod([columns[each] for each in effect.levels], axis=0) for effect in wanted]
    solved = np.linalg.pinv(np.stack([np.ones(len(combinations)), *made], axis=1))[1:].round(12)
    return {
        effect: {arm: float(weight) for arm, weight in zip(combinations, row, strict=True) if weight}
        for effect, row in zip(wanted, solved, strict=True)
    }


def _wanted(design: PlannedDesign) -> list[Effect]:
    others = {
        name: [level for level in factor.levels if level != factor.control] for name, factor in design.factors.items()
    }
    main = [Effect(((name, level),)) for name, levels in others.items() for level in levels]
    pairs = [
        Effect(((one, first), (other, second)))
        for one, other in design.interactions
        for first in others[one]
        for second in others[other]
    ]
    return main + pairs


def _rows(section: DatasetResults, parts: Mapping[Effect, Weights], design: PlannedDesign) -> Iterator[dict[str, Any]]:
    for effect, effect_weights in parts.items():
        shares = weights_on_arms(effect_weights, section.arms, section.data.alike)
        if shares:
            name = f"{effect.factor}: {effect.level}", ""
            arm, against = contrast_of(shares) or name
            yield {
                "data": section.name,
                "data_kind": section.kind,
                "arm": arm,
                "against": against,
                "primary": section.plan.is_primary(arm, against) or section.plan.is_primary(*name),
                **difference_test(section, differences(section, shares), next(iter(shares))),
                "effect": effect.kind,
                "factor": effect.factor,
                "level": effect.level,
                "control": f" {TIMES} ".join(design.factors[factor].control for factor, _ in effect.levels),
                "aliases": "; ".join(design.aliases.get(_asked(effect), ())),
            }


def weights_on_arms(asked: Weights, arms: Collection[str], alike: Mapping[str, str]) -> dict[str, float]:
    """The weights on the arms that a data set has: an arm left out because it repeats another counts as that one.

    alike: arm that is left out -> the arm that it would repeat. Empty where nothing remains to be compared.
    """
    shares: dict[str, float] = {}
    for arm, weight in asked.items():
        shares[alike.get(arm, arm)] = shares.get(alike.get(arm, arm), 0.0) + weight
    shares = {arm: weight for arm, weight in shares.items() if abs(weight) > 1e-9}
    return shares if set(shares) <= set(arms) else {}


def differences(section: DatasetResults, shares: Weights) -> Differences:
    """The effect in every (partition, fold) in which all its arms have a score, seeds averaged."""
    scores = {arm: section.scores(arm) for arm in shares}
    planned = set().union(*scores.values())
    both = {cell for cell in planned if all(np.isfinite(found.get(cell, np.nan)) for found in scores.values())}
    folds = average_seeds({cell: _sum(shares, scores, cell) for cell in both})
    terms = tuple(VarianceTerm(section, arm, "arm", weight) for arm, weight in shares.items())
    missing = tuple(sorted(planned - both))
    return Differences(np.array(list(folds.values())), tuple(folds), missing, frozenset(planned), terms)


def _sum(shares: Weights, scores: Mapping[str, Scores], cell: tuple[int, int, int]) -> float:
    return sum(weight * scores[arm][cell] for arm, weight in shares.items())


def contrast_of(shares: Weights) -> tuple[str, str] | None:
    """The two arms of an effect that is a contrast, one less the other; None for another effect."""
    signs = {weight: arm for arm, weight in shares.items()}
    return (signs[1.0], signs[-1.0]) if len(shares) == 2 and set(signs) == {1.0, -1.0} else None


def _asked(effect: Effect) -> str:
    return " x ".join(factor for factor, _ in effect.levels)


def level_means(section: DatasetResults, factors: Iterable[str]) -> pd.DataFrame:
    """The mean score at every combination of levels of some factors, over the folds that all these arms have.

    One factor at a time, of the arms that have the other factors at their controls. Columns: the factors, score, folds.
    """
    design, factors = section.plan.design, list(factors)
    same = section.data.alike
    arms = {
        arm: levels
        for arm, levels in design.combinations.items()
        if design.kind != "single" or _others_at_control(design, levels, factors)
    }
    found = {arm: average_seeds(section.scores(same.get(arm, arm))) for arm in arms}
    folds = set.intersection(*(set(scores) for scores in found.values()))
    rows = [
        {**{name: levels[name] for name in factors}, "score": np.mean([found[arm][fold] for fold in folds])}
        for arm, levels in arms.items()
        if folds
    ]
    frame = pd.DataFrame(rows, columns=[*factors, "score"])
    return frame.groupby(factors, sort=False, as_index=False)["score"].mean().assign(folds=len(folds))


def _others_at_control(design: PlannedDesign, levels: Mapping[str, str], factors: list[str]) -> bool:
    rest = (name for name in levels if name not in factors)
    return all(levels[name] == design.factors[name].control for name in rest)


def effects_body(found: SectionTables) -> TableBody:
    """The formatted table of the main effects and declared interactions of a data set."""
    section, frame = found.section, found.effects
    mixed = len(frame) and bool(frame["aliases"].any())
    columns = ("Factor", "Level", "Against", "Effect", "95 %", "p", "Holm p", "Detectable", "Folds", "Verdict")
    columns += ("Not told from",) if mixed else ()
    rows = tuple(_cells(section, entry, mixed) for entry in frame.to_dict("records"))
    words = (0, 1, 2, *range(9, len(columns)))
    return TableBody(columns, rows, _caption(section, frame), (), words)


def _cells(section: DatasetResults, entry: Mapping[str, Any], mixed: bool) -> tuple[str, ...]:
    digits = decimals(section.metric)
    sizes = signed(entry["improvement"], digits), interval_cell(section, entry)
    tests = probability(entry["p"]), adjusted(entry), detectable_cell(section, entry)
    verdict = verdict_cell(section, entry)
    if entry["effect"] == "interaction":
        verdict = interaction_verdict(verdict)
    folds = f"{entry['folds']}/{entry['folds_planned']}"
    more = (entry["aliases"] or "none",) if mixed else ()
    return (entry["factor"], entry["level"], entry["control"], *sizes, *tests, folds, verdict, *more)


def interaction_verdict(verdict: str) -> str:
    """The verdict of an interaction, which is not an arm that could be better."""
    for word, words in (("better", "more together than apart"), ("worse", "less together than apart")):
        if verdict.removeprefix(EXPLORATORY).startswith(word):
            return verdict.replace(word, words, 1)
    return verdict


def _caption(section: DatasetResults, frame: pd.DataFrame) -> str:
    design = section.plan.design
    words = [captions.data(section), _design_words(design), _meaning(section, design)]
    if len(frame) and (frame["effect"] == "interaction").any():
        words.append("An interaction: what two levels change together beyond what each of them changes alone.")
    words += [
        f"{captions.deciding(section)} Only folds count in which every arm of the effect has a score. Brackets: 95 %,"
        " before the correction.",
        f"{captions.correction(frame, section)} Contrasts and effects are one family; one that is both counts once.",
        captions.selection(section),
        captions.design(section),
    ]
    return " ".join(word for word in words if word)


def _design_words(design: PlannedDesign | None) -> str:
    if design is None:
        return ""
    kind = _KINDS[design.kind]
    kind += f" of resolution {design.resolution}" if design.resolution else ""
    also = " and every pair of levels of the declared interactions" if design.kind == "single" else ""
    also = also if design.interactions else ""
    return f"Design: {kind}{also}, {plural(len(design.combinations), 'combination')}."


def _meaning(section: DatasetResults, design: PlannedDesign | None) -> str:
    title, unit = section.metric.title, section.unit(section.metric)
    unit = f" ({unit})" if unit else ""
    sides = f"level {MINUS} control" if section.sign > 0 else f"control {MINUS} level, as lower is better"
    others = "at their controls" if design is not None and design.kind == "single" else "averaged over"
    return f"Effect: improvement in {title}{unit} = {sides}, the other factors {others}; positive is better."


TABLE = TableSpec(
    "effects",
    "Effects of the factors",
    order=300,
    tests=effects,
    layout=effects_body,
    csv="effects",
    about="the effects of the factors",
)
