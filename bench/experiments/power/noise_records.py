"""The noise of contrasts from earlier records of a results folder: of the same arms and data, else of similar arms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import BenchError, Trial, canonical, plural
from bench.core.study_plan import DataEntry, StudyPlan
from bench.evaluation.noise_model import NoiseModel, estimate_noise, mean_noise
from bench.experiments.plan import ResolvedData
from bench.experiments.power.planned_tests import PlannedTest
from bench.storage.record_store import Store
from bench.storage.stored_plan import read_plan

if TYPE_CHECKING:
    from bench.report.tables.results import DatasetResults

MOST_TESTS = 6  # of one study whose predictions are read
MOST_STUDIES = 20  # whose plans are read, the newest first
SAME, SIMILAR = "earlier records of the same arms and data", "earlier records of similar arms"

Pair = tuple[str, str]


@dataclass(frozen=True)
class RecordedNoise:
    """Noise of a contrast, and the records that it is from, in words."""

    noise: NoiseModel
    source: str


def recorded_noise(
    study: str, root: Path, item: ResolvedData, tests: Sequence[PlannedTest], methods: Mapping[str, str]
) -> dict[Pair, RecordedNoise]:
    """The noise of as many of the tests as records tell: all of them, or none.

    study: name of the folder of results of the study, whose own records come first. methods: arm -> its method and
    curriculum in canonical form, by which arms of other studies are recognised.
    """
    if not tests:
        return {}
    if own := _own(root / study / "plan.json", item, tests):
        similar = RecordedNoise(mean_noise(list(own.values())), f"{SIMILAR}: the other contrasts of this study")
        return _filled(own, SAME, tests, similar)
    for path in _others(root, study):
        names, noises = _other(path, item, methods)
        if noises:
            place = f"of the study {path.parent.name}"
            mean = mean_noise(list(noises.values()))
            similar = RecordedNoise(mean, f"{SIMILAR}: {plural(len(noises), 'contrast')} {place} on the same data")
            pairs = {(test.arm, test.against): (names.get(test.arm), names.get(test.against)) for test in tests}
            same = {pair: noises[other] for pair, other in pairs.items() if other in noises}
            return _filled(same, f"{SAME} {place}", tests, similar)
    return {}


def own_noise(
    study: str, root: Path, item: ResolvedData, tests: Sequence[PlannedTest]
) -> dict[Pair, tuple[NoiseModel, str]]:
    """The noise of those tests that the records of the study itself tell, and where it is from."""
    return {pair: (noise, SAME) for pair, noise in _own(root / study / "plan.json", item, tests).items()}


def _filled(
    same: Mapping[Pair, NoiseModel], source: str, tests: Sequence[PlannedTest], similar: RecordedNoise
) -> dict[Pair, RecordedNoise]:
    """The noise of every test: its own, else that of similar ones."""
    pairs = [(test.arm, test.against) for test in tests]
    return {pair: RecordedNoise(same[pair], source) if pair in same else similar for pair in pairs}


def _own(path: Path, item: ResolvedData, tests: Sequence[PlannedTest]) -> dict[Pair, NoiseModel]:
    plan = _readable(path)
    entry = plan and _entry(plan, item)
    if not entry:
        return {}
    first = sorted(tests, key=lambda test: not test.primary)[:MOST_TESTS]
    return _estimated(plan, entry, path.parents[1], {(test.arm, test.against): test.weights for test in first})


def _other(path: Path, item: ResolvedData, methods: Mapping[str, str]) -> tuple[dict[str, str], dict[Pair, NoiseModel]]:
    """Planned arm -> arm of another study with the same method, and the noise of contrasts of that study."""
    plan = _readable(path)
    entry = plan and _entry(plan, item)
    if not entry:
        return {}, {}
    store, ours = Store(path.parents[1]), {text: label for label, text in methods.items()}
    names: dict[str, str] = {}
    keys = {cell.arm: cell.key for cell in plan.cells if cell.role == "arm" and cell.data == entry.name}
    for label, key in keys.items():
        record = store.get(key)
        if record is not None and (arm := ours.get(method_text(record.trial))):
            names[arm] = label
    known = set(names.values())
    pairs = sorted((tuple(pair) for pair in plan.contrasts), key=lambda pair: -len(known & set(pair)))[:MOST_TESTS]
    return names, _estimated(plan, entry, path.parents[1], {pair: {pair[0]: 1.0, pair[1]: -1.0} for pair in pairs})


def method_text(trial: Trial) -> str:
    """Method and curriculum of a trial in canonical form."""
    return f"{trial.method.text} {trial.curriculum.text}"


def _readable(path: Path) -> StudyPlan | None:
    try:
        return read_plan(path) if path.is_file() else None
    except BenchError:  # of another protocol, or damaged: its numbers cannot be used
        return None


def _entry(plan: StudyPlan, item: ResolvedData) -> DataEntry | None:
    """The same data set, divided and tested in the same way."""
    for entry in plan.data:
        if entry.name == item.where and canonical(entry.params) == canonical(item.spec.params):
            return entry
    return None


def _others(root: Path, study: str) -> Iterator[Path]:
    """The plans of other studies in the results folder, the newest first."""
    plans = [path for path in root.glob("*/plan.json") if path.parent.name != study]
    yield from sorted(plans, key=lambda path: -path.stat().st_mtime)[:MOST_STUDIES]


def _estimated(
    plan: StudyPlan, entry: DataEntry, root: Path, tests: Mapping[Pair, Mapping[str, float]]
) -> dict[Pair, NoiseModel]:
    """The noise of tests that have the predictions of at least two folds."""
    from bench.report.tables.results import gather

    arms = {arm for weights in tests.values() for arm in weights}
    cells = tuple(c for c in plan.cells if c.data == entry.name and c.role == "arm" and c.arm in arms)
    try:
        (section,) = gather(replace(plan, data=(entry,), cells=cells), Store(root)).sections
    except BenchError:  # records that do not belong to the plan
        return {}
    passes = [replace(section, runs=tuple(r for r in section.runs if r.cell.seed == n)) for n in range(plan.seeds)]
    found = {pair: _noise_of(passes, weights) for pair, weights in tests.items() if set(weights) <= set(section.arms)}
    return {pair: noise for pair, noise in found.items() if noise is not None}


def _noise_of(passes: Sequence[DatasetResults], weights: Mapping[str, float]) -> NoiseModel | None:
    """The noise of a weighted sum of arms. passes: the runs of each seed."""
    from bench.report.tables.effects_table import differences
    from bench.report.tables.person_differences import fold_differences

    folds = []
    for seed, section in enumerate(passes):
        try:
            found = fold_differences(section, differences(section, weights)) or []
        except BenchError:  # predictions that are damaged
            found = []
        folds += [replace(fold, partition=fold.partition * len(passes) + seed) for fold in found]
    return estimate_noise(folds, passes[0].external) if folds else None
