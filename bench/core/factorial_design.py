"""Which combinations of the levels of factors are run, and what they can tell apart. Pure; it knows no study by name.

`single`: the control, and every other level alone; with them the combinations of every declared pair of factors, whose
interaction is asked for. `full`: every combination. `fractional`: a regular fraction of two-level factors, in which
some factors are the products of others (their generators). The control is coded +1 and the other level -1, so that the
combination of all controls is in every fraction (Box, Hunter & Hunter 2005, chapter 6).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

KINDS = ("single", "full", "fractional")
CONTROL = "control"  # the label of the combination of all controls
Levels = Mapping[str, str]  # factor -> level
Word = frozenset[str]  # the factors whose product is meant


@dataclass(frozen=True)
class Factor:
    """Something that may be so or otherwise: label -> parameters that put it so. control: the label to compare with."""

    levels: Mapping[str, Mapping[str, object]]
    control: str

    @property
    def others(self) -> list[str]:
        """The levels that are compared with the control."""
        return [level for level in self.levels if level != self.control]


@dataclass(frozen=True)
class Design:
    """Which combinations are run. kind: one of KINDS."""

    kind: str = "single"
    generators: Mapping[str, Sequence[str]] = field(default_factory=dict)  # factor -> those whose product it is
    interactions: Sequence[tuple[str, str]] = ()  # pairs of factors whose interaction the report tells


def combinations(factors: Mapping[str, Factor], design: Design) -> list[dict[str, str]]:
    """Every combination that is run, as factor -> level; the control first, each once."""
    control = {name: factor.control for name, factor in factors.items()}
    made = {"single": _single, "full": _full, "fractional": _fractional}[design.kind](factors, design)
    found = [control, *({**control, **levels} for levels in made)]
    return list({tuple(levels.items()): levels for levels in found}.values())


def label(levels: Levels, factors: Mapping[str, Factor]) -> str:
    """A combination by what is not at its control: `dgm=off, ratio=2`."""
    told = [f"{name}={level}" for name, level in levels.items() if level != factors[name].control]
    return ", ".join(told) or CONTROL


def _single(factors: Mapping[str, Factor], design: Design) -> Iterator[Levels]:
    for name, factor in factors.items():
        yield from ({name: level} for level in factor.others)
    for one, other in design.interactions:
        for first, second in itertools.product(factors[one].others, factors[other].others):
            yield {one: first, other: second}


def _full(factors: Mapping[str, Factor], design: Design) -> Iterator[Levels]:
    choices = [[factor.control, *factor.others] for factor in factors.values()]
    for levels in itertools.product(*choices):
        yield dict(zip(factors, levels, strict=True))


def _fractional(factors: Mapping[str, Factor], design: Design) -> Iterator[Levels]:
    basic = [name for name in factors if name not in design.generators]
    for signs in itertools.product((1, -1), repeat=len(basic)):
        coded = dict(zip(basic, signs, strict=True))
        for name, product in design.generators.items():
            coded[name] = 1 if sum(coded[other] < 0 for other in product) % 2 == 0 else -1
        yield {name: factors[name].control if coded[name] > 0 else factors[name].others[0] for name in factors}


def defining_words(design: Design) -> list[Word]:
    """The products that are constant in a fraction, the shortest first: its defining relation."""
    words = [Word((name, *product)) for name, product in design.generators.items()]
    chosen = itertools.chain.from_iterable(itertools.combinations(words, n) for n in range(1, len(words) + 1))
    return sorted((_product(group) for group in chosen), key=lambda word: (len(word), sorted(word)))


def resolution(design: Design) -> int | None:
    """The length of the shortest constant product: 3, a main effect is one with an interaction of two; 4, two
    interactions are one; 5, neither. None where every combination of the design's kind is there."""
    words = defining_words(design) if design.kind == "fractional" else []
    return len(words[0]) if words else None


def aliases(design: Design, effect: Sequence[str], longest: int = 2) -> list[tuple[str, ...]]:
    """Main effects and interactions of up to so many factors that a fraction cannot tell from `effect`."""
    words = defining_words(design) if design.kind == "fractional" else []
    others = (_product([Word(effect), word]) for word in words)
    return sorted((tuple(sorted(other)) for other in others if 0 < len(other) <= longest), key=lambda o: (len(o), o))


def _product(words: Sequence[Word]) -> Word:
    """The product of signs: what occurs twice is one."""
    found: Word = Word()
    for word in words:
        found = found ^ word
    return found
