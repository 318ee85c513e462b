"""The primary tests of a study: those that share Holm's correction; the others are exploratory."""

from __future__ import annotations

from collections.abc import Iterator

from bench import registry
from bench.core import BenchError, Study
from bench.core.factorial_design import Design
from bench.experiments.plan.validate import contrasts


def primary_tests(study: Study) -> list[tuple[str, str]]:
    """The primary tests, as (arm, against) or (factor: level, ""); empty where all are primary.

    A factor stands for its effects: one factor at a time, each level against the control; in a factorial design, the
    main effects.
    """
    found = []
    for each in study.primary:
        found += list(_effects(study, each)) if isinstance(each, str) else [tuple(each)]
    return found


def _effects(study: Study, factor: str) -> Iterator[tuple[str, str]]:
    control = {name: each.control for name, each in study.factors.items()}
    combinations = study.combinations()
    if study.design != Design():
        levels = study.factors[factor].levels
        yield from ((f"{factor}: {level}", "") for level in levels if level != control[factor])
        return
    base = next(label for label, levels in combinations.items() if dict(levels) == control)
    for label, levels in combinations.items():
        if levels[factor] != control[factor] and {**levels, factor: control[factor]} == control:
            yield label, base


def check_primary(study: Study, name: str) -> None:
    """BenchError where a primary test is neither a declared contrast nor a factor."""
    declared = contrasts(study)
    for each in study.primary:
        if isinstance(each, str):
            if each not in study.factors:
                near = registry.did_you_mean(each, study.factors)
                raise BenchError(f"the study {name}: primary names the factor {each!r}, which it does not have; {near}")
        elif tuple(each) not in declared:
            pairs = ", ".join(f"({arm!r}, {against!r})" for arm, against in declared[:5])
            raise BenchError(
                f"the study {name}: primary names {tuple(each)!r}, which is none of its contrasts; declare it among"
                f" them, or name one of {pairs}{', ...' if len(declared) > 5 else ''}"
            )
