"""The tests that a study declares: its contrasts, and the primary ones, which share Holm's correction."""

from __future__ import annotations

from collections.abc import Iterator

from bench import registry
from bench.core import BenchError, Study
from bench.core.factorial_design import Design


def contrasts(study: Study) -> list[tuple[str, str]]:
    """The declared contrasts; without any, every arm except the floors against the reference.

    The combinations of a factorial design are not contrasts themselves: the tests are about the effects of the factors.
    """
    if study.contrasts:
        return [tuple(pair) for pair in study.contrasts]
    inner = {} if study.design == Design() else study.combinations()
    left_out = {study.reference, *study.floors, *inner}
    return [(label, study.reference) for label, _ in study.rows() if label not in left_out]


def primary_tests(study: Study) -> list[tuple[str, str]]:
    """The primary tests, as (arm, against) or (factor: level, ""); empty where all are primary.

    A factor stands for its main effects. One factor at a time, these are also contrasts of each level with the control.
    """
    found = []
    for each in study.primary:
        found += list(_effects(study, each)) if isinstance(each, str) else [tuple(each)]
    return found


def _effects(study: Study, factor: str) -> Iterator[tuple[str, str]]:
    control = {name: each.control for name, each in study.factors.items()}
    levels = study.factors[factor].levels
    yield from ((f"{factor}: {level}", "") for level in levels if level != control[factor])
    if study.design == Design():
        combinations = study.combinations()
        base = next(label for label, levels in combinations.items() if dict(levels) == control)
        changed = {label: levels for label, levels in combinations.items() if levels[factor] != control[factor]}
        yield from (
            (label, base) for label, levels in changed.items() if {**levels, factor: control[factor]} == control
        )


def check_primary(study: Study, name: str) -> None:
    """BenchError where a primary test is neither a declared contrast, of arms or of splits, nor a factor."""
    declared = [*contrasts(study), *map(tuple, study.split_contrasts)]
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
