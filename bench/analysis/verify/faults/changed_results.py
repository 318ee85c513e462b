"""Results that are changed or mixed after they were made: records, predictions, plans, protocols, data."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.analysis.verify.planted_fault import CAUGHT, MISSED, PlantedFault, refusal, sentence_with
from bench.analysis.verify.planted_programs import DARKER, dataset, study
from bench.analysis.verify.sandbox import Sandbox, edit_plan
from bench.core import Arm
from bench.report.conclusions import cautions
from bench.storage.atomic_io import json_checksum, sha256_of
from bench.storage.record_store import PREDICTIONS, RECORD, Store

ARMS = {"one": Arm("constant"), "two": Arm("linear")}


@cache
def _finished() -> tempfile.TemporaryDirectory[str]:
    """A folder for the results of the study that every fault of this file changes a copy of."""
    return tempfile.TemporaryDirectory(prefix="bench-verify-")


def _run(place: Sandbox) -> None:
    """A study of two simple models, run to its end: once, and copied from then on."""
    place.add("planted", dataset(image=DARKER))
    finished = Path(_finished().name)
    if not (finished / "results").is_dir():
        place.run(study(ARMS, floors=()))
        shutil.copytree(place.folder, finished, dirs_exist_ok=True)
    for part in ("data", "results"):
        shutil.copytree(finished / part, place.folder / part, dirs_exist_ok=True)


def _records(place: Sandbox, name: str = "planted") -> list[Path]:
    plan = json.loads((place.results / name / "plan.json").read_text("utf-8"))
    return [place.results / "trials" / cell["key"] for cell in plan["cells"]]


def _damaged(place: Sandbox) -> str:
    damaged = place.report().results.damaged
    return f"{len(damaged)} record counts as not done: {next(iter(damaged.values()))}" if damaged else ""


def _edited_score(place: Sandbox, faulty: bool) -> str:
    """A score in a record that is written by hand."""
    _run(place)
    path = _records(place)[0] / RECORD
    if faulty:
        entry = json.loads(path.read_text("utf-8"))
        entry["metrics"]["selected"]["auc"] = 0.99
        path.write_text(json.dumps(entry), encoding="utf-8")
    return _damaged(place)


def _edited_predictions(place: Sandbox, faulty: bool) -> str:
    """Predictions that are replaced by the true classes."""
    _run(place)
    if faulty:
        _answer_rightly(_records(place)[0] / PREDICTIONS)
    return _damaged(place)


def _sealed_again(predictions: bool, place: Sandbox, faulty: bool) -> str:
    """A score that is written by hand, with the checksum of the record computed again, and its predictions too."""
    _run(place)
    folder = _records(place)[0]
    if faulty:
        entry = json.loads((folder / RECORD).read_text("utf-8"))
        entry.pop("seal")
        entry["metrics"]["selected"]["auc"] = 1.0
        if predictions:
            _answer_rightly(folder / PREDICTIONS)
            entry["files"][PREDICTIONS] = sha256_of(folder / PREDICTIONS)
        (folder / RECORD).write_text(json.dumps({**entry, "seal": json_checksum(entry)}), encoding="utf-8")
    return _damaged(place) or sentence_with(cautions(place.report().tables[0]), "than their predictions")


def _answer_rightly(path: Path) -> None:
    """Replace predictions by the true classes."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    np.savez_compressed(path, **{**arrays, "selected": np.eye(2)[arrays["y"]]})


def _exchanged(place: Sandbox, faulty: bool) -> str:
    """The record of a good trial in the place of that of a bad one."""
    _run(place)
    if faulty:
        first, *_, last = _records(place)
        shutil.rmtree(first)
        shutil.copytree(last, first)
    return _damaged(place)


def _edited_plan(change: Callable[[dict[str, Any]], None], words: str, place: Sandbox, faulty: bool) -> str:
    """A plan that is changed by hand after the run."""
    _run(place)
    if faulty:
        edit_plan(place.results / "planted" / "plan.json", change)
    return refusal(place.report, words)


def _arms_exchanged(sealed: bool, place: Sandbox, faulty: bool) -> str:
    """Two arms that have each other's trials in the plan."""
    _run(place)
    if faulty:
        edit_plan(place.results / "planted" / "plan.json", _other_arms, sealed)
    return refusal(place.report, "was changed after it was written")


