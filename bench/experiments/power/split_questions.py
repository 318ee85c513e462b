"""What the comparisons of splits that a study declares could show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import registry
from bench.core import Study, Task
from bench.evaluation import metrics
from bench.evaluation.design_power import (
    LEARNT,
    SamplingDesign,
    cross_validation_sharing,
    detectable_difference,
)
from bench.evaluation.noise_model import NoiseModel
from bench.evaluation.noise_priors import prior_noise
from bench.evaluation.split_comparison import FAILURE
from bench.evaluation.split_power import SplitDesign, detectable_between_splits, with_any_partitions
from bench.experiments import plan
from bench.experiments.plan import ResolvedData
from bench.experiments.plan.primary_tests import primary_tests
from bench.experiments.plan.split_pairs import renamed, split_pairs
from bench.experiments.power.noise_records import own_noise
from bench.experiments.power.people_counts import PeopleCount, count_people
from bench.experiments.power.planned_tests import PlannedTest
from bench.experiments.power.split_forms import SplitPower


@dataclass(frozen=True)
class SplitQuestion:
    """A pair of splits of a study, and the arms that are compared. root: of the results."""

    name: str
    study: Study
    first: ResolvedData
    second: ResolvedData
    primary: bool
    root: Path

    @property
    def arms(self) -> list[str]:
        """The arms that read scans and are run under both splits."""
        left_out = {label for item in (self.first, self.second) for label in plan.repeated_arms(self.study, item)}
        rows = [(label, arm) for label, arm in self.study.rows() if label not in left_out]
        kept = [label for label, arm in rows if self.task.kind in (arm.tasks or (self.task.kind,))]
        return [label for label in kept if not registry.member("methods", dict(rows)[label].method).blind]

    @property
    def tests(self) -> int:
        """Its tests that share Holm's correction."""
        return len(self.arms) * (1 if self.study.margin is None else 2) if self.primary else 0

    @property
    def task(self) -> Task:
        return registry.make("datasets", self.first.spec.name, self.first.spec.params).task

    def answer(self, tests: int) -> SplitPower:
        """What it could show. tests: that share Holm's correction."""
        judge = metrics.metric(self.task.primary)
        unit = self.task.unit if judge.unit == "target" else judge.unit
        counts = [count_people(item.spec, item.split) for item in (self.first, self.second)]
        shared = None if None in (people := [count.people for count in counts]) else min(people)
        names = self.first.where, self.second.where, judge.title, unit
        found = SplitPower(*names, people[0], shared, max(1, tests), self.primary, room=judge.high - judge.low)
        if shared is None:
            return replace(found, problem=next(count.source for count in counts if count.people is None))
        if shared < 3:
            return replace(found, problem=f"{shared} people are too few for any test")
        noises, problem = self._noises(counts[1])
        return replace(found, problem=problem) if problem else self._judged(found, noises, people, counts[1])

    def _noises(self, count: PeopleCount) -> tuple[dict[str, tuple[NoiseModel, str]], str]:
        """Arm -> the noise of its score, and where it is from; or why nothing is known."""
        tests = [PlannedTest(arm, "", True, {arm: 1.0}) for arm in self.arms]
        known = {} if self._paired else own_noise(self.name, self.root, self.second, tests)
        prior = prior_noise(self.task, count.class_people, count.spread)
        if prior.noise is None and len(known) < len(tests):
            return {}, prior.reason
        assumed = prior.noise if self._paired else replace(prior.noise, training=prior.noise.training / 2)
        words = f"assumptions, as no similar arm has a record: {prior.reason}"
        return {arm: known.get((arm, ""), (assumed, words)) for arm in self.arms}, ""

    @property
    def _paired(self) -> bool:
        """Whether both splits test the same scans in every fold."""
        return self.first.split == self.second.split != "publisher"

    def _judged(
        self, found: SplitPower, noises: Mapping[str, tuple[NoiseModel, str]], people: Sequence[int], whole: PeopleCount
    ) -> SplitPower:
        designs = [
            self._design(item, count, whole) for item, count in zip((self.first, self.second), people, strict=True)
        ]
        repeats = self.second.split == "kfold"
        if self._paired:
            wider = max(designs, key=lambda one: one.sharing)
            least = replace(wider, partitions=float("inf"))
            sizes = {arm: detectable_difference(noise, wider, found.tests) for arm, (noise, _) in noises.items()}
            floor = {arm: detectable_difference(noise, least, found.tests) for arm, (noise, _) in noises.items()}
        else:
            design = SplitDesign(*designs, shared=found.shared)
            least = with_any_partitions(design)
            sizes = {arm: detectable_between_splits(noise, design, found.tests) for arm, (noise, _) in noises.items()}
            floor = {arm: detectable_between_splits(noise, least, found.tests) for arm, (noise, _) in noises.items()}
        if any(size != size for size in sizes.values()):
            return replace(found, problem=FAILURE)
        sources = tuple(source for _, source in noises.values())
        return replace(found, sources=sources, detectable=sizes, floor=floor if repeats else {})

    def _design(self, item: ResolvedData, people: int, whole: PeopleCount) -> SamplingDesign:
        folds, seeds = item.division(self.study.folds).folds, self.study.seeds
        if folds == 1:  # the rest of the people is the training part, which may hold those of the test part too
            rest = whole.people - people
            ratio = min(1.0, people / (LEARNT * item.fraction * rest)) if rest > 0 else 1.0
            return SamplingDesign(people, 1, 1, seeds, 1 + ratio)
        sharing = cross_validation_sharing(folds, item.fraction)
        return SamplingDesign(people, folds, item.partitions(self.study.partitions), seeds, sharing)


def split_questions(name: str, study: Study, data: Sequence[ResolvedData], root: Path) -> Iterator[SplitQuestion]:
    """The comparisons of splits that a study declares on the data sets that it runs on."""
    pairs = split_pairs(study, data)
    primary, places = renamed(primary_tests(study), pairs), {item.where: item for item in data}
    for pair in pairs.values():
        first, second = (places[label] for label in pair)
        yield SplitQuestion(name, study, first, second, not primary or pair in primary, root)
