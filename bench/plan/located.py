"""The data sets that a study runs on: those that are prepared, or the phantoms that stand in for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench import paths, registry
from bench.core import BenchError, Data, DataSpec, Study


@dataclass(frozen=True)
class Found:
    """A data set that a study runs on."""

    spec: DataSpec
    stand_in_for: str | None = None


def locate(study: Study, fingerprint: Any, stand_ins: bool | None = None) -> tuple[list[Found], list[str]]:
    """The data sets that a study runs on, and notes about those that are missing.

    fingerprint: (name, params) -> str, or None where the set is not prepared. stand_ins: take the phantom twins of
    missing sets; None: where no data root is configured and none of the study's real sets is prepared. A phantom that
    is not there yet has an empty fingerprint: it can always be made.
    """
    there = {data.name: fingerprint(data.name, data.params) for data in study.datasets}
    real = [data for data in study.datasets if not registry.member("datasets", data.name).phantom]
    if stand_ins is None:
        stand_ins = not paths.data_root_is_configured() and not any(there[data.name] for data in real)
    found: list[Found] = []
    notes: list[str] = []
    for data in study.datasets:
        chosen, note = _locate(data, there[data.name], fingerprint, stand_ins, study.missing)
        found += [chosen] if chosen and chosen.spec not in [other.spec for other in found] else []
        notes += [note] if note else []
    names = [item.spec.name for item in found]
    if twice := {each for each in names if names.count(each) > 1}:
        raise BenchError(f"the data set {min(twice)} is here twice with other parameters; make it two studies")
    if not found:
        raise BenchError("no data set of this study is at hand: " + "; ".join(notes))
    return found, notes


def _locate(
    data: Data, mark: str | None, fingerprint: Any, stand_ins: bool, missing: str
) -> tuple[Found | None, str | None]:
    cls = registry.member("datasets", data.name)
    if mark or cls.phantom:
        return Found(_data_spec(data.name, data.params, mark or "")), None
    remedy = f"run: bench prepare {data.name} --from FOLDER"
    if stand_ins and cls.twin:
        note = f"{data.name} is not prepared: its phantom {cls.twin} stands in, and says nothing about real scans"
        return Found(_data_spec(cls.twin, {}, fingerprint(cls.twin, {}) or ""), data.name), note
    if stand_ins or missing == "skip":
        return None, f"{data.name} is not prepared and left out; {remedy}"
    raise BenchError(f"{data.name} is not prepared; {remedy} (or give --stand-ins for its phantom)")


def _data_spec(name: str, params: Mapping[str, Any], mark: str) -> DataSpec:
    return replace(registry.spec("datasets", name, params), fingerprint=mark)
