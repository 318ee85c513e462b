"""What a study could show as it is planned, and what other designs could, before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import registry
from bench.core import Data, Dataset, External, Study, Task, Trial, task_kind
from bench.evaluation import metrics
from bench.evaluation.design_power import (
    LEARNT,
    SamplingDesign,
    cross_validation_sharing,
    detectable_difference,
    expected_error,
)
from bench.evaluation.noise_model import NoiseModel
from bench.evaluation.noise_priors import prior_noise
from bench.experiments import plan
from bench.experiments.plan import ResolvedData
from bench.experiments.plan.estimate import cost_kind, estimate
from bench.experiments.plan.primary_tests import primary_tests
from bench.experiments.power.noise_records import RecordedNoise, method_text, recorded_noise
from bench.experiments.power.people_counts import PeopleCount, count_people, people_in
from bench.experiments.power.planned_tests import PlannedTest, planned_tests
from bench.experiments.power.power_forms import Alternative, ContrastPower, DataPower, StudyPower
from bench.experiments.power.split_questions import SplitQuestion, split_questions

if TYPE_CHECKING:
    from bench.experiments.planned_study import PlannedStudy

PARTITIONS = (1, 2, 4, 10, 20)
ONE_FOLD = "one fold cannot be tested, as it does not show how trainings differ; divide the data by kfold"
UNKNOWN_DIVISION = "its division is unknown until it is prepared"
NO_TEST = "the study declares no primary test on it"


@dataclass(frozen=True)
class _DataPlan:
    """A data set of a study with its tests. runs: whether the plan runs on it; else it is not prepared."""

    item: ResolvedData
    study: Study
    runs: bool
    tests: tuple[PlannedTest, ...]

    @property
    def phantom(self) -> bool:
        return registry.member("datasets", self.item.spec.name).phantom

    @property
    def primary(self) -> list[PlannedTest]:
        return [test for test in self.tests if test.primary]

    @property
    def task(self) -> Task:
        return _tested(self.item).task

    @property
    def shared(self) -> int:
        """Its tests that share Holm's correction."""
        return len(self.primary) * (1 if self.study.margin is None else 2)


def study_power(planned: PlannedStudy, people: int | None = None) -> StudyPower:
    """What a planned study could show on each of its data sets, and on those that are not prepared.

    people: number of people of each data set that is not prepared; None: that of its card.
    """
    runs = [_data_plan(planned.study, item, True) for item in planned.data]
    absent = [_data_plan(planned.declared or planned.study, item, False) for item in _absent(planned)]
    splits = list(split_questions(planned.name, planned.study, planned.data, planned.store.root))
    seconds = _seconds(planned)
    methods = {cell.arm: method_text(cell.trial) for cell in planned.cells if cell.role == "arm"}
    found = []
    for each in (*runs, *absent):
        family = [other for other in runs if other.phantom == each.phantom]
        family += [] if each.runs else absent
        compared = sum(one.tests for one in splits if _phantom(one) == each.phantom)
        noises = {}
        if each.runs:
            noises = recorded_noise(planned.name, planned.store.root, each.item, each.primary, methods)
        tests = sum(other.shared for other in family) + compared
        found.append(_DataQuestion(each, tests, noises, seconds, people).answer())
    answers = []
    for one in splits:
        shared = sum(each.shared for each in runs if each.phantom == _phantom(one))
        answers.append(one.answer(shared + sum(each.tests for each in splits if _phantom(each) == _phantom(one))))
    return StudyPower(tuple(found), tuple(answers))


def declared_power(name: str, study: Study, root: Path, people: int | None = None) -> StudyPower:
    """What a study could show that cannot run yet, as its data are not prepared: from the numbers on their cards.

    root: of the results. people: number of people of each data set that is not prepared; None: that of its card.
    """
    plans = [_data_plan(study, _unprepared(data), False) for data in study.datasets]
    tests = {phantom: sum(each.shared for each in plans if each.phantom == phantom) for phantom in (True, False)}
    found = [_DataQuestion(each, tests[each.phantom], {}, {}, people).answer() for each in plans]
    splits = split_questions(name, study, [each.item for each in plans], root)
    return StudyPower(tuple(found), tuple(one.answer(one.tests) for one in splits))


