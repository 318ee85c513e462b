"""The tests that a study will make on a data set: its contrasts, and the effects of its factors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.core import Study
from bench.core.study_plan import PlannedDesign
from bench.experiments.plan.factors import planned_design


@dataclass(frozen=True)
class PlannedTest:
    """A difference that will be tested.

    Attributes
    ----------
    arm, against : str
        As in the tables; `against` is empty for an effect that is more than two arms.
    primary : bool
        Whether it shares Holm's correction.
    weights : mapping of str to float
        The arms that it consists of, each with its weight.
    """

    arm: str
    against: str
    primary: bool
    weights: Mapping[str, float]

    @property
    def name(self) -> str:
        """The test in words."""
        return f"{self.arm} against {self.against}" if self.against else self.arm


def planned_tests(
    study: Study,
    contrasts: Sequence[tuple[str, str]],
    primary: Collection[tuple[str, str]],
    arms: Collection[str],
    alike: Mapping[str, str],
) -> list[PlannedTest]:
    """The tests on a data set, each once.

    contrasts, primary: of the study, the latter empty if all are primary; arms: that are run on the data set; alike:
    arm that is left out -> the arm that it would repeat.
    """
    tests: dict[tuple[str, str], PlannedTest] = {}
    named = {pair: frozenset([pair]) for pair in contrasts if set(pair) <= set(arms)}
    weights = {pair: {pair[0]: 1.0, pair[1]: -1.0} for pair in named}
    for pair, names, shares in _effects(planned_design(study), arms, alike):
        named[pair] = named.get(pair, frozenset()) | names
        weights.setdefault(pair, shares)
    for pair, names in named.items():
        tests[pair] = PlannedTest(*pair, not primary or bool(names & set(primary)), weights[pair])
    return list(tests.values())


def _effects(
    design: PlannedDesign | None, arms: Collection[str], alike: Mapping[str, str]
) -> Iterator[tuple[tuple[str, str], frozenset[tuple[str, str]], dict[str, float]]]:
    """Arms, all names, and weights of the effects that a data set can show."""
    if design is None:
        return
    from bench.report.tables.effects_table import contrast_of, weights, weights_on_arms

    for effect, wanted in weights(design).items():
        if shares := weights_on_arms(wanted, arms, alike):
            name = f"{effect.factor}: {effect.level}", ""
            pair = contrast_of(shares) or name
            yield pair, frozenset([pair, name]), shares
