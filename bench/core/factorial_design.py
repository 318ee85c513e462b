"""Which combinations of factor levels are run, and which effects they separate. It knows no study by name.

`single`: the control, and every other level alone; also the combinations of every pair of factors whose interaction is
declared. `full`: every combination. `fractional`: a regular fraction of two-level factors, in which some factors are
products of others (their generators). The control is coded +1 and the other level -1, so that every fraction contains
the combination of all controls [1]_.

References
----------
.. [1] Box, Hunter & Hunter (2005). Statistics for Experimenters, 2nd edition, chapter 6. Wiley.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

KINDS = ("single", "full", "fractional")
CONTROL = "control"  # the label of the combination of all controls
Levels = Mapping[str, str]  # factor -> level
Word = frozenset[str]  # factors of a product


@dataclass(frozen=True)
class Factor:
    """A property of an arm that is varied.

    Attributes
    ----------
    levels : mapping
        Label of each level, then the parameters that it sets.
    control : str
        Label of the level that the others are compared with.
    """

    levels: Mapping[str, Mapping[str, object]]
    control: str

    @property
    def others(self) -> list[str]:
        """Labels of the levels that are compared with the control."""
        return [level for level in self.levels if level != self.control]


@dataclass(frozen=True)
class Design:
    """Which combinations of levels are run.

    Attributes
    ----------
    kind : {"single", "full", "fractional"}
        See the module.
    generators : mapping
        Factor, then the factors whose product it is. For fractional designs only.
    interactions : sequence of pairs of str
        Pairs of factors whose interaction is reported.
    """

    kind: str = "single"
    generators: Mapping[str, Sequence[str]] = field(default_factory=dict)
    interactions: Sequence[tuple[str, str]] = ()


def combinations(factors: Mapping[str, Factor], design: Design) -> list[dict[str, str]]:
    """List every combination that is run.

    Parameters
    ----------
    factors : mapping of str to Factor
        Factors by name.
    design : Design
        Which combinations to run.

    Returns
    -------
    list of dict
        Factor to level. The control comes first, and no combination occurs twice.
    """
    control = {name: factor.control for name, factor in factors.items()}
    generated = {"single": _single, "full": _full, "fractional": _fractional}[design.kind](factors, design)
    levels_of_arms = [control, *({**control, **levels} for levels in generated)]
    return list({tuple(levels.items()): levels for levels in levels_of_arms}.values())


def label(levels: Levels, factors: Mapping[str, Factor]) -> str:
    """Label a combination by the factors that are not at their control.

    Parameters
    ----------
    levels : mapping of str to str
        Factor to level.
    factors : mapping of str to Factor
        Factors by name.

    Returns
    -------
    str
        For example `dgm=off, ratio=2`; `control` if all factors are at their control.
    """
    changed = [f"{name}={level}" for name, level in levels.items() if level != factors[name].control]
    return ", ".join(changed) or CONTROL


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
    """Defining relation of a fraction: the products of factors that are constant.

    Parameters
    ----------
    design : Design
        A fractional design.

    Returns
    -------
    list of frozenset of str
        The factors of each product, the shortest product first.
    """
    words = [Word((name, *product)) for name, product in design.generators.items()]
    chosen = itertools.chain.from_iterable(itertools.combinations(words, n) for n in range(1, len(words) + 1))
    return sorted((_product(group) for group in chosen), key=lambda word: (len(word), sorted(word)))


def resolution(design: Design) -> int | None:
    """Resolution of a design: the number of factors in the shortest constant product.

    Parameters
    ----------
    design : Design
        A design of any kind.

    Returns
    -------
    int or None
        3: a main effect is aliased with an interaction of two factors. 4: two such interactions are aliased. 5:
        neither. None if the design is not a fraction.
    """
    words = defining_words(design) if design.kind == "fractional" else []
    return len(words[0]) if words else None


def aliases(design: Design, effect: Sequence[str], longest: int = 2) -> list[tuple[str, ...]]:
    """Effects that a design cannot separate from an effect.

    Parameters
    ----------
    design : Design
        A design of any kind.
    effect : sequence of str
        Factors of the effect: one for a main effect, two for their interaction.
    longest : int
        Largest number of factors of the effects that are returned.

    Returns
    -------
    list of tuple of str
        Main effects and interactions; empty if the design is not a fraction.
    """
    words = defining_words(design) if design.kind == "fractional" else []
    others = (_product([Word(effect), word]) for word in words)
    return sorted((tuple(sorted(other)) for other in others if 0 < len(other) <= longest), key=lambda o: (len(o), o))


def _product(words: Sequence[Word]) -> Word:
    """The product of signed factors. A factor that occurs twice cancels out."""
    product: Word = Word()
    for word in words:
        product = product ^ word
    return product