def _other_arms(plan: dict[str, Any]) -> None:
    for cell in plan["cells"]:
        cell["arm"] = {"one": "two", "two": "one"}.get(cell["arm"], cell["arm"])


def _other_protocol(plan: dict[str, Any]) -> None:
    plan["protocol"] = 1


def _other_scans(plan: dict[str, Any]) -> None:
    plan["data"][0]["fingerprint"] = "0" * 20


def _other_steps(plan: dict[str, Any]) -> None:
    plan["recipe"]["steps"] = 5000


def _one_fold(plan: dict[str, Any]) -> None:
    plan["cells"] = [cell for cell in plan["cells"] if cell["fold"] == 2]


def _merged(place: Sandbox, faulty: bool) -> str:
    """Results of two machines with other scans under the name of one data set."""
    from bench.experiments.merge.merge_results import merge_results

    _run(place)
    other = place.folder / "other"
    shutil.copytree(place.results, other)
    if faulty:
        edit_plan(other / "planted" / "plan.json", _other_scans)
    return refusal(lambda: merge_results([place.results, other], place.folder / "both"), "differs in")


def _unlike_code(place: Sandbox, faulty: bool) -> str:
    """Results of two machines that were made by two versions of the code."""
    from dataclasses import replace

    from bench.experiments.merge.merge_results import merge_results

    _run(place)
    other = place.folder / "other"
    shutil.copytree(place.results, other)
    if faulty:
        key = _records(place)[0].name
        record = Store(other).get(key)
        shutil.rmtree(other / "trials" / key)
        made = {**record.provenance, "code": {"commit": None, "sources": "0" * 20}, "started": "2000"}
        Store(other).put(replace(record, provenance=made, files={}))
    return refusal(lambda: merge_results([place.results, other], place.folder / "both"), "unlike code")


def _plan_fault(name: str, planted: str, change: Callable[[dict[str, Any]], None], words: str) -> PlantedFault:
    return PlantedFault(name, planted, CAUGHT, partial(_edited_plan, change, words))


FAULTS = (
    PlantedFault("record_edited", "A score in a record is written by hand.", CAUGHT, _edited_score),
    PlantedFault("predictions_edited", "Predictions are replaced by the true classes.", CAUGHT, _edited_predictions),
    PlantedFault(
        "record_sealed_again",
        "A score is written by hand, and the checksum of the record is computed again.",
        CAUGHT,
        partial(_sealed_again, False),
    ),
    PlantedFault(
        "predictions_sealed_again",
        "A score and its predictions are written by hand, and all checksums are computed again.",
        MISSED,
        partial(_sealed_again, True),
        "Checksums have no key: they tell changes by accident or by hand, not a forgery of all that belongs together."
        " Publish the manifest with its checksums before others can change records, or let others run the trial again.",
    ),
    PlantedFault("record_exchanged", "The record of a good trial stands in for that of a bad one.", CAUGHT, _exchanged),
    PlantedFault(
        "arms_exchanged", "The arms of a plan are exchanged by hand.", CAUGHT, partial(_arms_exchanged, False)
    ),
    PlantedFault(
        "arms_exchanged_sealed_again",
        "The arms of a plan are exchanged by hand, and its checksum is computed again.",
        MISSED,
        partial(_arms_exchanged, True),
        "As for records: checksums have no key. The parameters that the report lists are those of the records, and"
        " `bench run` writes the plan again from the study.",
    ),
    _plan_fault(
        "two_protocols",
        "A plan of an earlier version of the protocol is reported with new code.",
        _other_protocol,
        "protocol 1",
    ),
    _plan_fault(
        "other_scans", "The plan and the records are of differently prepared scans.", _other_scans, "fingerprint"
    ),
    _plan_fault(
        "more_steps_in_records",
        "The plan and the records differ in the number of steps.",
        _other_steps,
        "recipe (steps)",
    ),
    _plan_fault("folds_picked", "Only the fold with the best scores is left in the plan.", _one_fold, "lacks"),
    PlantedFault(
        "merged_other_scans", "Two labs with unlike scans under one name merge their results.", CAUGHT, _merged
    ),
    PlantedFault("merged_unlike_code", "Two labs with unlike code merge their results.", CAUGHT, _unlike_code),
)
