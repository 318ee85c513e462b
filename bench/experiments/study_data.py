"""Makes the data of a study ready: repairs damaged data sets, and makes the phantoms that are not there yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench import registry
from bench.core import BenchError, Data, DataSpec, Study
from bench.experiments.planned_study import PlannedStudy, plan_cells
from bench.experiments.run_monitor import RunMonitor


def repair_prepared(data: Sequence[Data], study: Study, monitor: RunMonitor) -> None:
    """Prepare the damaged ones of these data sets again, those that the study pretrains on, and their phantoms.

    DamagedDataError if a damaged set has no source on this machine to be prepared from.
    """
    sets = [(each.name, each.params) for one in data for each in (one, one.external) if each]
    sets += [each for each in _pretraining_sets(study) if each not in sets]
    twins = [(registry.member("datasets", name).twin, {}) for name, _ in sets]
    for name, params in [*sets, *((twin, nothing) for twin, nothing in twins if twin)]:
        _repair(name, params, monitor)


def _pretraining_sets(study: Study) -> list[tuple[str, dict]]:
    """Name and parameters of every data set that an arm is pretrained on; planning reports a wrong arm."""
    sets = []
    for _, arm in study.rows():
        try:
            spec = registry.spec("methods", arm.method, arm.params)
            wanted = registry.make("methods", arm.method, arm.params).pretraining(spec)
            if wanted is not None:
                registry.make("datasets", wanted.data, wanted.data_params)
                sets.append((wanted.data, dict(wanted.data_params)))
        except BenchError:
            continue
    return sets


def _repair(name: str, params: dict, monitor: RunMonitor) -> None:
    from bench.data.prepare import DamagedDataError, open_prepared, prepare

    try:
        prepared = open_prepared(name, params)
        if prepared is not None:
            prepared.verify()
    except DamagedDataError as error:
        if error.source is None and not registry.member("datasets", name).phantom:
            raise
        monitor.message(str(error))
        with monitor.preparation(f"preparing {name} again") as progress:
            prepare(name, params, error.source, progress=progress, skip_broken=error.skipped, alike=error.alike)


def make_phantoms(study: PlannedStudy, monitor: RunMonitor) -> PlannedStudy:
    """The same plan, with every phantom made that was not there yet."""
    items = []
    for item in study.data:
        external = item.external
        if external:
            external = replace(external, data=_with_phantom(external.data, monitor))
        items.append(replace(item, spec=_with_phantom(item.spec, monitor), external=external))
    for spec in study.pretraining_data:
        _with_phantom(spec, monitor)
    return plan_cells(study.name, study.study, items, study.notes, study.smoke, study.store.root)


def _with_phantom(spec: DataSpec, monitor: RunMonitor) -> DataSpec:
    from bench.data.prepare import prepare

    if spec.fingerprint:
        return spec
    with monitor.preparation(f"making {spec.name}") as progress:
        return replace(spec, fingerprint=prepare(spec.name, spec.params, progress=progress).fingerprint)