def _phantom(question: SplitQuestion) -> bool:
    return registry.member("datasets", question.first.spec.name).phantom


def _data_plan(study: Study, item: ResolvedData, runs: bool) -> _DataPlan:
    same = plan.repeated_arms(study, item)
    kind = registry.make("datasets", item.spec.name, item.spec.params).task.kind
    arms = [label for label, arm in study.rows() if label not in same and kind in (arm.tasks or (kind,))]
    tests = planned_tests(study, plan.contrasts(study), primary_tests(study), arms, same)
    return _DataPlan(item, study, runs, tuple(tests))


def _absent(planned: PlannedStudy) -> Iterator[ResolvedData]:
    """The real data sets of the study that are not prepared: a phantom stands in for them, or they are left out."""
    present = {item.spec.name for item in planned.data}
    for data in (planned.declared or planned.study).datasets:
        if data.name not in present and not registry.member("datasets", data.name).phantom:
            yield _unprepared(data)


def _unprepared(data: Data) -> ResolvedData:
    spec, other = registry.spec("datasets", data.name, data.params), data.external
    tested = External(registry.spec("datasets", other.name, other.params)) if other else None
    return ResolvedData(spec, None, data.split, tested, data.fraction, data.noise, missing=data.missing)


def _seconds(planned: PlannedStudy) -> Mapping[tuple[str, str], float]:
    """(data, arm) -> seconds of a training, where records tell."""
    first: dict[tuple[str, str], Trial] = {}
    for cell in planned.cells:
        if cell.role == "arm":
            first.setdefault((cell.where, cell.arm), cell.trial)
    costs = planned.trial_costs()  # of the open trials
    ran = planned.statuses["done"] > 0
    done = {place: trial for place, trial in first.items() if ran and place not in costs}
    needs = estimate(done.values(), planned.store.root).needs
    costs |= {place: needs[cost_kind(trial)] for place, trial in done.items() if cost_kind(trial) in needs}
    return {place: cost.seconds for place, cost in costs.items()}


