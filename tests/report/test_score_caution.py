"""A stored score that its predictions do not have is named; scores that they have are not."""

from __future__ import annotations

import json

import pytest
from synthetic_results import AGE, MASKS, ArmSpec, DataSetSpec, write

from bench.report.score_caution import scores_unlike_predictions
from bench.report.tables import read
from bench.storage.atomic_io import json_checksum
from bench.storage.record_store import RECORD

ARMS = {"base": ArmSpec(0.8), "new": ArmSpec(1.0)}


def forge(root, plan, arm: str, fold: int, score: float) -> str:
    """Write another score into the record of a run, with its checksum; return the key."""
    (key,) = [cell.key for cell in plan.cells if (cell.arm, cell.fold) == (arm, fold)]
    path = root / "trials" / key / RECORD
    entry = json.loads(path.read_text())
    entry.pop("seal")
    entry["metrics"]["selected"][plan.data[0].task.primary] = score
    path.write_text(json.dumps({**entry, "seal": json_checksum(entry)}))
    return key


@pytest.mark.parametrize("data", [DataSetSpec(), DataSetSpec("years", AGE), DataSetSpec("vessels", MASKS)])
def test_scores_of_their_predictions_are_not_named(tmp_path, data):
    write(tmp_path, ARMS, [data])
    assert scores_unlike_predictions(read("toy", tmp_path).sections[0]) == ""


@pytest.mark.parametrize("data", [DataSetSpec(), DataSetSpec("years", AGE)], ids=["classes", "numbers"])
def test_a_score_that_was_written_by_hand_is_named_with_both_numbers(tmp_path, data):
    plan = write(tmp_path, ARMS, [data])
    key = forge(tmp_path, plan, "new", 2, 0.9876)
    words = scores_unlike_predictions(read("toy", tmp_path).sections[0])
    assert words.startswith("1 of 10 records has another")
    assert f"for example {key} (new): 0.9876 stored" in words
