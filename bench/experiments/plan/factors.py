"""Checks of factors and their design: that arms differ and effects can be estimated; the design in words."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from bench import registry
from bench.core import BenchError, Study, canonical
from bench.core.factorial_design import KINDS, Design, Factor, Levels, aliases, resolution
from bench.core.study_plan import FactorLevels, PlannedDesign

_ROMAN = {3: "III", 4: "IV", 5: "V", 6: "VI", 7: "VII", 8: "VIII"}


def check_levels(study: Study, name: str) -> None:
    """BenchError where factors contradict each other, or their design cannot estimate a declared effect."""
    if not study.factors and (study.design != Design()):
        raise BenchError(f"the study {name} has a design but no factors; give factors, or remove the design")
    for factor, levels in study.factors.items():
        if levels.control not in levels.levels:
            near = registry.did_you_mean(levels.control, levels.levels)
            raise BenchError(f"factor {factor!r} of the study {name} has no level {levels.control!r}; {near}")
        if len(levels.levels) < 2:
            raise BenchError(
                f"factor {factor!r} of the study {name} has one level; give at least two, or remove the factor"
            )
    if study.factors and study.base is None:
        raise BenchError(f"the study {name} has factors but no base; give the arm that they vary")
    _check_design(study, f"the design of the study {name}")
    for arm, levels in study.combinations().items():
        _check_agreement(study, name, arm, levels)


def check_distinct(study: Study, name: str) -> None:
    """BenchError where two combinations of levels give the same arm: a level changes nothing.

    Call it after the parameters have been checked.
    """
    combinations = study.combinations()
    labels: dict[str, str] = {}
    for label, arm in ((label, arm) for label, arm in study.rows() if label in combinations):
        same = canonical(registry.spec("methods", arm.method, arm.params))
        if (other := labels.setdefault(same, label)) != label:
            raise BenchError(f"arms {other!r} and {label!r} of the study {name} are the same: a level changes nothing")


def _check_design(study: Study, where: str) -> None:
    design, factors = study.design, study.factors
    if design.kind not in KINDS:
        raise BenchError(f"{where}: no kind {design.kind!r}; {registry.did_you_mean(design.kind, KINDS)}")
    for pair in design.interactions:
        if len(pair) != 2 or pair[0] == pair[1]:
            raise BenchError(f"{where}: an interaction must name two different factors, not {tuple(pair)}")
        _known(pair, factors, where)
    if len({frozenset(pair) for pair in design.interactions}) < len(design.interactions):
        raise BenchError(f"{where}: an interaction is declared twice")
    if bool(design.generators) != (design.kind == "fractional"):
        raise BenchError(
            f"{where}: a design needs generators if its kind is 'fractional', and must not have them otherwise"
        )
    if design.kind == "fractional":
        _check_fraction(design, factors, where)


def _check_fraction(design: Design, factors: Mapping[str, Factor], where: str) -> None:
    _known(design.generators, factors, where)
    for name, factor in factors.items():
        if len(factor.levels) != 2:
            raise BenchError(f"{where}: factor {name!r} has {len(factor.levels)} levels; a fractional design needs two")
    for name, product in design.generators.items():
        _known(product, factors, where)
        if generated := set(product) & set(design.generators):
            raise BenchError(
                f"{where}: the generator of {name!r} contains {min(generated)!r}, which has its own generator"
            )
        if len(set(product)) < len(product) or not product:
            raise BenchError(
                f"{where}: the generator of {name!r} must be a product of different factors, not {product}"
            )
    effects = [*((name,) for name in factors), *(tuple(pair) for pair in design.interactions)]
    for one, other in itertools.combinations(effects, 2):
        if tuple(sorted(other)) in aliases(design, one):
            raise BenchError(
                f"{where} cannot separate {effect_name(one)} from {effect_name(other)}; choose other generators"
            )


def _known(names: Sequence[str] | Mapping[str, Any], factors: Mapping[str, Factor], where: str) -> None:
    for name in names:
        if name not in factors:
            raise BenchError(f"{where}: no factor {name!r}; {registry.did_you_mean(name, factors)}")


def _check_agreement(study: Study, name: str, arm: str, levels: Levels) -> None:
    """No two factors may set one parameter, or a parameter and a part of it, to different values in one arm."""
    settings = {factor: study.factors[factor].levels[level] for factor, level in levels.items()}
    for (one, first), (other, second) in itertools.combinations(settings.items(), 2):
        for key, against in itertools.product(first, second):
            nested = key.startswith(f"{against}.") or against.startswith(f"{key}.")
            if nested or (key == against and canonical(first[key]) != canonical(second[against])):
                clash = f"{one}={levels[one]} sets {key} to {_value(first[key])}, and {other}={levels[other]} sets"
                raise BenchError(
                    f"factors of the study {name} contradict each other in the arm {arm!r}: {clash} {against} to"
                    f" {_value(second[against])}; let each parameter belong to one factor, and leave it out of the"
                    " controls of the others"
                )


def _value(value: Any) -> str:
    text = canonical(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def effect_name(effect: Sequence[str]) -> str:
    """The factors of an effect: `plane x flip`."""
    return " x ".join(effect)


def planned_design(study: Study) -> PlannedDesign | None:
    """The design as the plan stores it; None where a study has no factors."""
    if not study.factors:
        return None
    design = study.design
    effects = [*((name,) for name in study.factors), *(tuple(pair) for pair in design.interactions)]
    fractional = design.kind == "fractional"
    return PlannedDesign(
        kind=design.kind,
        factors={name: FactorLevels(control=f.control, levels=tuple(f.levels)) for name, f in study.factors.items()},
        combinations=study.combinations(),
        interactions=tuple((one, other) for one, other in design.interactions),
        generators={name: tuple(product) for name, product in design.generators.items()},
        resolution=resolution(design),
        aliases={
            effect_name(effect): tuple(effect_name(other) for other in aliases(design, effect)) for effect in effects
        }
        if fractional
        else {},
    )


def effect_pairs(study: Study, runs: Mapping[str, int]) -> int:
    """Number of pairs of runs that the effects of the factors compare; runs: label of an arm -> its number of runs.

    An effect pairs the runs at its level with as many runs at the control level; an interaction is two such
    differences. In a design of one factor at a time, these are the runs of one arm and of the control.
    """
    combined, factors, single = study.combinations(), study.factors, study.design.kind == "single"

    def count(**asked: str) -> int:
        free = {name: factor.control for name, factor in factors.items()} if single else {}
        wanted = {**free, **asked}.items()
        return sum(runs.get(label, 0) for label, levels in combined.items() if wanted <= levels.items())

    main = sum(
        min(count(**{name: level}), count(**{name: factor.control}))
        for name, factor in factors.items()
        for level in factor.others
    )
    crossed = 0
    for one, other in study.design.interactions:
        for first, second in itertools.product(factors[one].others, factors[other].others):
            cells = itertools.product((first, factors[one].control), (second, factors[other].control))
            crossed += 2 * min(count(**{one: level_one, other: level_other}) for level_one, level_other in cells)
    return main + crossed


def design_lines(study: Study) -> list[str]:
    """The design in words: its kind, its resolution, and the effects that it confounds."""
    design = planned_design(study)
    if design is None:
        return []
    sizes = ", ".join(f"{name} ({len(factor.levels)})" for name, factor in study.factors.items())
    kind = {"single": "one factor at a time", "full": "every combination", "fractional": "a fraction"}[design.kind]
    if design.kind == "single" and design.interactions:
        kind += ", and the combinations of the declared pairs"
    if design.resolution:
        kind += f" of resolution {_ROMAN.get(design.resolution, design.resolution)}"
    lines = [f"factors (levels): {sizes}; {kind}: {len(design.combinations)} combinations"]
    if design.interactions:
        lines.append(f"interactions: {'; '.join(effect_name(pair) for pair in design.interactions)}")
    mixed = [f"{effect} with {', '.join(others)}" for effect, others in design.aliases.items() if others]
    return [*lines, *([f"cannot be separated (up to two factors): {'; '.join(mixed)}"] if mixed else [])]
