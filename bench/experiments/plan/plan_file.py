"""plan.json, the plan of a study on disk, for the report and the status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench import registry
from bench.core import PROTOCOL, DataSpec, External, Study, paths, plain
from bench.core.study_plan import DataEntry, ExternalData, PlannedCell, PlantedLeak, StudyPlan
from bench.experiments.plan.factors import planned_design
from bench.experiments.plan.late_contrasts import late_contrasts
from bench.experiments.plan.planned_cells import AGAIN, Cell, repeated_arms
from bench.experiments.plan.primary_tests import contrasts, primary_tests
from bench.experiments.plan.resolve_data import ResolvedData
from bench.experiments.plan.split_pairs import renamed, split_pairs
from bench.storage.record_store import Store
from bench.storage.stored_plan import not_run, read_plan, write_plan


def folder(name: str, root: Path | None = None) -> Path:
    """The study's folder under a results root: plan, search and report. root: $BENCH_RESULTS if None."""
    return (root or paths.results_root()) / name


def write(
    name: str,
    study: Study,
    data: Sequence[ResolvedData],
    planned: Sequence[Cell],
    notes: Sequence[str] = (),
    command: str = "",
    root: Path | None = None,
    planted_leak: PlantedLeak | None = None,
) -> StudyPlan:
    """Write plan.json, which the report and the status read, and return the plan. root: of the results.

    planted_leak: what the checks did with the leak that the study planted, if it planted one.

    BenchError if the study's folder belongs to another protocol; the folder stays unchanged.
    """
    path, declared = folder(name, root) / "plan.json", contrasts(study)
    pairs, (late, changes) = split_pairs(study, data), _late(path, declared)
    plan = StudyPlan(
        study=name,
        question=study.question,
        protocol=PROTOCOL,
        reference=study.reference,
        contrasts=tuple(declared),
        split_contrasts=tuple(pairs.values()),
        primary=tuple(renamed(primary_tests(study), pairs)),
        floors=tuple(study.floors),
        blind=tuple(arm for arm, each in study.rows() if registry.member("methods", each.method).blind),
        margin=study.margin,
        again=(study.again, study.again + AGAIN) if study.again else None,
        random_labels=study.random_labels,
        planted_leak=planted_leak,
        folds=study.folds,
        partitions=study.partitions,
        seeds=study.seeds,
        recipe=study.recipe,
        data=tuple(_data_entry(item, study, planned) for item in data),
        design=planned_design(study),
        cards=_cards(data, planned),
        cells=tuple(_planned_cell(cell) for cell in planned),
        late=late,
        notes=(*notes, *changes),
        command=command,
    )
    write_plan(path, plan)
    return plan


def _late(path: Path, declared: Sequence[tuple[str, str]]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The contrasts that were declared when their results were there, with notes. BenchError for another protocol."""
    before = read_plan(path) if path.is_file() else None
    return late_contrasts(before, declared, Store(path.parents[1]))


def _pretraining_data(item: ResolvedData, planned: Iterable[Cell]) -> tuple[DataSpec, ...]:
    """The data sets that networks of a data entry are pretrained on, each once."""
    specs = [cell.trial.data for cell in planned if cell.trial.held_out and cell.where == item.where]
    return tuple({spec.text: spec for spec in specs}.values())


def _cards(data: Sequence[ResolvedData], planned: Sequence[Cell]) -> dict[str, dict[str, Any]]:
    """kind -> name -> the output of `bench describe` for every data set, method and curriculum of a plan."""
    trials = [cell.trial for cell in planned]
    sets = [spec for item in data for spec in (*item.specs, *_pretraining_data(item, planned))]
    return registry.descriptions(
        [spec.name for spec in sets],
        [trial.method.name for trial in trials],
        [trial.curriculum.name for trial in trials],
    )


def _data_entry(item: ResolvedData, study: Study, planned: Sequence[Cell]) -> DataEntry:
    dataset = registry.make("datasets", item.spec.name, item.spec.params)
    tested = registry.make("datasets", item.external.data.name, item.external.data.params) if item.external else None
    return DataEntry(
        name=item.where,
        data=item.spec.name,
        params=plain(item.spec.params),
        fingerprint=item.spec.fingerprint,
        phantom=dataset.phantom,
        stand_in_for=item.stand_in_for,
        title=dataset.title,
        task=(tested or dataset).task,
        shape=tuple(dataset.shape),
        split=item.split,
        fraction=item.fraction,
        noise=item.noise,
        missing=item.missing,
        folds=item.division(study.folds).folds,
        partitions=item.partitions(study.partitions),
        oracle=_oracle(item),
        external=_external(item.external, tested.title) if tested else None,
        alike=repeated_arms(study, item),
        pretraining=_pretraining_data(item, planned),
        label=item.label,
        changed=_changed(item.spec) if item.label else {},
        example=(tested or dataset).example,
    )


def _changed(spec: DataSpec) -> dict[str, Any]:
    """The parameters of a data set that differ from its defaults, in plain values."""
    usual = plain(registry.spec("datasets", spec.name, {}).params)
    return {name: value for name, value in plain(spec.params).items() if usual.get(name, ...) != value}


def _external(external: External, title: str) -> ExternalData:
    return ExternalData(data=external.data, labels=external.labels, title=title)


def _oracle(item: ResolvedData) -> float | None:
    """The score of the optimal reader of a phantom; None for real scans and for a phantom that does not exist yet."""
    from bench.data.prepare import open_prepared
    from bench.datasets._oracle import oracle_score

    if not registry.member("datasets", item.spec.name).phantom or not item.spec.fingerprint:
        return None
    prepared = open_prepared(item.spec.name, item.spec.params)
    return None if prepared is None or "oracle" not in prepared.covariates else oracle_score(prepared)


def _planned_cell(cell: Cell) -> PlannedCell:
    trial = cell.trial
    return PlannedCell(
        key=trial.key,
        data=cell.where,
        arm=cell.arm,
        role=cell.role,
        family=cell.family,
        method=trial.method.name,
        partition=trial.partition,
        fold=trial.fold,
        seed=trial.seed,
        number=trial.labels.number,
        upstream=tuple(each.key for each in cell.before),
        tuning=dict(cell.tuning),
    )


def read(name: str, root: Path | None = None) -> StudyPlan:
    """The plan of a study that ran under a results root. BenchError if it did not run there."""
    path = folder(name, root) / "plan.json"
    if not path.is_file():
        registry.study(name)  # for a misspelt name, the error gives the nearest one
        raise not_run(name, path.parent)
    return read_plan(path)