@dataclass(frozen=True)
class _DataQuestion:
    """A data set, and what is known for its answer. tests: that share Holm's correction. people: if not prepared."""

    given: _DataPlan
    tests: int
    noises: Mapping[tuple[str, str], RecordedNoise]
    seconds: Mapping[tuple[str, str], float]
    people: int | None = None

    def answer(self) -> DataPower:
        item, study, task = self.given.item, self.given.study, self.given.task
        judge = metrics.metric(task.primary)
        divided = item.split == "kfold" or self.given.runs
        folds = item.division(study.folds).folds if divided else 0
        count = count_people(item.tested, item.split, self.people)
        power = DataPower(
            data=item.where,
            runs=self.given.runs,
            metric=judge.title,
            unit=task.unit if judge.unit == "target" else judge.unit,
            people=count.people,
            people_source=count.source,
            tests=self.tests,
            exploratory=len(self.given.tests) - len(self.given.primary),
            folds=folds,
            partitions=item.partitions(study.partitions),
            seeds=study.seeds,
            room=_room(judge, task, count.spread),
            margin=math.nan if study.margin is None else study.margin,
            repeats=item.split == "kfold",
            class_people=count.class_people,
            counted=task_kind(task.kind).counted[1],
        )
        if problem := self._problem(power, divided):
            return replace(power, problem=problem)
        return self._judged(power, count)

    def _problem(self, power: DataPower, divided: bool) -> str:
        """Why nothing can be judged, apart from unknown noise; empty otherwise."""
        if _tested(self.given.item).example:
            return _example_words(self.given.item, power)
        if not self.given.primary:
            return NO_TEST
        if not power.people:
            return power.people_source
        if not divided:
            return UNKNOWN_DIVISION
        if power.folds * power.partitions < 2:
            return ONE_FOLD
        return f"{power.people} {power.counted} are too few for any test" if power.people < 3 else ""

    def _judged(self, power: DataPower, count: PeopleCount) -> DataPower:
        prior = prior_noise(self.given.task, count.class_people, count.spread)
        if not self.noises and prior.noise is None:
            return replace(power, problem=prior.reason)
        assumed = RecordedNoise(prior.noise, f"assumptions, as no similar arm has a record: {prior.reason}")
        design = self._design(power)
        contrasts = []
        for test in self.given.primary:
            known = self.noises.get((test.arm, test.against), assumed)
            error = expected_error(known.noise, design)
            least = replace(design, partitions=math.inf) if power.repeats else design
            detectable, floor = (detectable_difference(known.noise, each, self.tests) for each in (design, least))
            place = test.arm, test.against, known.source, known.noise
            contrasts.append(ContrastPower(*place, error.se, error.df, detectable, min(detectable, floor)))
        power = replace(power, contrasts=tuple(contrasts), design=design)
        return replace(power, alternatives=tuple(self._alternatives(power)))

    def _design(self, power: DataPower) -> SamplingDesign:
        item, shape = self.given.item, (power.people, power.folds, power.partitions, power.seeds)
        if item.external:
            ratio = 1 / (LEARNT * item.fraction * (power.folds - 1))
            return SamplingDesign(*shape, same_people=True, train_to_test=ratio)
        return SamplingDesign(*shape, cross_validation_sharing(power.folds, item.fraction))

    def _alternatives(self, power: DataPower) -> Iterator[Alternative]:
        """Other numbers of partitions, twice the seeds, and more people; the planned design among them."""
        base = power.design
        counts = sorted({*PARTITIONS, power.partitions}) if power.repeats else [power.partitions]
        designs = [replace(base, partitions=count) for count in counts]
        designs += [replace(base, seeds=2 * base.seeds)]
        designs += [replace(base, people=times * base.people) for times in (2, 4)]
        arms = {arm for test in self.given.tests for arm in test.weights}
        each = [self.seconds.get((power.data, arm), math.nan) for arm in arms]
        for design in designs:
            trainings = design.folds * design.partitions * design.seeds
            found = [detectable_difference(one.noise, design, self.tests) for one in _different(power.contrasts)]
            shape = design.people, design.folds, design.partitions, design.seeds
            hours = sum(each) * trainings / 3600
            yield Alternative(*shape, design == base, trainings, hours, min(found), max(found))


def _example_words(item: ResolvedData, power: DataPower) -> str:
    """Why no difference is judged on a data set that is an example."""
    people = people_in(item.tested) or power.people
    units = "" if power.counted == "people" or not power.people else f" in {power.people} {power.counted}"
    return f"{people or 'few'} people{units} are an example: no contrast is tested, no significance is claimed"


def _tested(item: ResolvedData) -> Dataset:
    """The data set that networks are tested on."""
    return registry.make("datasets", item.tested.name, item.tested.params)


def _different(contrasts: tuple[ContrastPower, ...]) -> list[ContrastPower]:
    """One contrast for each noise."""
    noises: dict[NoiseModel, ContrastPower] = {each.noise: each for each in contrasts}
    return list(noises.values())


def _room(judge: metrics.Metric, task: Task, spread: float) -> float:
    """The largest improvement over chance that a metric leaves, in its unit; NaN if it is unknown."""
    chance = metrics.chance(task, judge.name)
    if chance is not None:
        return judge.high - chance
    if judge.name in ("mae", "rmse"):  # of the mean of normal targets
        return spread * (math.sqrt(2 / math.pi) if judge.name == "mae" else 1)
    return judge.high - judge.low if math.isfinite(judge.high - judge.low) else math.nan
