"""A leak that a study plants on purpose: data that the checks must refuse before anything is trained."""

from __future__ import annotations

from dataclasses import replace

from bench import registry
from bench.core import BenchError, Data, Study
from bench.core.study_plan import PlantedLeak
from bench.experiments.plan import ResolvedData
from bench.experiments.run_monitor import RunMonitor
from bench.experiments.split_check import DividedGroupsError, check_division


def try_planted_leak(study: Study, monitor: RunMonitor) -> PlantedLeak | None:
    """What the checks of the data do with the leak that a study plants; None if it plants none.

    The monitor shows the whole refusal, with names; what is returned has none.
    """
    data = study.planted_leak
    if data is None:
        return None
    refused = _refusal(data, study, monitor)
    if not refused:
        monitor.message(f"planted leak {data.where}: NOT found. The checks of the data missed it; trust no score here")
        return PlantedLeak(data=data.where)
    monitor.message(f"planted leak {data.where}: caught, as it should be. {refused}")
    return PlantedLeak(data=data.where, refused=refused.partition(":")[0])


def check_planted_leak(study: Study) -> None:
    """Raise BenchError if the data of a planted leak are no phantom, or are tested on other data."""
    data = study.planted_leak
    if data is None:
        return
    if not registry.member("datasets", data.name).phantom or data.external:
        raise BenchError(f"planted_leak must be a phantom without an external test set; {data.where} is not")


def _refusal(data: Data, study: Study, monitor: RunMonitor) -> str:
    """The message of the check that finds the divided groups; empty if none does."""
    from bench.data.prepare import fingerprint, prepare

    spec = registry.spec("datasets", data.name, data.params)
    try:
        with monitor.preparation(f"making {data.where}") as progress:
            prepared = prepare(data.name, data.params, progress=progress)
        spec = replace(spec, fingerprint=fingerprint(data.name, data.params) or "")
        item = ResolvedData(spec, split=data.split, fraction=data.fraction, leak=data.leak, label=data.label)
        check_division(prepared, item, study)
    except DividedGroupsError as error:
        return str(error)
    return ""
